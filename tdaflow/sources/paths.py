"""Paths as users give them: of this machine's file systems, and the same for every process that works on them."""

import dataclasses
import os
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tdaflow.errors import ConfigError

# The second form is what pathlib makes of the first; a drive of Windows has one letter.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|([A-Za-z][A-Za-z0-9+.-]+):/")


def refuse_address(given: str | os.PathLike[str], what: str) -> None:
    """Refuse an address such as ``s3://bucket/run`` where a path is to be.

    Parameters
    ----------
    given : str or path
        As typed; a `pathlib.Path` made of an address is recognised too.
    what : str
        What it was given for, such as ``--out``; begins the message.

    Raises
    ------
    ConfigError
    """
    text = os.fspath(given)
    if found := _ADDRESS.match(text):
        address = f"{found[1] or found[2]}://{text[found.end() :].lstrip('/')}"
        raise ConfigError(
            f"{what} {address} is an address, and tdaflow reads and writes files only: "
            "copy or mount what is there and give its path"
        )


def absolute(given: str | os.PathLike[str]) -> Path:
    """The absolute path, a relative one taken from the working folder of this process; links stay as they are."""
    return Path(os.path.expanduser(given)).absolute()


def absolute_options(options: Mapping[str, Any], kind: type | None) -> dict[str, Any]:
    """Options of a source with every path absolute, so that workers with other working folders read the same files.

    Parameters
    ----------
    options : mapping
        As a configuration gives them.
    kind : type or None
        The source's dataclass; None for the options of a volume store, of which ``store`` is a path.

    Returns
    -------
    dict
        With text where text was given, for configurations are kept as JSON; an option that may be left out is None
        where "none" was given, for TOML has no word for None.

    Raises
    ------
    ConfigError
        If an address is given where a path is to be.
    """
    optional = {f.name for f in dataclasses.fields(kind) if f.default is None} if kind is not None else set()
    changed = {name: None if value == "none" and name in optional else value for name, value in options.items()}
    for name in path_options(kind) if kind is not None else {"store"}:
        value = changed.get(name)
        if isinstance(value, str | os.PathLike):
            refuse_address(value, f"data.{name}")
            changed[name] = str(absolute(value)) if isinstance(value, str) else absolute(value)
    return changed


def path_options(kind: type) -> set[str]:
    """Names of the options of a source that are paths."""
    hints = typing.get_type_hints(kind)
    names = (field.name for field in dataclasses.fields(kind))
    return {name for name in names if Path in (hints[name], *typing.get_args(hints[name]))}
