"""The batch function of ingest: read, preprocess, check and write a range of a source's entries."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tdaflow.errors import InputError
from tdaflow.preprocessing import Preprocessing
from tdaflow.sources import Rejected, Source, Volume, check_voxels
from tdaflow.store import VolumeBuilder


@dataclass(frozen=True)
class IngestTask:
    """Make the entries [start, stop) of a source a part of the store at `path`."""

    source: Source
    preprocessing: Preprocessing
    path: Path
    start: int
    stop: int

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
    """What became of a range of entries."""

    start: int
    n_ok: int
    n_quarantined: int
    seconds: float


def ingest_batch(task: IngestTask) -> IngestOutcome:
    """Read a range of entries into the store, one chunk of volumes in memory; safe to run twice or at once."""
    began = time.perf_counter()
    builder = VolumeBuilder(task.path)
    items = (
        preprocessed(item, task.preprocessing)
        for item in itertools.islice(task.source.volumes(task.start), task.stop - task.start)
    )
    rows = []
    for position, chunk in _chunked(items, builder.chunk):
        rows += builder.write_voxels(task.start + position, chunk)
    if len(rows) != task.stop - task.start:
        raise InputError(
            f"the source has fewer volumes than it said, {task.start + len(rows)} instead of {builder.n_entries}; "
            "it may have changed while it was read: run again with --restart-from volumes"
        )
    builder.write_part(task.start, rows)
    n_ok = sum(row["ok"] for row in rows)
    return IngestOutcome(task.start, n_ok, len(rows) - n_ok, time.perf_counter() - began)


def preprocessed(item: Volume | Rejected, preprocessing: Preprocessing) -> Volume | Rejected:
    """The volume with the steps done and recorded among its facts, or the reason why they cannot be done."""
    if isinstance(item, Rejected) or not preprocessing.steps:
        return item
    try:
        voxels, spacing, facts = preprocessing.apply(item.voxels, item.spacing)
        reason = check_voxels(voxels)
    except InputError as error:
        reason = str(error)
    if reason is not None:
        return Rejected(item.id, f"after preprocessing: {reason}", item.label, item.split, item.group)
    return replace(item, voxels=voxels, spacing=spacing, facts={**item.facts, "preprocessing": facts})


def _chunked(items: Iterator[Volume | Rejected], size: int) -> Iterator[tuple[int, list[Volume | Rejected]]]:
    position = 0
    while chunk := list(itertools.islice(items, size)):
        yield position, chunk
        position += len(chunk)
