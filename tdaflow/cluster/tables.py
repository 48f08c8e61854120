"""The tables [ssh] and [slurm] of a cluster specification."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_WALLTIME = re.compile(r"(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)")
# How long before its wall time a job lets its workers finish, at most.
_LONGEST_MARGIN = timedelta(minutes=10)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SSHTable(_Table):
    """Hosts that are reached by SSH.

    Attributes
    ----------
    hosts : tuple of str
        Where workers are started. Each listens at the address that its name stands for.
    scheduler : str or None
        The host of the scheduler; None for the first of `hosts`.
    username, port, key : str, int, str or None
        As in ``~/.ssh/config``, which is read too; `key` is the path of a private key.
    known_hosts : str or None
        The file with the hosts' public keys; None for ``~/.ssh/known_hosts``. Unknown hosts are refused.
    python : str or None
        Python on the hosts; None for the path of the one that runs tdaflow.
    """

    hosts: Annotated[tuple[str, ...], Field(min_length=1)]
    scheduler: str | None = None
    username: str | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    key: str | None = None
    known_hosts: str | None = None
    python: str | None = None


class SlurmTable(_Table):
    """Jobs of a SLURM cluster; each runs one worker process a core.

    Attributes
    ----------
    interface : str
        Network interface of the nodes and of this machine, such as ``ib0``.
    queue, account : str or None
        Partition and account.
    cores : int
        Of one job.
    memory : str
        Of one job, as Dask writes it.
    walltime : str
        Of one job, ``[days-]hours:minutes:seconds``.
    jobs, minimum_jobs : int
        The most and the fewest jobs at a time; between them, what the work needs.
    directives, prologue : tuple of str
        More options of ``sbatch``, and lines of shell before the workers start.
    python : str or None
        Python on the nodes; None for the path of the one that runs tdaflow.
    local_directory, log_directory : str or None
        Scratch folder of the nodes; folder of the jobs' logs.
    """

    interface: str
    queue: str | None = None
    account: str | None = None
    cores: Annotated[int, Field(ge=1)] = 1
    memory: str = "4GiB"
    walltime: str = "01:00:00"
    jobs: Annotated[int, Field(ge=1)] = 10
    minimum_jobs: Annotated[int, Field(ge=0)] = 0
    directives: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()
    python: str | None = None
    local_directory: str | None = None
    log_directory: str | None = None

    @field_validator("walltime")
    @classmethod
    def _check_walltime(cls, walltime: str) -> str:
        if _duration(walltime) < timedelta(minutes=2):
            raise ValueError(f"walltime must be at least 00:02:00, got {walltime}")
        return walltime

    @model_validator(mode="after")
    def _check_jobs(self) -> "SlurmTable":
        if self.minimum_jobs > self.jobs:
            raise ValueError(f"minimum_jobs ({self.minimum_jobs}) exceeds jobs ({self.jobs})")
        return self

    @property
    def lifetime(self) -> tuple[int, int]:
        """Seconds after which a worker hands its tasks on and ends, and by how many they are staggered.

        A worker that SLURM kills at the wall time counts as a death for its task; one that ends by itself does not.
        All are gone half a margin before it, and not all at once.
        """
        walltime = _duration(self.walltime)
        margin = min(_LONGEST_MARGIN, walltime / 5)
        return int((walltime - margin).total_seconds()), int((margin / 2).total_seconds())


def _duration(walltime: str) -> timedelta:
    match = _WALLTIME.fullmatch(walltime)
    if match is None:
        raise ValueError(f"walltime is [days-]hours:minutes:seconds, such as 24:00:00, got {walltime!r}")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
