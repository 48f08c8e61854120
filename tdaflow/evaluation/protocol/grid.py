"""Grid of a sweep: some settings in full, the others one at a time from the chosen cell."""

import itertools
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tdaflow.config import RunConfig
from tdaflow.config.toml import parse_toml
from tdaflow.errors import ConfigError, first_invalid

Overrides = Mapping[str, Any]


@dataclass(frozen=True)
class Grid:
    """Settings of a run by their dotted names, such as ``images.epsilon``.

    Attributes
    ----------
    full : mapping of str to tuple
        Every combination is tried, each with every subset of channels (filtrations and homology dimensions).
    one_at_a_time : mapping of str to tuple
        Each value is tried alone, from the best cell of the full part. Settings outside ``images`` need diagrams of
        their own.
    """

    full: Mapping[str, tuple[Any, ...]]
    one_at_a_time: Mapping[str, tuple[Any, ...]]

    def cells(self) -> list[dict[str, Any]]:
        """Overrides of the full part, in declared order."""
        return [dict(zip(self.full, values, strict=True)) for values in itertools.product(*self.full.values())]


# The ε sweep of Zhu et al. (2024); then other image settings, one at a time.
DEFAULT_GRID = Grid(
    full={"images.epsilon": tuple(round(0.85 + 0.01 * i, 2) for i in range(13))},
    one_at_a_time={
        "images.weight": ("linear", "gaussian", "power(2)", "arctan", "constant"),
        "images.plane": ("birth-persistence", "birth-death"),
        "images.resolution": (10, 20, 50, 100),
        "images.quantiles": ((0.01, 0.99), (0.0, 1.0), (0.0, 0.999), (0.05, 0.95)),
    },
)


def read_grid(path: Path) -> Grid:
    """Read a grid from TOML: tables ``[full]`` and ``[one_at_a_time]`` of ``"section.key" = [values]``.

    Raises
    ------
    ConfigError
        If the file cannot be read, or holds something else.
    """
    try:
        given = parse_toml(Path(path).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the grid {path} cannot be read ({error}): give a TOML file") from None
    unknown = sorted(set(given) - {"full", "one_at_a_time"})
    if unknown:
        raise ConfigError(f"the grid {path} has a table {unknown[0]!r}: use [full] and [one_at_a_time]")
    for name, table in given.items():
        for key, values in table.items() if isinstance(table, dict) else [(name, None)]:
            if not isinstance(values, list) or not values:
                raise ConfigError(
                    f'the grid\'s {name} {key!r} must be a list of values: write "images.epsilon" = [0.9]'
                )
    full, alone = ({key: tuple(v) for key, v in given.get(t, {}).items()} for t in ("full", "one_at_a_time"))
    return Grid(full, alone)


def overridden(config: RunConfig, overrides: Overrides) -> RunConfig:
    """Return the configuration with some settings changed; ConfigError if a setting does not exist or is wrong."""
    data = deepcopy(config.model_dump())
    for key, value in overrides.items():
        table = data
        *sections, last = key.split(".")
        for section in sections:
            table = table.get(section) if isinstance(table.get(section), dict) else None  # type: ignore[assignment]
            if table is None:
                raise ConfigError(f"the grid's {key!r} is no setting of a run: name it like images.epsilon")
        # A filtration's own options lie in a table of their own once the configuration is read.
        if last not in table and isinstance(table.get("options"), dict):
            table = table["options"]
        table[last] = value
    try:
        return RunConfig.model_validate(data)
    except ValidationError as error:
        told = ", ".join(f"{key} = {value!r}" for key, value in overrides.items())
        raise ConfigError(f"the grid's {told} cannot be run: {first_invalid(error).what}") from None
