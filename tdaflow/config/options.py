"""Build the option dataclasses of other packages from tables of a configuration."""

import inspect
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pydantic

from tdaflow.config.messages import typed
from tdaflow.errors import UnknownOption, did_you_mean
from tdaflow.homology.regions import REGION_PRESETS, Regions
from tdaflow.vectorisations import VECTORISATIONS


def build(kind: type, options: Mapping[str, Any]) -> Any:
    """Build an options dataclass; check types and refuse unknown names.

    The string "none" stands for None, which TOML lacks.
    """
    known = option_names(kind)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UnknownOption("this table", unknown[0], known)
    given = {name: None if isinstance(value, str) and value == "none" else value for name, value in options.items()}
    return _adapter(kind).validate_python(given)


def built(kind: type) -> Any:
    """Return the validator of a section of a configuration that this dataclass declares."""

    def from_table(given: Any) -> Any:
        if isinstance(given, Mapping):
            return build(kind, given)
        return given

    return pydantic.BeforeValidator(from_table)


def option_names(kind: type) -> list[str]:
    """Names of the options of a dataclass, those too that only its construction takes."""
    return list(inspect.signature(kind).parameters)


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
            raise ValueError(f"unknown vectorisation {kind!r}; {did_you_mean(kind, VECTORISATIONS)}")
        with typed(f"vectorisations.{kind}", option_names(VECTORISATIONS[kind])):
            build(VECTORISATIONS[kind], options)
    return {kind: dict(options) for kind, options in tables.items()}
