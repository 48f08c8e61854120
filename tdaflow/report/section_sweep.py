"""Section on the results of `tdaflow sweep`: validation metrics over settings."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.report.blocks import FigureBlock, Section, TableBlock, figure_block
from tdaflow.report.figures_evaluation import sweep_figure
from tdaflow.report.run_data import RunData

_EPSILON = "images.epsilon"


def sweep_section(run: RunData) -> Section | None:
    """Build the section; None if no sweep was made."""
    section = Section("sweep", "Sensitivity to the settings")
    lines, choice = read_sweep(run.folder.path / "sweep")
    if not lines:
        return None
    where = f" ({run.counted('train')}; {run.counted('val')})" if run.has_images else ""
    section.paragraphs.append(
        f"Every cell is fitted on training and scored on validation volumes{where}; test volumes were not read. The "
        "score of the best cell is optimistic; only the test split gives an unbiased one."
    )
    grid = [line for line in lines if set(line["overrides"]) == {_EPSILON}]
    if grid:
        section.items.append(_heat_map(grid, choice))
    rows = list(_alone(lines))
    if rows:
        header = ("setting", "value", "channels", "AUC", "accuracy")
        section.items.append(TableBlock("One setting at a time (validation)", header, rows, numeric=3))
    return section


def read_sweep(folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Read the finished cells of a sweep (the newest of repeated ones) and the choice.

    Parameters
    ----------
    folder : Path
        ``RUN/sweep``; it need not exist.

    Returns
    -------
    lines : list of dict
        With ``overrides``, ``subset`` and ``metrics``; lines that cannot be read are skipped.
    choice : dict or None
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for text in _text(folder / "cells.jsonl").splitlines():
        try:
            for line in json.loads(text):
                found[json.dumps(line["overrides"], sort_keys=True), line["subset"]] = {
                    "overrides": dict(line["overrides"]), "subset": str(line["subset"]),
                    "metrics": {name: float(value) for name, value in line["metrics"].items()},
                }  # fmt: skip
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    try:
        choice = json.loads(_text(folder / "choice.json"))
        return list(found.values()), {"overrides": dict(choice["overrides"]), "subset": str(choice["subset"])}
    except (ValueError, KeyError, TypeError):
        return list(found.values()), None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _heat_map(grid: list[dict[str, Any]], choice: dict[str, Any] | None) -> FigureBlock:
    rows = list(dict.fromkeys(line["subset"] for line in grid))
    columns = sorted({line["overrides"][_EPSILON] for line in grid})
    values = np.full((len(rows), len(columns)), np.nan)
    for line in grid:
        value = line["metrics"].get("auc", np.nan)
        values[rows.index(line["subset"]), columns.index(line["overrides"][_EPSILON])] = value
    chosen = None
    if choice and choice["subset"] in rows and choice["overrides"].get(_EPSILON) in columns:
        chosen = rows.index(choice["subset"]), columns.index(choice["overrides"][_EPSILON])
    best = np.unravel_index(np.nanargmax(values), values.shape) if np.isfinite(values).any() else (0, 0)
    marked = " The framed cell was chosen." if chosen else ""
    return figure_block(
        sweep_figure(
            values, rows, [f"{c:g}" for c in columns], row_label="Channels", column_label="ε", metric="Validation AUC",
            chosen=chosen,
        ),
        "ε and homology dimensions",
        "AUC on the validation split for every ε (the ratio of a bar's Gaussian at neighbouring pixels) and every "
        f"choice of channels.{marked}",
        f"Heat map of validation AUC over {len(columns)} values of ε and {len(rows)} choices of channels, from "
        f"{np.nanmin(values):.3f} to {np.nanmax(values):.3f}; the highest at ε = {columns[best[1]]:g} with "
        f"{rows[best[0]]}.",
    )  # fmt: skip


def _alone(lines: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    for line in lines:
        others = {k: v for k, v in line["overrides"].items() if k != _EPSILON}
        if len(others) == 1:
            ((name, value),) = others.items()
            metrics = (line["metrics"].get(m) for m in ("auc", "accuracy"))
            yield (name, str(value), line["subset"], *("–" if m is None else f"{m:.3f}" for m in metrics))
