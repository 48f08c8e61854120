"""Published results, as data: the rows that stand beside ours."""

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


def published_rows(data_set: str, path: Path | None = None) -> list[PublishedRow]:
    """Rows of a data set in the order of the file; empty for a data set that nobody published.

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
    path = path or packaged_file("data", "published.toml")
    rows = []
    for table in tomllib.loads(path.read_text(encoding="utf-8")).values():
        data_sets = table["data_sets"]
        found: dict[str, dict[str, float]] = {}
        for metric, methods in table.items():
            if not isinstance(methods, dict):
                continue
            for method, values in methods.items():
                if len(values) != len(data_sets):
                    raise InputError(
                        f"{path.name}: {method!r} has {len(values)} values of {metric} for {len(data_sets)} data sets: "
                        "write nan where nothing is reported"
                    )
                if data_set in data_sets:
                    value = float(values[data_sets.index(data_set)])
                    found.setdefault(method, {}).update({} if math.isnan(value) else {metric: value})
        rows += [PublishedRow(m, table["title"], table["source"], metrics) for m, metrics in found.items() if metrics]
    return rows
