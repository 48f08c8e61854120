"""What ``--cluster`` accepts: a word, an address, or a TOML file."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tdaflow.errors import ConfigError, InputError
from tdaflow.packaged import packaged_file

LOCAL = ("sync", "threads", "processes")


class ClusterSpec(BaseModel):
    """Where the work runs.

    Attributes
    ----------
    kind : {"sync", "threads", "processes", "existing"}
        A loop in this process, threads of it, processes on this machine, or a Dask scheduler that is up already.
    workers : int or None
        Tasks at the same time; None for one a core. Not for ``existing``.
    memory_limit : str
        Memory of each process before it is restarted, as Dask writes it ("auto", "2GiB").
    dashboard : str
        Where the dashboard of a local cluster listens.
    address, scheduler_file : str or None
        One of them for ``existing``.
    tls_ca, tls_cert, tls_key : str or None
        Files for a scheduler with TLS.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["sync", "threads", "processes", "existing"]
    workers: Annotated[int, Field(ge=1)] | None = None
    memory_limit: str = "auto"
    dashboard: str = "127.0.0.1:8787"
    address: str | None = None
    scheduler_file: str | None = None
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None

    @model_validator(mode="after")
    def _one_way_to_reach(self) -> "ClusterSpec":
        ways = [self.address, self.scheduler_file]
        if self.kind == "existing" and ways.count(None) != 1:
            raise ValueError('kind = "existing" needs one of address and scheduler_file')
        if self.kind != "existing" and ways.count(None) != 2:
            raise ValueError(f'address and scheduler_file belong to kind = "existing", not to {self.kind!r}')
        return self


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
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "as a whole"
        if first["type"] == "extra_forbidden":
            known = ", ".join(ClusterSpec.model_fields)
            raise ConfigError(f"{given}: unknown key {where!r}; known are {known}") from None
        raise ConfigError(f"{given}: {where}: {first['msg'].removeprefix('Value error, ')}") from None
