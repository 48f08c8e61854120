"""Jobs of a SLURM cluster."""

from typing import ClassVar, Literal

from tdaflow.cluster.batch import Batch, JobTable, Listed


class Slurm(Batch):
    """Jobs of a SLURM cluster."""

    title: ClassVar = "SLURM"
    job_class: ClassVar = "slurm.SLURMJob"
    submit: ClassVar = "sbatch"
    verify: ClassVar = ("--test-only",)
    # While nodes are down SLURM says the same of every job as of one that fits none.
    unfit: ClassVar = "Requested node configuration is not available"
    refusal: ClassVar = r"(?:.*(?:submission failed|failure): |sbatch: error: )?(.*)"

    kind: Literal["slurm"] = "slurm"
    slurm: JobTable

    def own_directives(self, logs: str) -> list[str]:
        """Send the output to a log of the job's number."""
        # dask-jobqueue's own option takes no blanks in a path.
        logs = logs.replace("%", "%%")
        return [f'--output="{logs}/job-%j.log"']

    @staticmethod
    def listing(job_name: str) -> list[str]:
        """Return the command that lists jobs."""
        return ["squeue", "--noheader", "--name", job_name, "--format", "%i|%T|%r"]

    @staticmethod
    def read_listing(text: str, job_name: str) -> dict[str, Listed]:
        """Return state and reason of every job that is there."""
        rows = (line.split("|", 2) for line in text.splitlines() if line.count("|") >= 2)
        # A job that SLURM has not yet considered has no reason.
        return {number.strip(): Listed(state, reason.strip().replace("None", "")) for number, state, reason in rows}

    @staticmethod
    def ending(job_id: str) -> list[str]:
        """Return the command that tells how a job has ended."""
        return ["scontrol", "--oneliner", "show", "job", job_id]

    @staticmethod
    def read_ending(text: str) -> str:
        """Return its state, exit code and node."""
        facts = dict(word.split("=", 1) for word in text.split() if "=" in word)
        node = facts.get("NodeList", "(null)")
        where = "" if node == "(null)" else f" on {node}"
        return f"{facts.get('JobState', 'in a state unknown')}, exit code {facts.get('ExitCode', 'unknown')}{where}"
