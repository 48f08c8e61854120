"""Jobs of Grid Engine: Sun's, Oracle's, Univa's, Son of Grid Engine."""

import re
from collections.abc import Iterator
from typing import ClassVar, Literal
from xml.etree import ElementTree

from pydantic import model_validator

from tdaflow.cluster.batch import Batch, JobTable, Listed


class GridEngineTable(JobTable):
    """Jobs of Grid Engine.

    Attributes
    ----------
    parallel_environment : str or None
        The one that gives a job `cores` slots of one node, such as ``smp``; only for jobs of one core None.
    """

    parallel_environment: str | None = None

    @model_validator(mode="after")
    def _check_slots(self) -> "GridEngineTable":
        if self.cores > 1 and self.parallel_environment is None:
            raise ValueError(
                f"jobs of {self.cores} cores need a parallel_environment, such as smp (`qconf -spl` lists them)"
            )
        return self


class GridEngine(Batch):
    """Jobs of Grid Engine."""

    title: ClassVar = "Grid Engine"
    job_class: ClassVar = "sge.SGEJob"
    submit: ClassVar = "qsub"
    verify: ClassVar = ("-w", "v")
    refusal: ClassVar = r"Unable to run job: (?:error: )?(?:Job was rejected because |job rejected: )?(.*)"
    account_option: ClassVar = "project"

    kind: Literal["sge"] = "sge"
    sge: GridEngineTable

    def own_directives(self, logs: str) -> list[str]:
        """Send the output to a log of the job's number, and ask for the slots."""
        slots = [f"-pe {self.sge.parallel_environment} {self.sge.cores}"] if self.sge.parallel_environment else []
        # Grid Engine does not look at the first line of a script for its shell.
        # What is before a colon would be a host.
        return ["-S /bin/bash", f'-o ":{logs}/job-$JOB_ID.log"', *slots]

    @staticmethod
    def listing(job_name: str) -> list[str]:
        """Return the command that lists jobs."""
        return ["qstat", "-xml"]

    @staticmethod
    def read_listing(text: str, job_name: str) -> dict[str, Listed]:
        """Return state and reason of every job of that name."""
        return dict(_listed(text, job_name))

    @staticmethod
    def ending(job_id: str) -> list[str]:
        """Return the command that tells how a job has ended; one in an error state is still there."""
        return ["sh", "-c", 'qstat -j "$0" 2>/dev/null || qacct -j "$0"', job_id]

    @staticmethod
    def read_ending(text: str) -> str:
        """Return why it could not start, or its exit code and node."""
        error = re.search(r"^error reason.*: (.+: .+)$", text, re.MULTILINE)
        if error:
            return error[1]
        facts = dict(re.findall(r"^(\w+) +(\S+)", text, re.MULTILINE))
        return f"exit code {facts.get('exit_status', 'unknown')} on {facts.get('hostname', 'a node unknown')}"


def _listed(text: str, job_name: str) -> Iterator[tuple[str, Listed]]:
    try:
        jobs = ElementTree.fromstring(text).iter("job_list")
    except ElementTree.ParseError as error:
        raise ValueError(f"qstat tells no XML: {error}") from None
    for job in jobs:
        if job.findtext("JB_name") != job_name:
            continue
        state = job.findtext("state", "")
        if "E" in state:
            listed = Listed("STUCK")
        elif "w" in state:
            listed = Listed("PENDING", "held" if "h" in state else "queued")
        else:
            listed = Listed("RUNNING")
        yield job.findtext("JB_job_number", ""), listed
