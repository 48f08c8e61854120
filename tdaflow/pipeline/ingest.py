"""The batch function of ingest: read, preprocess, check and write a range of a source's entries."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.pipeline.same_source import check_same_source
from tdaflow.pipeline.volume_warnings import as_lines, collected_warnings
from tdaflow.preprocessing import Preprocessing
from tdaflow.sources import Rejected, Source, Volume, check_voxels
from tdaflow.store import VolumeBuilder

# Voxels that are preprocessed at a time: a few temporaries of 8 bytes each stay below 100 MB.
_LAYER_VOXELS = 1 << 22


@dataclass(frozen=True)
class IngestTask:
    """Make the entries [start, stop) of a source a part of the store at `path`.

    `fingerprint` is `tdaflow.pipeline.same_source.source_digest` of what the client saw; "" for no comparison.
    """

    source: Source
    preprocessing: Preprocessing
    path: Path
    start: int
    stop: int
    fingerprint: str = ""

    @property
    def key(self) -> str:
        """Name of the task on the dashboard."""
        return f"{self.start:08d}-{self.stop:08d}"

    def halves(self) -> tuple["IngestTask", "IngestTask"]:
        """Split the range in two, to find the entry that makes it fail."""
        middle = (self.start + self.stop) // 2
        return replace(self, stop=middle), replace(self, start=middle)


@dataclass(frozen=True)
class IngestOutcome:
    """What became of a range of entries; `notes` are pairs of a volume's id and a warning."""

    start: int
    n_ok: int
    n_quarantined: int
    seconds: float
    notes: tuple[tuple[str, str], ...] = ()


def ingest_batch(task: IngestTask) -> IngestOutcome:
    """Read a range of entries into the store, one chunk of volumes in memory; safe to run twice or at once.

    Raises
    ------
    InputError
        If the source is not the one that the client saw, or has fewer entries than it said.
    """
    began = time.perf_counter()
    builder = VolumeBuilder(task.path)
    if task.fingerprint:
        check_same_source(task.source, task.fingerprint, builder.attributes["fingerprint"])
    entries = itertools.islice(task.source.volumes(task.start), task.stop - task.start)
    notes: list[tuple[str, str]] = []
    # This keeps no item while it asks for the next, as the variable of a loop would.
    items: Iterator[Volume | Rejected] = iter(partial(_next_item, entries, task.preprocessing, notes), None)
    rows: list[dict[str, Any]] = []
    while chunk := list(itertools.islice(items, builder.chunk)):
        rows += builder.write_voxels(task.start + len(rows), chunk)
        del chunk
    if len(rows) != task.stop - task.start:
        raise InputError(
            f"the source has fewer volumes than it said, {task.start + len(rows)} instead of {builder.n_entries}; "
            "it may have changed while it was read: run again with --restart-from volumes"
        )
    builder.write_part(task.start, rows)
    n_ok = sum(row["ok"] for row in rows)
    return IngestOutcome(task.start, n_ok, len(rows) - n_ok, time.perf_counter() - began, tuple(notes))


def _next_item(
    entries: Iterator[Volume | Rejected], preprocessing: Preprocessing, notes: list[tuple[str, str]]
) -> Volume | Rejected | None:
    """The next item, preprocessed; None at the end."""
    with collected_warnings() as reading:
        item = next(entries, None)
    if item is None:
        return None
    with collected_warnings() as working:
        item = preprocessed(item, preprocessing)
    # What a reader says may quote a file, and so name a patient.
    kinds = dict.fromkeys(text.partition(":")[0] for text in reading)
    notes += [(item.id, f"{kind} while it was read; its text is left out, for it may quote the file") for kind in kinds]
    notes += [(item.id, text) for text in as_lines(working)]
    return item


def preprocessed(item: Volume | Rejected, preprocessing: Preprocessing) -> Volume | Rejected:
    """The volume with the steps done and recorded among its facts, or the reason why they cannot be done."""
    if isinstance(item, Rejected) or not preprocessing.steps:
        return item
    try:
        voxels, spacing, facts = _apply(preprocessing, item.voxels, item.spacing)
        reason = check_voxels(voxels)
    except InputError as error:
        reason = str(error)
    if reason is not None:
        return Rejected(item.id, f"after preprocessing: {reason}", item.label, item.split, item.group)
    return replace(item, voxels=voxels, spacing=spacing, facts={**item.facts, "preprocessing": facts})


def _apply(
    preprocessing: Preprocessing, voxels: np.ndarray, spacing: tuple[float, float, float]
) -> tuple[np.ndarray, tuple[float, float, float], dict[str, Any]]:
    """`Preprocessing.apply`, in layers where the grid stays, so that temporaries are those of a layer."""
    depth = max(1, _LAYER_VOXELS // max(1, voxels[:1].size)) if voxels.ndim == 3 else 0
    if not preprocessing.keeps_grid or depth >= len(voxels):
        return preprocessing.apply(voxels, spacing)

    def layers() -> Iterator[np.ndarray]:
        return (voxels[start : start + depth] for start in range(0, len(voxels), depth))

    fixed, facts = preprocessing.fixed(layers)
    made: np.ndarray | None = None
    for start, layer in zip(range(0, len(voxels), depth), layers(), strict=True):
        done = fixed.apply(layer, spacing)[0]
        made = np.empty(voxels.shape, done.dtype) if made is None else made
        made[start : start + depth] = done
    assert made is not None  # a volume that is cut has layers
    return made, spacing, facts
