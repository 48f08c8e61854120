"""Which kinds of cluster there are, and what ``--cluster`` accepts: a word, an address, or a TOML file.

A new kind is one more module with a subclass of `ClusterSpec`, and one more line in `KINDS`. Libraries that only that
kind needs are imported inside its methods.
"""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tdaflow.cluster.existing import Existing
from tdaflow.cluster.grid_engine import GridEngine
from tdaflow.cluster.local import Processes, Sync, Threads
from tdaflow.cluster.pbs import Pbs
from tdaflow.cluster.slurm import Slurm
from tdaflow.cluster.spec import ClusterSpec
from tdaflow.cluster.ssh import SSH
from tdaflow.config.toml import parse_toml
from tdaflow.errors import ConfigError, InputError, first_invalid
from tdaflow.packaged import packaged_file

KINDS: dict[str, type[ClusterSpec]] = {
    "sync": Sync,
    "threads": Threads,
    "processes": Processes,
    "existing": Existing,
    "ssh": SSH,
    "slurm": Slurm,
    "sge": GridEngine,
    "pbs": Pbs,
}

# Kinds that need no options.
_WORDS = ("sync", "threads", "processes")


def cluster_spec(**options: Any) -> ClusterSpec:
    """Make a specification from plain options.

    Parameters
    ----------
    **options
        ``kind`` (a key of `KINDS`) and the options of that kind, as a TOML file has them.

    Raises
    ------
    ConfigError
        For an unknown kind, and for an unknown, missing or wrong option.
    """
    return _validated(options, "the cluster specification")


def read_spec(text: str, workers: int | None = None) -> ClusterSpec:
    """Understand what a user typed after ``--cluster``.

    Parameters
    ----------
    text : str
        ``sync``, ``threads``, ``processes``, an address such as ``tcp://host:8786``, the path of a TOML file, or the
        name of one that comes with tdaflow.
    workers : int, optional
        Overrides the number of workers of a word or a file.

    Raises
    ------
    ConfigError
        If it is none of these, or the file is wrong.
    """
    more = {} if workers is None else {"workers": workers}
    if text in _WORDS:
        return _validated({"kind": text, **more}, "--cluster")
    if "://" in text:
        return _validated({"kind": "existing", "address": text}, "--cluster")
    path = Path(text)
    if not path.is_file():
        try:
            path = packaged_file("cluster", path.name if path.suffix else f"{text}.toml")
        except InputError:
            raise ConfigError(
                f"--cluster {text!r} is none of {', '.join(_WORDS)}, no address (tcp://host:port) and no TOML file"
            ) from None
    try:
        return _validated({**parse_toml(path.read_text(encoding="utf-8")), **more}, str(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); give a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def _validated(options: dict[str, Any], given: str) -> ClusterSpec:
    name = options.get("kind")
    if name not in KINDS:
        wrong = f"input should be one of {', '.join(KINDS)}, got {name!r}" if "kind" in options else "field required"
        raise ConfigError(f"{given}: kind: {wrong}")
    kind = KINDS[name]
    try:
        return kind.model_validate(options)
    except ValidationError as error:
        invalid = first_invalid(error)
        if invalid.is_unknown_key:
            raise ConfigError(f"{given}: {_unknown(kind, name, invalid.key)}") from None
        raise ConfigError(f"{given}: {invalid.key or 'as a whole'}: {invalid.what}") from None


def _unknown(kind: type[ClusterSpec], name: str, where: str) -> str:
    """Say to which kind an option belongs, or which options there are."""
    owner = next((other for other, spec in KINDS.items() if where in spec.model_fields), None)
    if owner is not None:
        return f'{where} belongs to kind = "{owner}", not to {name!r}'
    table: Any = kind.model_fields[where.partition(".")[0]].annotation if "." in where else kind
    return f"unknown key {where!r}; known are {', '.join(table.model_fields)}"
