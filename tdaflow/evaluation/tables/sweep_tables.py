"""Tables of a sweep: the validation metric of every setting and subset of channels."""

import json
from typing import Any

from tdaflow.evaluation.protocol.sweep import SweepResult
from tdaflow.evaluation.tables.pages import Table

N_COLUMNS = 8
"""Most subsets of channels side by side; the best are shown."""


def sweep_tables(found: SweepResult, choose_by: str) -> list[Table]:
    """One table an axis of the sweep: a row a setting, a column a subset of channels, and validation metrics.

    Parameters
    ----------
    found : SweepResult
    choose_by : str
        Metric that the cells show.
    """
    tables = []
    for axis in dict.fromkeys(line["axis"] for line in found.lines):
        lines = [line for line in found.lines if line["axis"] == axis]
        best: dict[str, float] = {}
        values: dict[str, dict[str, float]] = {}
        for line in lines:
            subset, value = line["subset"], line["metrics"][choose_by]
            best[subset] = max(best.get(subset, -1.0), value)
            values.setdefault(_setting(axis, line["overrides"]), {})[subset] = value
        highest = sorted(best, key=lambda name: -best[name])[:N_COLUMNS]
        columns = [name for name in best if name in highest]
        left_out = "" if len(columns) == len(best) else f", the {len(columns)} best of {len(best)} subsets of channels"
        rows = [
            (name, *(f"{of_row[c]:.3f}" if c in of_row else "–" for c in columns)) for name, of_row in values.items()
        ]
        tables.append(Table(f"{axis}: validation {choose_by}{left_out}", ("setting", *columns), tuple(rows)))
    return tables


def chosen_arguments(found: SweepResult) -> str:
    """Arguments ``--set …`` of ``tdaflow run`` that give the chosen settings."""
    sets = {**found.chosen["overrides"], "reference": "train"}
    return " ".join(f"--set '{key}={json.dumps(value)}'" for key, value in sets.items())


def _setting(axis: str, overrides: dict[str, Any]) -> str:
    shown = overrides if axis == "full" else {axis: overrides[axis]}
    return ", ".join(str(value) for value in shown.values()) or "as the run"
