"""The feature store: a Zarr group of persistence images that explains itself to xarray.

``persistence_image (volume, channel, y, x)`` has the fill value NaN, so an unwritten chunk never reads as zeros. Rows
are at ``persistence (channel, y)``, or ``death`` in the birth–death plane, columns at ``birth (channel, x)``; the ids
``volume`` and the names ``channel``, such as "alpha H2", are indexes. Channels whose births are all equal (alpha H0)
may be stored as ``persistence_vector (volume, vector_channel, y)``. Requested vectorisations stand side by side in
``summary (volume, summary_feature)``. Its coordinates are ``summary_vectorisation``, ``summary_filtration``,
``summary_homology_dimension``, ``summary_region``, ``summary_term`` and ``summary_value``, the filtration value that a
term belongs to (NaN for none). Regions of interest have the coordinates ``subject`` and ``roi`` too. Attributes of the
group hold the settings in words and numbers, and under ``tdaflow`` as JSON. The store has a working name until every
chunk is written.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tdaflow.atomic import delete_tree, remove_whole, rename_whole, sync_tree, sync_up, write_whole, written_whole
from tdaflow.errors import InputError
from tdaflow.printable import counted
from tdaflow.remote import place
from tdaflow.sources.rois import subject_and_roi
from tdaflow.store.feature_attributes import in_words
from tdaflow.store.feature_axes import ChannelAxes, SummaryAxes, coordinates, write_axes, write_terms
from tdaflow.store.manifest import Damage, check_root, damaged_files, digest_of, reason, seal_group
from tdaflow.store.volumes import VolumeTable
from tdaflow.store.zarr_layout import (
    arrays_in,
    attributes_of,
    consolidate,
    create_array,
    member,
    open_group,
    write_column,
)

# 2: volume and channel are indexes, every array has long_name and units, the second axis has its name.
FORMAT = 2
# Image bytes of one chunk: large enough for few files, small enough for many tasks.
CHUNK_BYTES = 8 << 20


class FeatureStore:
    """Write the images of a run chunk by chunk, then give the store its final name."""

    def __init__(self, path: Path) -> None:
        self.path = place(path)
        self._group = open_group(self.path, "feature store", mode="r+")
        attributes: dict[str, Any] = attributes_of(self._group)
        if attributes.get("format") != FORMAT:
            raise other_format(self.path)
        self.attributes = attributes
        self.chunk = int(attributes["chunk"])
        self.n_volumes = int(attributes["n_volumes"])
        self._parts: list[str] = attributes["parts"]

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        table: VolumeTable,
        rows: np.ndarray,
        channels: Sequence[ChannelAxes],
        dtype: str,
        attributes: Mapping[str, Any],
        summaries: Sequence[SummaryAxes] = (),
    ) -> "FeatureStore":
        """Create a store, without images yet, for the given rows of the volume table.

        `attributes` are JSON-able and must hold the ``digest`` of the images stage; what else they may hold is what
        `tdaflow.store.feature_attributes.in_words` puts in words, and ``rois`` where volumes are regions of interest.
        """
        plane = str(attributes.get("plane", "birth-persistence"))
        pixel = {"long_name": "weight of the bars around a pixel", "units": str(attributes.get("pixel_unit", "1"))}
        images = [c for c in channels if not c.vector]
        vectors = [c for c in channels if c.vector]
        height = len(channels[0].death)
        width = len(images[0].birth) if images else 1
        n = len(rows)
        n_terms = sum(len(s.terms) for s in summaries)
        per_volume = np.dtype(dtype).itemsize * (len(images) * height * width + len(vectors) * height + n_terms)
        chunk = int(np.clip(CHUNK_BYTES // max(1, per_volume), 1, max(1, n)))
        rois = bool(attributes.get("rois"))
        parts: list[str] = []
        with written_whole(path) as temporary:
            group = zarr.create_group(temporary, zarr_format=3)
            if summaries:
                parts.append("summary")
                create_array(
                    group, "summary", shape=(n, n_terms), chunks=(chunk, n_terms), dtype=dtype,
                    dimensions=("volume", "summary_feature"), fill_value=np.nan,
                    attributes={
                        "long_name": "numbers of the vectorisations", "units": "1 or those of the filtration",
                        "coordinates": coordinates(("volume", "summary_feature"), plane, rois=rois),
                    },
                )  # fmt: skip
                write_terms(group, summaries)
            for name, listed, dims in (
                ("persistence_vector", vectors, ("volume", "vector_channel", "y")),
                ("persistence_image", images, ("volume", "channel", "y", "x")),
            ):
                if listed:
                    shape = (n, len(listed), height, width)[: len(dims)]
                    for count, about in (
                        ("n_bars", "number of bars, -1 for unknown"),
                        ("n_outside", "number of bars outside the ranges, -1 for unknown"),
                    ):
                        parts.append(_count_name(count, name))
                        create_array(
                            group, parts[-1], shape=shape[:2], chunks=(chunk, shape[1]), dtype=np.int32,
                            dimensions=dims[:2], fill_value=-1,
                            attributes={
                                "long_name": about, "units": "1",
                                "coordinates": coordinates(dims[:2], plane, rois=rois),
                            },
                        )  # fmt: skip
                    parts.append(name)
                    create_array(
                        group, name, shape=shape, chunks=(chunk, *shape[1:]), dtype=dtype, dimensions=dims,
                        fill_value=np.nan, attributes={**pixel, "coordinates": coordinates(dims, plane, rois=rois)},
                    )  # fmt: skip
            for prefix, listed in (("", images), ("vector_", vectors)):
                if listed:
                    write_axes(group, prefix, listed, plane)
            ends = {"long_name": "lower and upper end", "units": ""}
            write_column(group, "bound", ["low", "high"], dimensions=("bound",), attributes=ends)
            _write_volumes(group, table, rows, list(attributes.get("class_names") or ()), rois=rois)
            group.attrs.update(in_words(attributes, channels))
            group.attrs["tdaflow"] = json.dumps(
                {**attributes, "format": FORMAT, "chunk": chunk, "n_volumes": n, "parts": parts, "complete": False}
            )
        return cls(path)

    def chunks(self) -> list[tuple[int, int]]:
        """Return the range of positions on the volume axis of each chunk."""
        return [(left, min(left + self.chunk, self.n_volumes)) for left in range(0, self.n_volumes, self.chunk)]

    def is_written(self, start: int) -> bool:
        """Return True if the chunk that begins at `start` is complete; a killed process leaves a part out."""
        is_told = bool(self.attributes.get("complete")) or self._written(start).is_file()
        return is_told and all((self.path / file).is_file() for file in self._files(start))

    def write(self, start: int, parts: Mapping[str, np.ndarray]) -> None:
        """Write one whole chunk of every array; then the digests of its files, which say that it is there."""
        for part in self._parts:
            values = parts[part]
            member(self._group, part)[start : start + len(values)] = values
        files = self._files(start)
        for file in files:
            sync_up(self.path / file, self.path)
        self._written(start).parent.mkdir(exist_ok=True)
        write_whole(self._written(start), json.dumps({file: digest_of(self.path, file) for file in files}))

    def _files(self, start: int) -> list[str]:
        """The files of a chunk of volumes, relative to the store."""
        index = str(start // self.chunk)
        return ["/".join([part, "c", index, *["0"] * (member(self._group, part).ndim - 1)]) for part in self._parts]

    def _written(self, start: int) -> Path:
        return self.path / ".parts" / f"{start:08d}.json"

    def read(self, left: int, right: int) -> dict[str, np.ndarray]:
        """Return every array of the store at the positions [left, right)."""
        return {part: self._values(part, left, right) for part in self._parts}

    def totals(self) -> tuple[int, int]:
        """Return the number of bars outside the ranges and of images without a bar, over all volumes and channels."""
        counts = {part: self._values(part, 0, self.n_volumes) for part in self._parts if "n_" in part}
        n_outside = sum(int(values.sum()) for part, values in counts.items() if part.endswith("n_outside"))
        n_empty = sum(int((values == 0).sum()) for part, values in counts.items() if part.endswith("n_bars"))
        return n_outside, n_empty

    def is_intact(self) -> bool:
        """Return True if every file is as it was written; reads all of them."""
        return not any(self.damage())

    def damage(self) -> Iterator[Damage]:
        """Read the whole store, and yield what is not as it was written."""
        files = check_root(self.path)
        if files is not None:
            yield from damaged_files(self.path, files)
            return
        for part in arrays_in(self.path):  # of an older version: checksums of chunks are all that there is
            try:
                member(self._group, part)[...]
            except Exception as error:  # whatever damaged bytes make of a codec
                yield Damage(part, reason(error))
        for left, _ in self.chunks():
            if not self.is_written(left):
                yield Damage(self._files(left)[0], "it is missing")

    def _values(self, part: str, left: int, right: int) -> np.ndarray:
        return np.asarray(member(self._group, part)[left:right])

    def finish(self, path: Path, *, record: Mapping[str, Any] | None = None) -> None:
        """Mark the store complete and give it its final name, in place of one; refuse while a chunk is missing.

        `record` is JSON-able: what run.json says, so that it can be made anew if it is lost.
        """
        unwritten = [left for left, _ in self.chunks() if not self.is_written(left)]
        if unwritten:
            raise InputError(f"{self.path} has {counted(len(unwritten), 'unwritten chunk')}; run again to compute them")
        self._group.attrs["tdaflow"] = json.dumps(
            {**self.attributes, "complete": True, **({"record": record} if record else {})}
        )
        consolidate(self.path)
        known: dict[str, str] = {}
        for left, _ in self.chunks():
            with suppress(FileNotFoundError):  # deleted by a process that was killed before it renamed the store
                known |= json.loads(self._written(left).read_text())
        seal_group(self.path, arrays_in(self.path), known)
        sync_tree(self.path, known)
        delete_tree(self.path / ".parts")
        rename_whole(self.path, path)
        self.path = place(path)

    @staticmethod
    def remove(path: Path) -> None:
        """Delete a store, if there is one."""
        remove_whole(path)


def other_format(path: Path) -> InputError:
    """What to say of a store that is none, or of another format."""
    return InputError(f"{path} is not a feature store of format {FORMAT}; run again with --restart-from images")


def _write_volumes(
    group: zarr.Group, table: VolumeTable, rows: np.ndarray, class_names: Sequence[str], *, rois: bool
) -> None:
    """Write the table of the volumes; ``volume``, the ids once more, is the index."""
    labels = table.label[rows]
    names = [str(class_names[k]) if 0 <= k < len(class_names) else str(k) if k >= 0 else "" for k in labels.tolist()]
    columns: list[tuple[str, Any, str]] = [
        ("volume", table.id[rows], "identifier of the volume"),
        ("id", table.id[rows], "identifier of the volume"),
        ("label", labels, "number of the class, -1 for unlabelled"),
        ("class_name", names, "name of the class, empty for unlabelled"),
        ("split", table.split[rows], "train, val, test, or empty"),
        ("group", table.group[rows], "what splits must not divide, such as a patient; or empty"),
    ]
    if rois:
        subjects, regions = zip(*map(subject_and_roi, table.id[rows]), strict=True)
        columns += [("subject", subjects, "identifier of the subject"), ("roi", regions, "region of interest")]
    for name, values, about in columns:
        attributes = {"long_name": about, "units": "1" if name == "label" else ""}
        write_column(group, name, values, dimensions=("volume",), attributes=attributes)


def _count_name(count: str, image: str) -> str:
    return count if image == "persistence_image" else f"vector_{count}"
