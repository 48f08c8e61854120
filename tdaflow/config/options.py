"""Build the option dataclasses of other packages from tables of a configuration."""

from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any

import pydantic

from tdaflow.homology.regions import REGION_PRESETS, Regions
from tdaflow.vectorisations import VECTORISATIONS


def build(kind: type, options: Mapping[str, Any]) -> Any:
    """Build an options dataclass; check types and refuse unknown names.

    The string "none" stands for None, which TOML lacks.
    """
    known = [field.name for field in fields(kind)]
    unknown = sorted(set(options) - {*known, *kind.__dataclass_fields__})  # type: ignore[attr-defined]
    if unknown:
        raise ValueError(f"unknown option {unknown[0]!r} of {kind.__name__}; known are {', '.join(known) or 'none'}")
    given = {name: None if isinstance(value, str) and value == "none" else value for name, value in options.items()}
    return _adapter(kind).validate_python(given)


def built(kind: type) -> Any:
    """Return the validator of a section of a configuration that this dataclass declares."""

    def from_table(given: Any) -> Any:
        if isinstance(given, Mapping):
            return build(kind, given)
        return given

    return pydantic.BeforeValidator(from_table)


@lru_cache
def _adapter(kind: type) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(kind)


def regions_from(given: Any) -> Regions:
    """Return regions from the name of a preset, or from a table of `tdaflow.homology.regions.Regions`."""
    if isinstance(given, str) and given in REGION_PRESETS:
        return REGION_PRESETS[given]
    if isinstance(given, Mapping):
        return build(Regions, given)
    if isinstance(given, Regions):
        return given
    raise ValueError(
        f"regions must be {', '.join(map(repr, REGION_PRESETS))} or a table such as {{blocks = [2, 2, 2]}}"
    )


def vectorisations_from(given: Any) -> dict[str, dict[str, Any]]:
    """Return checked options by kind, from a table of tables or a list of kinds that get their default options."""
    tables = {kind: {} for kind in given} if isinstance(given, list | tuple) else given
    if not isinstance(tables, Mapping) or not all(isinstance(t, Mapping) for t in tables.values()):
        raise ValueError('vectorisations must be a table such as {betti = {}}, or a list such as ["betti"]')
    for kind, options in tables.items():
        if kind not in VECTORISATIONS:
            raise ValueError(f"unknown vectorisation {kind!r}; known are {', '.join(VECTORISATIONS)}")
        build(VECTORISATIONS[kind], options)
    return {kind: dict(options) for kind, options in tables.items()}
