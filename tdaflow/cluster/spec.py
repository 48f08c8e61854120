"""What ``--cluster`` accepts: a word, an address, or a TOML file."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tdaflow.cluster.tables import SlurmTable, SSHTable
from tdaflow.errors import ConfigError, InputError, first_invalid
from tdaflow.packaged import packaged_file

LOCAL = ("sync", "threads", "processes")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ClusterSpec(BaseModel):
    """Where the work runs.

    Attributes
    ----------
    kind : {"sync", "threads", "processes", "existing", "ssh", "slurm"}
        A loop in this process, threads of it, processes on this machine, a Dask scheduler that is up already, processes
        on machines that are reached by SSH, or jobs of a SLURM cluster.
    workers : int or None
        Tasks at the same time; None for one a core. With ``ssh`` on each host. Not for ``existing`` and ``slurm``.
    memory_limit : str
        Memory of each process before it is restarted, as Dask writes it ("auto", "2GiB").
    host : str
        Address at which the scheduler and the workers of ``processes`` listen.
    dashboard : str
        Where the dashboard of a cluster that tdaflow starts listens.
    address, scheduler_file : str or None
        One of them for ``existing``.
    tls : bool or None
        Whether traffic is encrypted and both sides prove who they are; None for: wherever it leaves this machine.
    tls_ca, tls_cert, tls_key : str or None
        Files for TLS; without them a cluster that tdaflow starts gets credentials that are made for it alone.
    shared_directory : str or None
        A folder of the user that every host sees, for those credentials; None for ``~/.tdaflow``.
    ssh, slurm : tables or None
        What only these kinds need.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["sync", "threads", "processes", "existing", "ssh", "slurm"]
    workers: Annotated[int, Field(ge=1)] | None = None
    memory_limit: str = "auto"
    host: str = "127.0.0.1"
    dashboard: str = "127.0.0.1:8787"
    address: str | None = None
    scheduler_file: str | None = None
    tls: bool | None = None
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    shared_directory: str | None = None
    ssh: SSHTable | None = None
    slurm: SlurmTable | None = None

    @model_validator(mode="after")
    def _one_way_to_reach(self) -> "ClusterSpec":
        ways = [self.address, self.scheduler_file]
        if self.kind == "existing" and ways.count(None) != 1:
            raise ValueError('kind = "existing" needs one of address and scheduler_file')
        if self.kind != "existing" and ways.count(None) != 2:
            raise ValueError(f'address and scheduler_file belong to kind = "existing", not to {self.kind!r}')
        for kind in ("ssh", "slurm"):
            if (getattr(self, kind) is None) == (self.kind == kind):
                raise ValueError(f'kind = "{kind}" and a table [{kind}] belong together')
        if self.host != "127.0.0.1" and self.kind != "processes":
            raise ValueError(f'host belongs to kind = "processes", not to {self.kind!r}')
        if self.kind == "slurm" and self.workers is not None:
            raise ValueError("workers is not for slurm; give slurm.cores and slurm.jobs")
        files = [self.tls_ca, self.tls_cert, self.tls_key]
        if files.count(None) not in (0, 3):
            raise ValueError("tls_ca, tls_cert and tls_key are given together")
        if self.tls is False and None not in files:
            raise ValueError("tls = false and certificates contradict each other")
        if self.tls is not None and self.kind == "existing":
            raise ValueError(
                "tls is for clusters that tdaflow starts; the address of an existing one begins with tls://"
            )
        if self.tls and self.kind in ("sync", "threads"):
            raise ValueError(f"{self.kind} sends nothing over a network, so it needs no tls")
        return self

    @property
    def encrypted(self) -> bool:
        """Whether tdaflow sets up TLS: on request, with certificates, and wherever traffic leaves this machine."""
        if self.tls is not None:
            return self.tls
        leaves = self.kind in ("ssh", "slurm") or (self.kind == "processes" and self.host not in _LOOPBACK)
        return leaves or self.tls_ca is not None


def read_spec(text: str, workers: int | None = None) -> ClusterSpec:
    """Understand what a user typed after ``--cluster``.

    Parameters
    ----------
    text : str
        ``sync``, ``threads``, ``processes``, an address such as ``tcp://host:8786``, the path of a TOML file, or the
        name of one that comes with tdaflow.
    workers : int, optional
        Overrides the number of workers of a local kind.

    Raises
    ------
    ConfigError
        In one sentence.
    """
    more = {} if workers is None else {"workers": workers}
    if text in LOCAL:
        return _validated({"kind": text, **more}, "--cluster")
    if "://" in text:
        return _validated({"kind": "existing", "address": text}, "--cluster")
    path = Path(text)
    if not path.is_file():
        try:
            path = packaged_file("cluster", path.name if path.suffix else f"{text}.toml")
        except InputError:
            raise ConfigError(
                f"--cluster {text!r} is none of {', '.join(LOCAL)}, no address (tcp://host:port) and no TOML file"
            ) from None
    try:
        return _validated({**tomllib.loads(path.read_text(encoding="utf-8")), **more}, str(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); give a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def _validated(options: dict[str, Any], given: str) -> ClusterSpec:
    try:
        return ClusterSpec.model_validate(options)
    except ValidationError as error:
        wrong = first_invalid(error)
        if wrong.is_unknown_key:
            tables: dict[str, type[BaseModel]] = {"ssh": SSHTable, "slurm": SlurmTable}
            known = ", ".join(tables.get(wrong.key.split(".")[0], ClusterSpec).model_fields)
            raise ConfigError(f"{given}: unknown key {wrong.key!r}; known are {known}") from None
        raise ConfigError(f"{given}: {wrong.key or 'as a whole'}: {wrong.what}") from None
