"""Published results to compare with, read from ``data/published.toml``."""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tdaflow.errors import InputError
from tdaflow.packaged import packaged_file


@dataclass(frozen=True)
class PublishedRow:
    """One method of one publication on one data set.

    Attributes
    ----------
    method, table, source : str
        `table` is its short name, `source` the publication and how the numbers were obtained.
    metrics : dict of str to float
        Only those that are reported.
    """

    method: str
    table: str
    source: str
    metrics: dict[str, float]


@dataclass(frozen=True)
class Publication:
    """One published table.

    Attributes
    ----------
    title, source : str
        Its short name; the publication and how the numbers were obtained.
    data_sets : tuple of str
    values : dict of str to dict of str to list of float
        Metric to method to one value a data set; NaN where nothing is reported.
    """

    title: str
    source: str
    data_sets: tuple[str, ...]
    values: dict[str, dict[str, list[float]]]

    @property
    def methods(self) -> tuple[str, ...]:
        """All methods, in the order of the file."""
        return tuple(dict.fromkeys(method for methods in self.values.values() for method in methods))


def publications(path: Path | None = None) -> list[Publication]:
    """Read the published tables, in the order of the file.

    Parameters
    ----------
    path : Path, optional
        A TOML file like the packaged ``data/published.toml``.

    Raises
    ------
    InputError
        If a row has not one value a data set.
    """
    path = path or packaged_file("data", "published.toml")
    found = []
    for table in tomllib.loads(path.read_text(encoding="utf-8")).values():
        values = {metric: methods for metric, methods in table.items() if isinstance(methods, dict)}
        for metric, methods in values.items():
            for method, row in methods.items():
                if len(row) != len(table["data_sets"]):
                    raise InputError(
                        f"{path.name}: {method!r} has {len(row)} values of {metric} for {len(table['data_sets'])} data "
                        "sets: write nan where nothing is reported"
                    )
        found.append(Publication(table["title"], table["source"], tuple(table["data_sets"]), values))
    return found


def published_rows(data_set: str, path: Path | None = None) -> list[PublishedRow]:
    """Read the published rows of a data set, in the order of the file; empty if there are none.

    Parameters
    ----------
    data_set : str
        Such as "organmnist3d".
    path : Path, optional
        A TOML file like the packaged ``data/published.toml``.

    Raises
    ------
    InputError
        If a row has not one value a data set.
    """
    rows = []
    for table in publications(path):
        if data_set not in table.data_sets:
            continue
        position = table.data_sets.index(data_set)
        for method in table.methods:
            metrics = {m: float(values[method][position]) for m, values in table.values.items() if method in values}
            reported = {metric: value for metric, value in metrics.items() if not math.isnan(value)}
            if reported:
                rows.append(PublishedRow(method, table.title, table.source, reported))
    return rows
