"""Diagram store: one Zarr group per batch, complete or absent.

A group holds, for a contiguous range of volume rows, ``bars (3, bar)`` and ``counts (volume, filtration,
homology_dimension)``. The rows of ``bars`` are birth, death and how often the bar occurs, which float64 holds exactly;
each distinct bar of a channel is there once. The bars of each volume follow one another, those of a volume by
filtration (in the order of the store's list) and homology dimension; ``counts`` says how many columns each has. The
attributes of ``counts`` hold one small JSON record per volume, those of the group how long each took, the quarantined
rows, which a resumed run needs, and the digests of its files (`tdaflow.store.manifest`). A batch is five files, written
under a temporary name and renamed last; one whose metadata are damaged counts as unfinished. Where each bar is born and
dies, if the run asks for it, is a sixth and seventh: ``locations``, int32, flat, in the order of ``bars`` with repeated
ones apart, and in its attributes how many numbers a place has by filtration.
"""

import json
import re
import tempfile
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from tdaflow.atomic import remove_leftovers, remove_whole, write_whole, written_whole
from tdaflow.diagrams import NO_BARS, Bars
from tdaflow.errors import InputError, PassingFault, passing_reason
from tdaflow.remote import RemotePath, local_folder, place
from tdaflow.store.coverage import uncovered
from tdaflow.store.digests import content_digest
from tdaflow.store.manifest import ROOT, DamagedStore, check_root, damaged_files, files_of, read_root, seal_group
from tdaflow.store.zarr_layout import attributes_of, member, open_group, write_array

FORMAT = 3
_GROUP = re.compile(r"^(\d{8,})-(\d{8,})$")

Channel = tuple[str, int]


@dataclass(frozen=True)
class DiagramBatch:
    """The diagrams of the volume rows [start, stop).

    Attributes
    ----------
    diagrams : sequence of mappings
        For each row, (filtration name, homology dimension) → bars; an empty mapping for a volume that was quarantined
        or failed.
    records : sequence of mappings
        For each row, the JSON-able record of its outcome.
    """

    start: int
    stop: int
    diagrams: Sequence[Mapping[Channel, Bars]]
    records: Sequence[Mapping[str, Any]]


class DiagramStore:
    """Read and write the diagrams of a run, batch by batch."""

    def __init__(self, path: Path) -> None:
        self.path = place(path)
        group = open_group(self.path, "diagram store")
        attributes = attributes_of(group)
        if attributes.get("format") != FORMAT:
            raise InputError(
                f"{path} is not a diagram store of format {FORMAT}; run again with --restart-from diagrams"
            )
        self.digest = str(attributes["digest"])
        self.filtrations: tuple[str, ...] = tuple(attributes["filtrations"])
        # Batches whose metadata this process has seen to be sound.
        self._whole: set[tuple[int, int]] = set()

    @classmethod
    def create(cls, path: Path, *, digest: str, filtrations: Sequence[str]) -> "DiagramStore":
        """Create an empty store for diagrams that `digest` describes."""
        with written_whole(path, keep_existing=True) as temporary:
            zarr.create_group(
                temporary,
                zarr_format=3,
                attributes={"tdaflow": {"format": FORMAT, "digest": digest, "filtrations": list(filtrations)}},
            )
            seal_group(temporary, ())
        return cls(path)

    @classmethod
    def mend(cls, path: Path, *, digest: str, filtrations: Sequence[str]) -> "DiagramStore":
        """Write the metadata of a store anew, as `create` does; its batches stay."""
        with tempfile.TemporaryDirectory() as scratch:
            made = cls.create(Path(scratch) / "new", digest=digest, filtrations=filtrations)
            write_whole(place(path) / ROOT, (made.path / ROOT).read_bytes())
        return cls(path)

    def batches(self) -> list[tuple[int, int]]:
        """Return the row ranges [start, stop) of the finished batches, ascending and disjoint.

        A worker that outlived a killed run may have finished a batch that overlaps those of the next run. Rows count
        once: of two such batches the one that begins first is used, of those that begin together the longest.
        """
        disjoint: list[tuple[int, int]] = []
        for start, stop in self._named():
            if (not disjoint or start >= disjoint[-1][1]) and self.has(start, stop):
                disjoint.append((start, stop))
        return disjoint

    def damaged(self) -> list[tuple[int, int]]:
        """Return the row ranges of the batches whose metadata are damaged or whose data are missing."""
        return [(start, stop) for start, stop in self._named() if not self.has(start, stop)]

    def has(self, start: int, stop: int) -> bool:
        """Return True if exactly this batch is finished: its metadata are sound and its data are there, unread."""
        if (
            (start, stop) not in self._whole
            and self._group(start, stop, ROOT).is_file()
            and self._is_whole(start, stop)
        ):
            self._whole.add((start, stop))
        return (start, stop) in self._whole

    def _named(self) -> list[tuple[int, int]]:
        # On an object store a batch whose root is not there is one that a killed worker did not finish.
        remote = isinstance(self.path, RemotePath)
        entries = (root.parent for root in self.path.glob(f"*/{ROOT}")) if remote else self.path.iterdir()
        found = (_GROUP.match(entry.name) for entry in entries)
        return sorted(((int(m[1]), int(m[2])) for m in found if m), key=lambda b: (b[0], -b[1]))

    def _is_whole(self, start: int, stop: int) -> bool:
        path = self._group(start, stop)
        try:
            files = check_root(path)
            if isinstance(path, RemotePath):
                return True  # its root is put when all else is there
            if files is None:  # of an older version
                self.records(start, stop), self.quarantined(start, stop)
                shapes = {name: json.loads((path / name / ROOT).read_text())["shape"] for name in ("bars", "counts")}
                return all(0 in shape or any((path / name).glob("c*")) for name, shape in shapes.items())
            metadata = {name: digest for name, digest in files.items() if name.endswith(ROOT)}
            found = next(damaged_files(path, metadata), None)
            if found is None:
                return all(_is_filled(path / name) for name in files)
        except Exception as error:  # whatever damaged bytes make of JSON and Zarr
            if passing_reason(error) is not None:
                raise
            return False
        if found.passing:
            raise PassingFault(str(path / found.name), found.passing)
        return False

    def missing(self, n_rows: int) -> list[tuple[int, int]]:
        """Return the row ranges of [0, n_rows) that no finished batch covers."""
        return uncovered(self.batches(), n_rows)

    def write(self, batch: DiagramBatch) -> None:
        """Write one batch; a batch that another worker finished meanwhile is kept as it is."""
        written = [
            (position, self.filtrations.index(name), dimension, _rows(bars))
            for position, diagram in enumerate(batch.diagrams)
            for (name, dimension), bars in sorted(diagram.items(), key=self._order)
        ]
        located = [
            (name, bars.locations)
            for diagram in batch.diagrams
            for (name, _), bars in sorted(diagram.items(), key=self._order)
            if bars.locations is not None
        ]
        dimensions = 1 + max((dimension for _, _, dimension, _ in written), default=0)
        counts = np.zeros((batch.stop - batch.start, len(self.filtrations), dimensions), dtype=np.int64)
        for position, filtration, dimension, rows in written:
            counts[position, filtration, dimension] = rows.shape[1]
        quarantined = [
            [row, record["id"], record["reason"]]
            for row, record in enumerate(batch.records, start=batch.start)
            if record.get("status") == "quarantined"
        ]
        # All but the root is the same whoever writes it and when: on an object store two may do so at once.
        records = [{name: value for name, value in record.items() if name != "seconds"} for record in batch.records]
        told = {"quarantined": quarantined, "seconds": [record.get("seconds") for record in batch.records]}
        with written_whole(self._group(batch.start, batch.stop), keep_existing=True) as temporary:
            group = zarr.create_group(temporary, zarr_format=3, attributes=told)
            together = np.concatenate([np.zeros((3, 0)), *(rows for *_, rows in written)], axis=1)
            write_array(group, "bars", together, dimensions=("birth_death_count", "bar"))
            write_array(
                group,
                "counts",
                counts,
                dimensions=("volume", "filtration", "homology_dimension"),
                attributes={"records": records},
            )
            if located:
                write_array(
                    group,
                    "locations",
                    np.concatenate([at.ravel() for _, at in located]).astype(np.int32),
                    dimensions=("location",),
                    attributes={"widths": {name: at.shape[2] for name, at in located}},
                )
            seal_group(temporary, [name for name in files_of(temporary) if name != ROOT])
        self._whole.discard((batch.start, batch.stop))

    def read(self, start: int, stop: int) -> DiagramBatch:
        """Read the finished batch [start, stop).

        Raises
        ------
        DamagedStore
            If a file of it is not as it was written.
        """
        path = self._group(start, stop)
        files = check_root(path) or {}
        with local_folder(path, [ROOT, *files]) as here:
            for damage in damaged_files(here, files):
                raise DamagedStore(path / damage.name, damage.why)
            group = open_group(here, "diagram batch")
            bars, counts = (np.asarray(member(group, name)[...]) for name in ("bars", "counts"))
            if (
                counts.shape[:2] != (stop - start, len(self.filtrations))
                or (counts < 0).any()
                or bars.shape != (3, counts.sum())
            ):
                raise InputError(f"the counts of {path} do not fit its bars; run again with --verify")
            places, records = self._locations(group, path), _records(here)
        ends = np.cumsum(counts).reshape(counts.shape)
        diagrams: list[dict[Channel, Bars]] = [{} for _ in range(stop - start)]
        for position, f, d in np.argwhere(counts).tolist():
            end = ends[position, f, d]
            # Copies, or one volume's bars would keep those of its whole batch in memory.
            births, deaths, repeats = bars[:, end - counts[position, f, d] : end]
            name, repeats = self.filtrations[f], repeats.astype(np.int64)
            at = places(name, int(repeats.sum()))
            diagrams[position][name, d] = Bars(np.stack([births, deaths], axis=1), repeats, at)
        return DiagramBatch(start, stop, diagrams, records)

    def read_rows(
        self, rows: Iterable[int], batches: Iterable[tuple[int, int]] | None = None
    ) -> Iterator[Mapping[Channel, Bars]]:
        """Yield the diagrams of ascending rows, whatever batches they are in; InputError if one is missing.

        `batches` limits the search to these ranges, ascending and disjoint; by default all of the store.
        """
        waiting = deque(rows)
        for start, stop in self.batches() if batches is None else batches:
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
        return _records(self._group(start, stop))

    def quarantined(self, start: int, stop: int) -> dict[int, tuple[str, str]]:
        """Return id and reason of each quarantined row of the finished batch [start, stop)."""
        listed = read_root(self._group(start, stop))[1]["quarantined"]
        return {int(row): (str(identity), str(reason)) for row, identity, reason in listed}

    def is_intact(self, start: int, stop: int) -> bool:
        """Return True if the digest of every file and of every channel of a finished batch holds."""
        try:
            batch, quarantined = self.read(start, stop), self.quarantined(start, stop)  # compares all files
        except Exception:  # whatever damaged bytes make of JSON, codecs and lengths
            return False
        if not len(batch.diagrams) == len(batch.records) == stop - start:
            return False
        if list(quarantined) != [
            r for r, told in enumerate(batch.records, start) if told.get("status") == "quarantined"
        ]:
            return False
        for diagram, record in zip(batch.diagrams, batch.records, strict=True):
            found = {f"{name}/{dimension}": bars for (name, dimension), bars in diagram.items()}
            for key, told in record.get("channels", {}).items():
                if bars_digest(found.get(key, NO_BARS)) != told["digest"]:
                    return False
        return True

    def discard(self, start: int, stop: int) -> None:
        """Remove a finished batch, so that it is computed again."""
        self._whole.discard((start, stop))
        remove_whole(self._group(start, stop))

    def remove_leftovers(self) -> None:
        """Delete half-written batches of processes that were killed."""
        remove_leftovers(self.path)

    def _locations(self, group: zarr.Group, path: Path) -> Callable[[str, int], NDArray[np.int64] | None]:
        """What gives the locations of the next n bars, which are of a filtration; None if the batch has none."""
        if "locations" not in group:
            return lambda name, n: None
        numbers = np.asarray(member(group, "locations")[...])
        widths: dict[str, int] = dict(group["locations"].attrs["widths"])  # type: ignore[arg-type]
        read = 0

        def following(name: str, n: int) -> NDArray[np.int64]:
            nonlocal read
            start, read = read, read + 2 * n * widths[name]
            if read > len(numbers):
                raise InputError(f"the locations of {path} do not fit its bars; run again with --verify")
            return numbers[start:read].reshape(n, 2, -1).astype(np.int64)

        return following

    def _order(self, bars: tuple[Channel, Bars]) -> tuple[int, int]:
        (name, dimension), _ = bars
        return self.filtrations.index(name), dimension

    def _group(self, start: int, stop: int, *inside: str) -> Path:
        return self.path.joinpath(f"{start:08d}-{stop:08d}", *inside)


def _records(path: Path) -> list[dict[str, Any]]:
    """The records of a batch; DamagedStore if they are not as they were written."""
    name = f"counts/{ROOT}"
    files, attributes = read_root(path)
    for found in damaged_files(path, {name: files[name]} if files else {}):
        raise DamagedStore(path / name, found.why)
    # One small JSON file; opening it through Zarr costs ten times as much.
    records: list[dict[str, Any]] = json.loads((path / name).read_text())["attributes"]["records"]
    # An older version kept the seconds in the records.
    for record, seconds in zip(records, attributes.get("seconds", ()), strict=False):
        if seconds is not None:
            record["seconds"] = seconds
    return records


def bars_digest(bars: Bars) -> str:
    """Return the hex digest of bars and their counts."""
    return content_digest(_rows(bars))


def _rows(bars: Bars) -> np.ndarray:
    """Return births, deaths and counts, float64 (3, n)."""
    return np.stack([*bars.pairs.T, bars.counts])


def _is_filled(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0
