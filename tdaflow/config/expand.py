"""Expand a filtration table with ``each`` into one table for every combination of the values that it lists."""

import itertools
from collections.abc import Mapping
from typing import Any


def expanded(filtrations: Mapping[str, Any]) -> dict[str, Any]:
    """Replace every table that has an ``each`` by one table for each combination of its values.

    ``log = {sigma = 1, each = {sigma = [1, 2], direction = ["sublevel", "superlevel"]}}`` becomes the tables
    ``log-1-sublevel``, ``log-1-superlevel``, ``log-2-sublevel`` and ``log-2-superlevel``, exactly as if they had been
    written by hand.

    Parameters
    ----------
    filtrations : mapping of str to table
        Name → options; values that are not tables are kept.

    Raises
    ------
    ValueError
        If ``each`` is not a table of lists with one or more values, or two tables get one name.
    """
    found: dict[str, Any] = {}
    for name, table in filtrations.items():
        several = _combinations(name, table) if isinstance(table, Mapping) and "each" in table else [(name, table)]
        for own, options in several:
            if own in found:
                raise ValueError(f"two filtrations are named {own!r}; rename one of them")
            found[own] = options
    return found


def _combinations(name: str, table: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    each = table["each"]
    lists = isinstance(each, Mapping) and each and all(isinstance(v, list | tuple) and v for v in each.values())
    if not lists:
        raise ValueError(f"{name}.each is {each!r}; give a table of lists of values, such as {{sigma = [1, 2]}}")
    shared = {key: value for key, value in table.items() if key != "each"}
    return [
        ("-".join([name, *map(_text, values)]), {**shared, **dict(zip(each, values, strict=True))})
        for values in itertools.product(*each.values())
    ]


def _text(value: Any) -> str:
    """Format a value as part of a filtration name."""
    if isinstance(value, Mapping):
        return "_".join(_text(v) for v in value.values())
    if isinstance(value, list | tuple):
        return "_".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
