"""Read a configuration: preset ← TOML file ← ``--set key=value``."""

import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tdaflow.config.messages import sentence
from tdaflow.config.model import RunConfig
from tdaflow.errors import ConfigError
from tdaflow.sources import SOURCES
from tdaflow.sources.paths import absolute_options


def load_config(
    path: Path | None,
    overrides: Sequence[str] = (),
    *,
    data: Path | None = None,
    data_option: Mapping[str, str] | None = None,
) -> RunConfig:
    """Read a TOML file, lay it over its preset, apply the overrides and validate.

    Paths of the section data become absolute here, relative ones from the working folder, in the file as on the command
    line: workers may run in other folders.

    Parameters
    ----------
    path : Path or None
        The file; None for the default preset alone.
    overrides : sequence of str
        ``section.key=value`` with the value in TOML (a bare word is a string).
    data : Path, optional
        Where the source's files are.
    data_option : mapping, optional
        Which option of a kind of source `data` fills.

    Raises
    ------
    ConfigError
        In one sentence: which key, what is wrong with it, what is allowed.
    """
    given: dict[str, Any] = {}
    if path is not None:
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"the configuration {path} cannot be read ({error.strerror}); give a TOML file") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid TOML: {error}") from None
    given = apply_overrides(given, overrides)
    if data is not None:
        section = given.get("data")
        kind = section.get("kind") if isinstance(section, dict) else None
        option = (data_option or {}).get(str(kind))
        if option is None or section is None:
            raise ConfigError(f"--data {data} has no meaning for a source of kind {kind or 'phantoms'!r}; leave it out")
        section[option] = str(data)
    if isinstance(given.get("data"), dict):
        given["data"] = absolute_options(given["data"], SOURCES.get(str(given["data"].get("kind"))))
    try:
        return RunConfig.model_validate(given)
    except ValidationError as error:
        raise ConfigError(sentence(error)) from None


def apply_overrides(given: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a copy of a nested mapping with ``a.b=value`` assignments made."""
    result = deepcopy(dict(given))
    for override in overrides:
        key, equals, text = override.partition("=")
        names = key.strip().split(".")
        if not equals or not all(names):
            raise ConfigError(f"--set {override!r} is not section.key=value")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip()
        table = result
        for name in names[:-1]:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise ConfigError(f"--set {override!r}: {name!r} is a value, not a section")
        table[names[-1]] = value
    return result
