"""Check paths given by users, and make them absolute, so that every process reads the same files."""

import dataclasses
import os
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tdaflow.errors import ConfigError
from tdaflow.remote import ADDRESS, place
from tdaflow.sources.cells import without_secrets

# Files of their owner alone, which stay on a disk.
_SECRETS = ("id_key",)


def refuse_address(given: str | os.PathLike[str], what: str) -> None:
    """Raise ConfigError for an address such as ``s3://bucket/run`` in place of a path.

    Parameters
    ----------
    given : str or path
        Text or path; a `pathlib.Path` made from an address is recognised too. User, password and query of an address
        are not shown.
    what : str
        Option that it was given for, such as ``--out``; begins the message.

    Raises
    ------
    ConfigError
    """
    text = os.fspath(given)
    if found := ADDRESS.match(text):
        scheme, rest = found[1] or found[2], text[found.end() :].lstrip("/")
        is_file = scheme.lower() == "file"
        address = without_secrets(f"{scheme}://{'/' * is_file}{rest}")
        remedy = "copy or mount what is there and give its path"
        if is_file:
            remedy = f"give the path {unquote(address.partition('://')[2])}"
        raise ConfigError(f"{what} {address} is an address, and this takes files of a disk only: {remedy}")


def absolute(given: str | os.PathLike[str]) -> Path:
    """Return a path relative to the working folder as an absolute one; links are kept."""
    return place(given).expanduser().absolute()


def absolute_options(options: Mapping[str, Any], kind: type | None) -> dict[str, Any]:
    """Return the options of a source with absolute paths, for workers with other working folders.

    Parameters
    ----------
    options : mapping
        From a configuration.
    kind : type or None
        Dataclass of the source; None for a volume store, whose option ``store`` is a path.

    Returns
    -------
    dict
        Text stays text, because configurations are stored as JSON; "none" becomes None, which TOML lacks, for options
        that may be left out.

    Raises
    ------
    ConfigError
        If an address is of a kind that cannot be read.
    """
    optional = {f.name for f in dataclasses.fields(kind) if f.default is None} if kind is not None else set()
    changed = {name: None if value == "none" and name in optional else value for name, value in options.items()}
    for name in path_options(kind) if kind is not None else {"store"}:
        value = changed.get(name)
        if isinstance(value, str | Path):
            if name in _SECRETS:
                refuse_address(value, f"data.{name}")
            changed[name] = str(absolute(value)) if isinstance(value, str) else absolute(value)
    return changed


def path_options(kind: type) -> set[str]:
    """Return the names of the options of a source that are paths."""
    hints = typing.get_type_hints(kind)
    names = (field.name for field in dataclasses.fields(kind))
    return {name for name in names if Path in (hints[name], *typing.get_args(hints[name]))}
