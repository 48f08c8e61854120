"""Jobs of PBS: OpenPBS, PBS Professional, Torque."""

import re
import shlex
from typing import ClassVar, Literal

from tdaflow.cluster.batch import Batch, JobTable, Listed

_FACT = re.compile(r"^ +(\w+) = (.*)$", re.MULTILINE)


class Pbs(Batch):
    """Jobs of PBS."""

    title: ClassVar = "PBS"
    job_class: ClassVar = "pbs.PBSJob"
    submit: ClassVar = "qsub"
    refusal: ClassVar = r"(?:qsub: )?(.*)"

    kind: Literal["pbs"] = "pbs"
    pbs: JobTable

    def own_directives(self, logs: str) -> list[str]:
        """Let PBS keep no output: it would copy it when the job has ended, in each flavour under another name."""
        return ["-j oe", "-o /dev/null"]

    def own_prologue(self, logs: str) -> list[str]:
        """Send the output to a log of the job's number."""
        return [f'exec >{shlex.quote(logs)}/job-"${{PBS_JOBID%%.*}}".log 2>&1']

    @staticmethod
    def listing(job_name: str) -> list[str]:
        """Return the command that lists jobs."""
        return ["sh", "-c", 'ids=$(qselect -N "$0") || exit; [ -z "$ids" ] || qstat -f $ids', job_name]

    @staticmethod
    def read_listing(text: str, job_name: str) -> dict[str, Listed]:
        """Return state and reason of every job that has not ended."""
        listed = {}
        for record in text.split("Job Id: ")[1:]:
            facts, number = dict(_FACT.findall(record)), record.partition(".")[0]
            state = facts.get("job_state", "")
            if state in ("Q", "H", "W", "T"):
                listed[number] = Listed("PENDING", facts.get("comment", "held" if state == "H" else "queued"))
            elif state not in ("C", "F", "X"):
                listed[number] = Listed("RUNNING")
        return listed

    @staticmethod
    def ending(job_id: str) -> list[str]:
        """Return the command that tells how a job has ended."""
        return ["qstat", "-x", "-f", job_id]

    @staticmethod
    def read_ending(text: str) -> str:
        """Return its exit code and node."""
        facts = dict(_FACT.findall(text))
        return f"exit code {facts.get('Exit_status', 'unknown')} on {facts.get('exec_host', 'a node unknown')}"
