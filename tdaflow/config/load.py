"""Read a configuration: preset ← TOML file ← ``--set key=value``."""

import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tdaflow.config.model import RunConfig
from tdaflow.config.presets import PRESETS
from tdaflow.errors import ConfigError


def load_config(
    path: Path | None,
    overrides: Sequence[str] = (),
    *,
    data: Path | None = None,
    data_option: Mapping[str, str] | None = None,
) -> RunConfig:
    """Read a TOML file, lay it over its preset, apply the overrides and validate.

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
        kind = given.get("data", {}).get("kind", "phantoms")
        if kind not in (data_option or {}):
            raise ConfigError(f"--data {data} has no meaning for a source of kind {kind!r}; leave it out")
        given["data"][(data_option or {})[kind]] = str(data)
    preset = given.get("preset", "default")
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset {preset!r}; known are {', '.join(PRESETS)}")
    try:
        return RunConfig.model_validate(_over(PRESETS[preset], given))
    except ValidationError as error:
        raise ConfigError(_sentence(error)) from None


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


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one nested mapping over another; the set of filtrations is taken from one of them, never mixed."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        nested = isinstance(value, Mapping) and isinstance(under, Mapping) and name != "filtrations"
        merged[name] = _over(under, value) if nested else value  # type: ignore[arg-type]
    return merged


def _sentence(error: ValidationError) -> str:
    """One sentence for the first thing that is wrong."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if not str(part).startswith(("function-", "constrained-")))
    what = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return f"unknown configuration key {where!r}; see `tdaflow run --help` for the sections and their keys"
    given = "" if isinstance(first["input"], dict) else f" (got {first['input']!r})"
    return f"configuration {where or 'as a whole'}: {what[0].lower()}{what[1:]}{given}"
