"""Parse TOML, and write a configuration as TOML."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from tdaflow.config.model import RunConfig
from tdaflow.homology.regions import REGION_PRESETS, Regions

# Deeper than any configuration; what walks nested values later is recursive.
_DEEPEST = 32


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML; also values that are nested too deeply raise `tomllib.TOMLDecodeError`."""
    try:
        parsed = tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("its values are nested too deeply") from None
    level: list[Any] = [parsed]
    for _ in range(_DEEPEST):
        level = [inner for value in level if isinstance(value, dict | list) for inner in _inside(value)]
    if level:
        raise tomllib.TOMLDecodeError(f"its values are nested more than {_DEEPEST} deep")
    return parsed


def _inside(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def toml_value(value: Any) -> str:
    """A value as TOML on one line; None is "none", for which TOML has no word."""
    if value is None:
        return '"none"'
    if isinstance(value, Regions):
        named = [name for name, regions in REGION_PRESETS.items() if regions == value]
        return toml_value(named[0] if named else {f.name: getattr(value, f.name) for f in fields(value)})
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_key(name)} = {toml_value(inner)}" for name, inner in value.items())
        return f"{{{pairs}}}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    # JSON's escapes are TOML's, as long as other characters stay as they are.
    return json.dumps(str(value), ensure_ascii=False) if isinstance(value, str | Path) else repr(value)


def to_toml(config: RunConfig) -> str:
    """The whole configuration, defaults written out, as a file that gives the same run."""
    lines = [f"{name} = {toml_value(getattr(config, name))}" for name in ("preset", "reference")]
    data = config.data
    if config.store is None:
        source = config.source()
        options = {f.name: getattr(source, f.name) for f in fields(source) if f.init}  # type: ignore[arg-type]
        data = {"kind": config.data["kind"], **options}
    tables: dict[str, Mapping[str, Any]] = {"data": data, "preprocess": config.preprocess}
    tables["superpixels"] = _options(config.superpixels)
    for name, filtration in config.filtrations.items():
        common = {key: getattr(filtration, key) for key in type(filtration).model_fields if key != "options"}
        tables[f"filtrations.{_key(name)}"] = {**common, **_options(filtration.filtration())}
    tables["images"] = _options(config.images)
    for kind, options in config.vectorisation_options().items():
        tables[f"vectorisations.{kind}"] = _options(options)
    tables["run"] = {name: getattr(config.run, name) for name in type(config.run).model_fields}
    for title, table in tables.items():
        lines += ["", f"[{title}]", *(f"{_key(name)} = {toml_value(value)}" for name, value in table.items())]
    return "\n".join(lines) + "\n"


def _options(options: Any) -> dict[str, Any]:
    return {f.name: getattr(options, f.name) for f in fields(options)}


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if bare else json.dumps(name, ensure_ascii=False)
