"""Arguments and options that several verbs share."""

import functools
import inspect
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.models import ArgumentInfo

from tdaflow.errors import InputError


def named_columns(
    label: str | None, split: str | None, group: str | None, identity: str | None, site: str | None
) -> list[str]:
    """Return the assignments of a configuration that name the columns of a table."""
    given = {"label": label, "split": split, "group": group, "id": identity, "site": site}
    return [f"data.{name}_column={json.dumps(column)}" for name, column in given.items() if column is not None]


# Arguments and options that may be an address of an object store, by verb.
_REMOTE = {
    "run": {"config", "out", "data"},
    "ingest": {"config", "out", "data"},
    "plan": {"config", "out", "data"},
    "apply": {"run", "data", "out"},
    "predict": {"run", "data", "features"},
    "status": {"run"},
    "check": {"path"},
    "inspect": {"run"},
    "report": {"run", "out"},
    "compare": {"first", "second"},
    "export": {"run"},
    "distances": {"run"},
    "evaluate": {"run"},
}


def with_checked_paths(verb: Callable[..., None]) -> Callable[..., None]:
    """Wrap a verb so that it refuses what is not there, and addresses such as ``s3://bucket/run`` where it takes none.

    Arguments are what a verb reads. They are looked for before the verb imports what works on them, which takes longer.
    """
    takes = _REMOTE.get(verb.__name__, set())
    parameters = inspect.signature(verb).parameters
    infos = {name: parameter.annotation.__metadata__[0] for name, parameter in parameters.items()}

    @functools.wraps(verb)
    def checked(**given: Any) -> None:
        from tdaflow.remote import is_address, place

        for name, value in given.items():
            is_argument = isinstance(infos[name], ArgumentInfo)
            if not (isinstance(value, Path) or (is_argument and isinstance(value, str))):
                continue
            if not is_address(value):
                continue
            if name in takes:
                given[name] = type(value)(place(value)) if isinstance(value, str) else place(value)
            else:
                from tdaflow.sources.paths import refuse_address

                refuse_address(value, infos[name].metavar if is_argument else f"--{name.replace('_', '-')}")
        for name, value in given.items():
            if isinstance(infos[name], ArgumentInfo) and not is_address(value):
                _find(value, infos[name].metavar)
        verb(**given)

    return checked


def _find(given: Any, metavar: str) -> None:
    """Raise ConfigError or InputError for a path, or the name of a configuration, that does not exist."""
    if isinstance(given, str) and "CONFIG" in metavar:
        from tdaflow.config import config_or_data

        config_or_data(given)
    elif isinstance(given, Path):
        with suppress(OSError):  # what is there and cannot be read is for the verb to say
            if not given.expanduser().exists():
                raise InputError(f"there is no file or folder {given}: check the path")


ConfigOrData = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG.toml|DATA",
        help="A TOML file, the name of a packaged workflow, or data: a folder of NIfTI, DICOM or "
        "OME-Zarr images, a manifest, a stack of arrays, or a volume store.",
    ),
]
IdKey = Annotated[
    Path | None,
    typer.Option("--id-key", metavar="FILE", help="DICOM: file of the secret key of ids; created if missing."),
]
AllowUneven = Annotated[
    bool, typer.Option("--allow-uneven", help="DICOM: resample series with uneven spacing or a tilted gantry.")
]
PrivateMap = Annotated[
    Path | None,
    typer.Option("--write-private-map", metavar="FILE", help="DICOM: write a private table of ids and files."),
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder of the run. [dim]\\[runs/CONFIG][/dim]")
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder of the source's files.", show_default=False)
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, as images.epsilon=0.9; may be repeated."),
]
LabelColumn = Annotated[
    str | None, typer.Option("--label", metavar="COLUMN", help="Column of the table that holds the labels.")
]
SplitColumn = Annotated[
    str | None, typer.Option("--split", metavar="COLUMN", help="Column that holds train, val or test.")
]
GroupColumn = Annotated[
    str | None, typer.Option("--group", metavar="COLUMN", help="Column of what no split may divide, as patients.")
]
IdColumn = Annotated[str | None, typer.Option("--id", metavar="COLUMN", help="Column that holds the ids.")]
SiteColumn = Annotated[
    str | None, typer.Option("--site", metavar="COLUMN", help="Column of where a volume was acquired.")
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="WHERE",
        help="Compute with sync, threads, processes, tcp://host:port, or a TOML file. [dim]\\[threads][/dim]",
    ),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Number of tasks at the same time. [dim]\\[one a core][/dim]")
]
