"""Compare two runs: what ``tdaflow compare`` prints."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.bootstrap import N_RESAMPLES, paired_bootstrap
from tdaflow.evaluation.protocol.features import blocks_of
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.nested import NESTED_FOLDERS
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.evaluation.tables.pages import Table
from tdaflow.evaluation.tables.results import COMPARED, point_metrics
from tdaflow.evaluation.tables.results_page import TITLES
from tdaflow.pipeline.opened import Run
from tdaflow.store.integrity import cohort_rows
from tdaflow.store.reference import flat

# Most volumes whose features are read.
_MOST = 500
# Where a run was computed, which changes none of its numbers.
_ELSEWHERE = ("run.", "data.path", "data.root", "data.data_dir", "data.store", "data.table")


def compare_runs(first: Path, second: Path, *, n_resamples: int = N_RESAMPLES) -> list[Table]:
    """Compare configuration, cohort, σ, features and evaluation of two runs; nothing is computed anew or written.

    Parameters
    ----------
    first, second : Path
        Folders of runs.
    n_resamples : int
        Of the bootstrap over patients, by which methods are compared if both have the same test volumes.

    Returns
    -------
    list of Table
        Of what differs, with a column for each run; a part that is equal has a row that says so.

    Raises
    ------
    InputError
        If a folder holds no run.
    """
    runs = Run(first), Run(second)
    names = _names(first, second)
    return [
        _table("Configuration and versions", "key", names, _configuration(*runs)),
        _table("Cohort", "quantity", names, _cohort(*runs)),
        _table("σ and ranges", "channel", names, _ranges(*runs)),
        Table("Features of the same volumes", ("channel", "relative distance"), tuple(_features(*runs))),
        *_evaluations(first, second, names, n_resamples),
    ]


def _names(first: Path, second: Path) -> tuple[str, str]:
    a, b = first.resolve(), second.resolve()
    return (a.name, b.name) if a.name != b.name else (str(first), str(second))


def _table(title: str, what: str, names: tuple[str, str], pairs: Iterator[tuple[str, ...]]) -> Table:
    rows = tuple(row for row in pairs if row[1] != row[2])
    return Table(title, (what, *names), rows or (("all equal", "", ""),))


def _configuration(a: Run, b: Run) -> Iterator[tuple[str, ...]]:
    told = [
        {
            **dict(flat(run.state["config"])),
            "tdaflow": run.state.get("tdaflow", "?"),
            **{f"version of {name}": value for name, value in run.state.get("versions", {}).items()},
        }
        for run in (a, b)
    ]
    for key in dict.fromkeys([*told[0], *told[1]]):
        if not key.startswith(_ELSEWHERE):
            yield key, str(told[0].get(key, "–")), str(told[1].get(key, "–"))


def _cohort(a: Run, b: Run) -> Iterator[tuple[str, ...]]:
    if a.volumes is None or b.volumes is None:
        yield "volume store", *("there" if run.volumes is not None else "missing" for run in (a, b))
        return
    tables = a.rows, b.rows
    yield "volumes", *(f"{len(t):,}" for t in tables)
    yield "patients", *(f"{len(np.unique(t.group)):,}" if (t.group != "").all() else "unknown" for t in tables)
    yield "classes", *(", ".join(run.class_names) or "no labels" for run in (a, b))
    for split in dict.fromkeys([*map(str, tables[0].split), *map(str, tables[1].split)]):
        yield f"split {split or '(none)'}", *(f"{int((t.split == split).sum()):,}" for t in tables)
    at = [{str(i): row for row, i in enumerate(t.id)} for t in tables]
    shared = [(at[0][i], at[1][i]) for i in at[0] if i in at[1]]
    yield "ids that the other lacks", *(f"{len(x) - len(shared):,}" for x in at)
    if shared:
        rows = np.array(shared).T
        for name, what in (("digest", "voxels"), ("label", "label"), ("split", "split"), ("group", "patient")):
            values = [getattr(t, name)[r] for t, r in zip(tables, rows, strict=True)]
            if n := int((values[0] != values[1]).sum()):
                yield f"shared ids with another {what}", f"{n:,}", f"of {len(shared):,}"
    summaries = [{row.name: row for row in cohort_rows(t)} for t in tables]
    for name in [name for name in summaries[0] if name in summaries[1]]:
        yield name, *(" / ".join(x for x in (s[name].lowest, s[name].typical, s[name].highest) if x) for s in summaries)


def _ranges(a: Run, b: Run) -> Iterator[tuple[str, ...]]:
    told = [run.state.get("ranges", {}) for run in (a, b)]
    for key in dict.fromkeys([*told[0], *told[1]]):
        name = key.replace("/", " H")
        for what, cell in (("σ", "sigma"), ("birth", "birth_range"), ("second axis", "death_range")):
            yield f"{name}: {what}", *(_cell(t.get(key, {}).get(cell)) for t in told)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return " … ".join(f"{v:.6g}" for v in value) if isinstance(value, list | tuple) else f"{value:.6g}"


def _features(a: Run, b: Run) -> Iterator[tuple[str, str]]:
    """Yield the mean over shared volumes of ‖a − b‖ / ‖a‖ of every channel."""
    if not (a.has_images and b.has_images):
        yield "not compared", "a run has not come to its end"
        return
    ids = [[str(i) for i in run.features["id"].values] for run in (a, b)]
    at = {identity: row for row, identity in enumerate(ids[1])}
    shared = [(row, at[i]) for row, i in enumerate(ids[0]) if i in at][:_MOST]
    if not shared:
        yield "not compared", "the runs share no id"
        return
    rows = np.array(shared).T
    blocks = [blocks_of(run.features.isel(volume=np.sort(r)).load()) for run, r in zip((a, b), rows, strict=True)]
    order = [np.argsort(np.argsort(r)) for r in rows]
    for name in dict.fromkeys([*blocks[0], *blocks[1]]):
        x, y = (
            block[name][o].astype(np.float64) if name in block else None for block, o in zip(blocks, order, strict=True)
        )
        if x is None or y is None:
            yield name, "in one run only"
        elif x.shape != y.shape:
            yield name, f"{x.shape[1]} and {y.shape[1]} columns"
        elif np.array_equal(x, y):
            yield name, f"equal, bit for bit ({len(x)} volumes)"
        else:
            size = np.linalg.norm(x, axis=1)
            far = np.linalg.norm(x - y, axis=1) / np.where(size > 0, size, 1)
            yield name, f"{far.mean():.3g} (mean of {len(x)} volumes), largest {far.max():.3g}"


def _evaluations(first: Path, second: Path, names: tuple[str, str], n_resamples: int) -> Iterator[Table]:
    """Yield a table for the test split and each kind of nested cross-validation that both runs have."""
    none = True
    for part in ("", *NESTED_FOLDERS):
        found = [EvaluationFolder(path, part).predictions()[:1] for path in (first, second)]
        if found[0] and found[1]:
            none = False
            title = "Evaluation on the test split" if not part else f"Evaluation: {part.replace('-', ' ')}"
            yield _evaluation(found[0][0], found[1][0], title, names, n_resamples)
    if none:
        why = "both runs need an evaluation of one kind: tdaflow evaluate RUN"
        yield Table("Evaluation", ("metric", *names), (("not compared", why, ""),))


def _evaluation(a: Predictions, b: Predictions, title: str, names: tuple[str, str], n_resamples: int) -> Table:
    split = "test" if (a.splits == "test").any() else str(a.splits[0])
    a, b = a.of_split(split), b.of_split(split)
    rows: list[tuple[str, ...]] = [
        ("method", a.method, b.method, "", ""),
        ("volumes", f"{len(a.ids):,}", f"{len(b.ids):,}", "", ""),
    ]
    try:
        b = b.with_positive(a.class_names[1] if len(a.class_names) == 2 else None).aligned(a.ids)
        paired = a.class_names == b.class_names and np.array_equal(a.labels, b.labels)
    except InputError:
        paired = False
    for metric in COMPARED:
        values = (f"{np.mean([point_metrics(p, seed)[metric] for seed in p.seeds]):.3f}" for p in (a, b))
        told = ("", "")
        if paired:
            c = paired_bootstrap(a, b, metric, n_resamples)
            told = f"{c['difference']:+.3f} [{c['low']:+.3f}, {c['high']:+.3f}]", f"{c['p']:.4f}"
        rows.append((TITLES[metric], *values, *told))
    if not paired:
        title += " (not paired: the volumes or their labels differ)"
    return Table(title, ("metric", *names, "difference, 95 % over patients", "p (≤ 0)"), tuple(rows))
