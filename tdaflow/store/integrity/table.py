"""Checks of a volume table; no voxels are read."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tdaflow.sources.volume import SPLITS, UNASSIGNED, tally
from tdaflow.store.integrity.cohort import check_cohort, cohort_rows
from tdaflow.store.integrity.problem import Problem, error, warning
from tdaflow.store.volumes import VolumeTable

# Voxel edges in mm beyond which a unit was probably mistaken: a micrometre of a microscope, a slice of ten centimetres.
_PLAUSIBLE = (1e-3, 1e2)
_AGAIN = "restore it or ingest again"


def check_table(table: VolumeTable, class_names: Sequence[str], *, ingested: bool = True) -> Iterator[Problem]:
    """Yield problems of a table: facts of volumes, labels, splits, and leakage between splits.

    Parameters
    ----------
    table : VolumeTable
        All rows; quarantined ones are left out of the checks of splits and leakage.
    class_names : sequence of str
        Names by label; empty for an unlabelled data set.
    ingested : bool, default True
        True if the volumes are in a store; changes the remedies.
    """
    yield from _identities(table)
    ok = table.of_rows()
    for index in range(len(ok)):
        yield from _volume(ok, index)
    yield from _labels(ok, class_names)
    yield from _splits(ok)
    yield from _leaking_groups(ok)
    yield from _repeated_voxels(ok)
    yield from check_cohort(ok, ingested=ingested)


def table_facts(table: VolumeTable, class_names: Sequence[str]) -> dict[str, Any]:
    """Return JSON-able counts of volumes, classes, splits and groups, and the summary of the cohort."""
    ok = table.of_rows()
    labels: list[int | None] = [None if label < 0 else int(label) for label in ok.label]
    splits, classes = tally([split or None for split in ok.split], labels, len(class_names))
    return {
        "volumes": len(table),
        "ok": len(ok),
        "quarantined": {**table.unusable, **table.lost},
        "shapes": len({tuple(shape) for shape in ok.shape.tolist()}),
        "class_names": list(class_names),
        "splits": splits,
        "classes": {split: list(counts) for split, counts in classes.items()},
        "unlabelled": sum(label is None for label in labels),
        "groups": len(set(ok.group.tolist()) - {""}),
        "without_group": int((ok.group == "").sum()),
        "cohort": [vars(row) for row in cohort_rows(ok)],
    }


def _identities(table: VolumeTable) -> Iterator[Problem]:
    for identity, count in Counter(table.id.tolist()).items():
        if count > 1:
            yield error("table", identity, f"{count} rows have this id", _AGAIN)
    rows = table.row[table.row >= 0]
    if not np.array_equal(rows, np.arange(len(rows))):
        yield error("table", "table/row", "the volumes with voxels are not numbered 0, 1, 2, …", _AGAIN)
    for identity, row, reason in zip(table.id, table.row, table.reason, strict=True):
        if (row >= 0) == bool(reason):
            state = "has voxels and a reason why not" if reason else "has neither voxels nor a reason why not"
            yield error("table", identity, f"it {state}", _AGAIN)


def _volume(ok: VolumeTable, index: int) -> Iterator[Problem]:
    where, spacing = ok.id[index], ok.spacing[index]
    shape, low, high = ok.shape[index], ok.minimum[index], ok.maximum[index]
    if (shape < 1).any():
        yield error("shape", where, f"its shape is {tuple(shape.tolist())}", _AGAIN)
    elif (shape == 1).any():
        yield warning("shape", where, f"it is a slice of shape {tuple(shape.tolist())}", "leave it out of the data set")
    shown = " × ".join(f"{s:g}" for s in spacing)
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        yield error("spacing", where, f"its spacing is {shown} mm", "give the spacing in a manifest and ingest again")
    elif spacing.min() < _PLAUSIBLE[0] or spacing.max() > _PLAUSIBLE[1]:
        yield warning("spacing", where, f"its spacing is {shown} mm", "check the unit; a manifest can give the spacing")
    if not (np.isfinite(low) and np.isfinite(high)):
        yield error("values", where, f"its voxels range from {low:g} to {high:g}, so some are NaN or infinite", _AGAIN)
    elif low > high:
        yield error("values", where, f"its smallest voxel {low:g} is above its largest {high:g}", _AGAIN)
    elif low == high:
        yield error("values", where, f"it is constant, every voxel is {low:g}", "leave it out of the data set")
    if not ok.digest[index]:
        yield error("table", where, "it has no content digest", _AGAIN)
    if (facts := ok.facts[index]) and not _is_json(facts):
        yield error("table", where, "its facts are no JSON", _AGAIN)


def _labels(ok: VolumeTable, class_names: Sequence[str]) -> Iterator[Problem]:
    for identity, label in zip(ok.id, ok.label.tolist(), strict=True):
        if not -1 <= label < len(class_names):
            what = f"its label {label} is none of the {len(class_names)} classes"
            yield error("label", identity, what, "correct the label and ingest again")
    unlabelled = int((ok.label < 0).sum())
    if 0 < unlabelled < len(ok):
        what = f"{unlabelled} of {len(ok)} volumes {'has' if unlabelled == 1 else 'have'} no label"
        yield warning("label", "table/label", what, "they are not evaluated; add labels if they should be")
    if unlabelled == len(ok):
        return
    training = ok.split == "train"
    part = "training volume" if training.any() else "volume"
    present = set(ok.label[training if training.any() else slice(None)].tolist())
    for label, name in enumerate(class_names):
        if label not in present:
            yield warning("label", f"class {name!r}", f"it has no {part}", "check the labels")


def _splits(ok: VolumeTable) -> Iterator[Problem]:
    for identity, split in zip(ok.id, ok.split, strict=True):
        if split not in (*SPLITS, ""):
            what = f"its split {split!r} is none of {', '.join(SPLITS)}"
            yield error("split", identity, what, "correct the split and ingest again")
    counts = Counter(ok.split.tolist())
    if 0 < counts[""] < len(ok):
        what = f"{counts['']} of {len(ok)} volumes {'is' if counts[''] == 1 else 'are'} in no split"
        yield warning("split", "table/split", what, f"{UNASSIGNED} volumes are not evaluated; assign them if needed")
    if counts["test"] and not counts["train"]:
        yield warning("split", "table/split", "there is a test split and no training split", "check the splits")


def _leaking_groups(ok: VolumeTable) -> Iterator[Problem]:
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for identity, group, split in zip(ok.id, ok.group, ok.split, strict=True):
        if group and split:
            found[group].setdefault(split, identity)
    for group, examples in sorted(found.items()):
        if len(examples) > 1:
            what = f"it is in the splits {_examples(examples)}"
            yield error("leakage", f"group {group!r}", what, "keep a group within one split and ingest again")


def same_voxels(table: VolumeTable) -> Iterator[tuple[list[int], dict[str, str]]]:
    """Yield the positions of volumes that have the same voxels, and by split the id of the first of them there."""
    same: defaultdict[str, list[int]] = defaultdict(list)
    for index, digest in enumerate(table.digest):
        if digest:
            same[digest].append(index)
    for indices in same.values():
        if len(indices) > 1:
            by_split = {table.split[i]: table.id[i] for i in reversed(indices) if table.split[i]}
            yield indices, dict(sorted(by_split.items()))


def _repeated_voxels(ok: VolumeTable) -> Iterator[Problem]:
    for indices, by_split in same_voxels(ok):
        first, *others = (ok.id[i] for i in indices)
        also = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        if len(by_split) > 1:
            what = f"the same voxels are in the splits {_examples(by_split)}"
            yield error("leakage", first, what, "keep one of them and ingest again")
        else:
            yield warning("duplicate", first, f"{also} has the same voxels", "keep one of them unless that is meant")
        if len({int(ok.label[i]) for i in indices if ok.label[i] >= 0}) > 1:
            yield error("label", first, f"{also} has the same voxels and another label", "correct one of the labels")


def _examples(by_split: dict[str, str]) -> str:
    return " and ".join(f"{split} ({identity})" for split, identity in by_split.items())


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
