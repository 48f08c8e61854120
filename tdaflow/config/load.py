"""Read a configuration: preset ← TOML file ← ``--set key=value``."""

import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tdaflow.config.messages import sentence
from tdaflow.config.model import RunConfig
from tdaflow.config.toml import parse_toml
from tdaflow.errors import ConfigError
from tdaflow.sources import SOURCES
from tdaflow.sources.paths import absolute_options


def load_config(
    path: Path | None,
    overrides: Sequence[str] = (),
    *,
    data: Path | None = None,
    tables: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Read a TOML file, merge it over its preset, apply the overrides and validate the result.

    Relative paths in the section ``data`` are resolved against the working folder, wherever they were given, because
    workers may run in other folders.

    Parameters
    ----------
    path : Path or None
        The file; None for the default preset alone.
    overrides : sequence of str
        ``section.key=value`` with the value in TOML (a bare word is a string).
    tables : mapping, optional
        In place of a file: what it would hold.
    data : Path, optional
        Where the source's files are: the value of the option that the source names in its ``location``.

    Raises
    ------
    ConfigError
        If the file cannot be read, or a key or value is not allowed; the message names it and what is allowed.
    """
    given = dict(tables or {}) if path is None else read_tables(path)
    if "pinet" in given:
        raise ConfigError(f"{path} trains a PI-Net on signals or images: run `tdaflow pinet train {path}`")
    given = apply_overrides(given, overrides)
    if data is not None:
        section = given.get("data")
        kind = section.get("kind") if isinstance(section, dict) else None
        option = getattr(SOURCES.get(str(kind)), "location", None)
        if option is None or section is None:
            raise ConfigError(f"--data {data} has no meaning for a source of kind {kind or 'phantoms'!r}; leave it out")
        section[option] = str(data)
    if isinstance(given.get("data"), dict):
        given["data"] = absolute_options(given["data"], SOURCES.get(str(given["data"].get("kind"))))
    try:
        return RunConfig.model_validate(given)
    except ValidationError as error:
        raise ConfigError(sentence(error)) from None


def read_tables(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds; ConfigError if it cannot be read."""
    try:
        return parse_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the configuration {path} cannot be read ({error.strerror}); give a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def apply_overrides(given: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a copy of a nested mapping with ``a.b=value`` assignments made."""
    result = deepcopy(dict(given))
    for override in overrides:
        key, equals, text = override.partition("=")
        names = key.strip().split(".")
        if not equals or not all(names):
            raise ConfigError(f"--set {override!r} is not section.key=value")
        try:
            value = parse_toml(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        table = result
        for name in names[:-1]:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise ConfigError(f"--set {override!r}: {name!r} is a value, not a section")
        table[names[-1]] = value
    return result
