"""What every kind of cluster has: common options, and the methods that `connect` and ``--dry-run`` call."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tdaflow.pipeline import Engine


class Options(BaseModel):
    """Checked, frozen options that refuse unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClusterSpec(Options):
    """Where the work runs: a subclass for each kind, listed in `tdaflow.cluster.KINDS`.

    A kind adds its own options, or a table of them under its name.

    Attributes
    ----------
    kind : str
        Key of `KINDS`.
    workers : int or None
        Tasks at the same time; None for one a core. With ``ssh`` on each host. Not for ``existing`` and batch systems.
    memory_limit : str
        Memory of each process before it is restarted, as Dask writes it ("auto", "2GiB").
    dashboard : str
        Where the dashboard of a cluster that tdaflow starts listens.
    tls : bool or None
        Encrypt traffic and authenticate both sides; None for: wherever traffic leaves this machine.
    tls_ca, tls_cert, tls_key : str or None
        Files for TLS; without them a cluster that tdaflow starts gets credentials that are made for it alone.
    shared_directory : str or None
        A folder of the user that every host sees, for those credentials; None for ``~/.tdaflow``.
    """

    uses_dask: ClassVar[bool] = True

    kind: str
    workers: Annotated[int, Field(ge=1)] | None = None
    memory_limit: str = "auto"
    dashboard: str = "127.0.0.1:8787"
    tls: bool | None = None
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    shared_directory: str | None = None

    @model_validator(mode="after")
    def _check_certificates(self) -> "ClusterSpec":
        files = [self.tls_ca, self.tls_cert, self.tls_key]
        if files.count(None) not in (0, 3):
            raise ValueError("tls_ca, tls_cert and tls_key are given together")
        if self.tls is False and None not in files:
            raise ValueError("tls = false and certificates contradict each other")
        return self

    @property
    def leaves_machine(self) -> bool:
        """True if scheduler and workers of a cluster that tdaflow starts talk over a network."""
        return False

    @property
    def encrypted(self) -> bool:
        """True if tdaflow sets up TLS: on request, with certificates, and wherever traffic leaves this machine."""
        if self.tls is not None:
            return self.tls
        return self.leaves_machine or self.tls_ca is not None

    def logging_to(self, folder: Path) -> Self:
        """Return a specification whose jobs keep their logs in `folder`, for kinds that submit jobs."""
        return self

    def check(self) -> None:
        """Raise ConfigError for what can be known before anything is started."""

    def engine(self, say: Callable[[str], None]) -> AbstractContextManager[Engine]:
        """Start or reach the workers; what was started ends with the block (`ConfigError` if that fails).

        `say` is told what a person should know meanwhile, such as what is waited for; from any thread.
        """
        raise NotImplementedError

    def describe(self) -> str:
        """Return one sentence for ``--dry-run``: who would work, where they would listen, and if encrypted."""
        raise NotImplementedError

    def job_script(self) -> str | None:
        """Return the script of each job, for kinds that submit jobs."""
        return None

    def _listening(self) -> str:
        encrypted = "encrypted" if self.encrypted else "not encrypted"
        return f"{encrypted}, with a dashboard on {self.dashboard}"
