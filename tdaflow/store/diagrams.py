"""The diagram store: one group a batch, complete or absent.

A group holds, for a contiguous range of volume rows, ``pairs (bar, 2)``, ``homology_dimension (bar)``,
``filtration (bar)`` (an index into the store's list of filtrations), ``offsets (volume + 1)``, and as attribute one
small JSON record a volume. It is written under a temporary name and renamed last.
"""

import itertools
import json
import re
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tdaflow.errors import InputError
from tdaflow.store.coverage import uncovered
from tdaflow.store.digests import content_digest
from tdaflow.store.zarr_layout import (
    attributes_of,
    member,
    open_group,
    remove_leftovers,
    remove_whole,
    write_array,
    written_whole,
)

FORMAT = 1
_GROUP = re.compile(r"^(\d{8,})-(\d{8,})$")

Channel = tuple[str, int]


@dataclass(frozen=True)
class DiagramBatch:
    """The diagrams of the volume rows [start, stop).

    Attributes
    ----------
    diagrams : sequence of mappings
        For each row, (filtration name, homology dimension) → float64 array (n, 2) of birth, death; an empty mapping
        for a volume that was quarantined or failed.
    records : sequence of mappings
        For each row, the JSON-able record of what became of it.
    """

    start: int
    stop: int
    diagrams: Sequence[Mapping[Channel, np.ndarray]]
    records: Sequence[Mapping[str, Any]]


class DiagramStore:
    """Read and write the diagrams of a run, batch by batch."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        group = open_group(self.path, "diagram store")
        attributes = attributes_of(group)
        if attributes.get("format") != FORMAT:
            raise InputError(
                f"{path} is not a diagram store of format {FORMAT}; run again with --restart-from diagrams"
            )
        self.digest = str(attributes["digest"])
        self.filtrations: tuple[str, ...] = tuple(attributes["filtrations"])

    @classmethod
    def create(cls, path: Path, *, digest: str, filtrations: Sequence[str]) -> "DiagramStore":
        """Make an empty store for diagrams that `digest` describes."""
        with written_whole(Path(path)) as temporary:
            zarr.create_group(
                temporary,
                zarr_format=3,
                attributes={"tdaflow": {"format": FORMAT, "digest": digest, "filtrations": list(filtrations)}},
            )
        return cls(path)

    def batches(self) -> list[tuple[int, int]]:
        """Row ranges [start, stop) of the finished batches, ascending and disjoint.

        A worker that outlived a killed run may have finished a batch that overlaps those of the next run. Rows count
        once: of two such batches the one that begins first is used, of those that begin together the longest.
        """
        found = (_GROUP.match(entry.name) for entry in self.path.iterdir())
        disjoint: list[tuple[int, int]] = []
        for start, stop in sorted(((int(m[1]), int(m[2])) for m in found if m), key=lambda b: (b[0], -b[1])):
            if not disjoint or start >= disjoint[-1][1]:
                disjoint.append((start, stop))
        return disjoint

    def has(self, start: int, stop: int) -> bool:
        """Whether just this batch is finished."""
        return self._group(start, stop).is_dir()

    def missing(self, n_rows: int) -> list[tuple[int, int]]:
        """Row ranges of [0, n_rows) that no finished batch covers."""
        return uncovered(self.batches(), n_rows)

    def write(self, batch: DiagramBatch) -> None:
        """Write one batch; a batch that another worker finished meanwhile is kept as it is."""
        channels = [
            (self.filtrations.index(name), dimension, pairs, position)
            for position, diagram in enumerate(batch.diagrams)
            for (name, dimension), pairs in diagram.items()
        ]
        counts = np.zeros(batch.stop - batch.start + 1, dtype=np.int64)
        for _, _, pairs, position in channels:
            counts[position + 1] += len(pairs)
        lengths = [len(pairs) for _, _, pairs, _ in channels]
        pairs = np.concatenate([p for _, _, p, _ in channels]) if channels else np.zeros((0, 2))
        with written_whole(self._group(batch.start, batch.stop), keep_existing=True) as temporary:
            group = zarr.create_group(temporary, zarr_format=3, attributes={"records": list(batch.records)})
            write_array(group, "pairs", pairs.astype(np.float64), dimensions=("bar", "birth_death"))
            for name, kind, column in (("filtration", np.uint8, 0), ("homology_dimension", np.uint8, 1)):
                codes = np.repeat(np.array([c[column] for c in channels], dtype=kind), lengths)
                write_array(group, name, codes, dimensions=("bar",))
            write_array(group, "offsets", np.cumsum(counts), dimensions=("offset",))

    def read(self, start: int, stop: int) -> DiagramBatch:
        """Read the finished batch [start, stop)."""
        group = open_group(self._group(start, stop), "diagram batch")
        pairs, filtration, dimension, offsets = (
            np.asarray(member(group, name)[...]) for name in ("pairs", "filtration", "homology_dimension", "offsets")
        )
        diagrams = []
        for left, right in itertools.pairwise(offsets.tolist()):
            here = slice(left, right)
            diagrams.append(
                {
                    (self.filtrations[f], int(d)): pairs[here][(filtration[here] == f) & (dimension[here] == d)]
                    for f, d in sorted(set(zip(filtration[here].tolist(), dimension[here].tolist(), strict=True)))
                }
            )
        return DiagramBatch(start, stop, diagrams, self.records(start, stop))

    def read_rows(self, rows: Iterable[int]) -> Iterator[Mapping[Channel, np.ndarray]]:
        """Yield the diagrams of ascending rows, whatever batches they were computed in; all must have been."""
        waiting = deque(rows)
        for start, stop in self.batches():
            here = [waiting.popleft() for _ in range(bisect_left(waiting, stop))]
            if here and here[0] >= start:
                diagrams = self.read(start, stop).diagrams
                yield from (diagrams[row - start] for row in here)
            elif here:
                waiting.appendleft(here[0])
                break
        if waiting:
            raise InputError(f"{self.path} has no diagrams of row {waiting[0]}; run again to compute them")

    def records(self, start: int, stop: int) -> list[dict[str, Any]]:
        """Read only the records of the finished batch [start, stop)."""
        # The attributes of a group are one small JSON file; opening it through Zarr costs ten times as much.
        metadata = json.loads((self._group(start, stop) / "zarr.json").read_text())
        records: list[dict[str, Any]] = metadata["attributes"]["records"]
        return records

    def is_intact(self, start: int, stop: int) -> bool:
        """Read a finished batch back: every chunk's checksum and every channel's digest must hold."""
        try:
            batch = self.read(start, stop)
        except Exception:  # whatever damaged bytes make of JSON, codecs and lengths
            return False
        if not len(batch.diagrams) == len(batch.records) == stop - start:
            return False
        for diagram, record in zip(batch.diagrams, batch.records, strict=True):
            found = {f"{name}/{dimension}": pairs for (name, dimension), pairs in diagram.items()}
            for key, told in record.get("channels", {}).items():
                if content_digest(found.get(key, np.zeros((0, 2)))) != told["digest"]:
                    return False
        return True

    def discard(self, start: int, stop: int) -> None:
        """Remove a finished batch, so that it is computed again."""
        remove_whole(self._group(start, stop))

    def remove_leftovers(self) -> None:
        """Delete half-written batches of processes that were killed."""
        remove_leftovers(self.path)

    def _group(self, start: int, stop: int) -> Path:
        return self.path / f"{start:08d}-{stop:08d}"
