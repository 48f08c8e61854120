"""The feature store: an xarray-readable Zarr group of persistence images.

``persistence_image (volume, channel, y, x)`` has the fill value NaN, so an unwritten chunk never reads as zeros.
Channels whose births are all equal (alpha H0) may be stored as ``persistence_vector (volume, vector_channel, y)``.
Vectorisations, where asked for, stand side by side in ``summary (volume, summary_feature)``. Its coordinates are
``summary_vectorisation``, ``summary_filtration``, ``summary_homology_dimension``, ``summary_region``, ``summary_term``
and ``summary_value``, the filtration value that a term belongs to (NaN for none).
The store carries a working name until every chunk is there.
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.errors import ZarrUserWarning

from tdaflow.errors import InputError
from tdaflow.store.volumes import VolumeTable
from tdaflow.store.zarr_layout import (
    attributes_of,
    create_array,
    member,
    open_group,
    remove_whole,
    write_column,
    written_whole,
)
from tdaflow.vectorisations import Term

FORMAT = 1
SUMMARY_LABELS = ("vectorisation", "filtration", "homology_dimension", "region", "term", "value")
# Image bytes of one chunk: large enough for few files, small enough for many tasks.
CHUNK_BYTES = 8 << 20


@dataclass(frozen=True)
class ChannelAxes:
    """One channel of the images: what it shows and the grid it is sampled on.

    Attributes
    ----------
    filtration, homology_dimension, region : str, int, str
        What the channel shows.
    birth_range, death_range : tuple of float
        Ranges of the two axes in filtration units; `death_range` is that of persistence in the birth–persistence plane.
    sigma : float
        Standard deviation of the Gaussian, filtration units.
    birth, death : float64 arrays, shapes (columns,), (rows,)
        Pixel centres.
    vector : bool
        Stored as one column.
    """

    filtration: str
    homology_dimension: int
    birth_range: tuple[float, float]
    death_range: tuple[float, float]
    sigma: float
    birth: np.ndarray
    death: np.ndarray
    vector: bool = False
    region: str = "whole"


@dataclass(frozen=True)
class SummaryAxes:
    """The labels of one vectorisation of one channel, as the coordinates of ``summary`` hold them.

    Attributes
    ----------
    vectorisation, filtration, homology_dimension, region : str, str, int, str
    terms : tuple of Term
        One a number.
    """

    vectorisation: str
    filtration: str
    homology_dimension: int
    region: str
    terms: tuple[Term, ...]


class FeatureStore:
    """Write the images of a run chunk by chunk, then give the store its final name."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._group = open_group(self.path, "feature store", mode="r+")
        attributes: dict[str, Any] = attributes_of(self._group)
        if attributes.get("format") != FORMAT:
            raise InputError(f"{path} is not a feature store of format {FORMAT}; run again with --restart-from images")
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
        """Make a store of unwritten images for the given rows of the volume table.

        `attributes` are JSON-able and must hold the ``digest`` of the images stage.
        """
        images = [c for c in channels if not c.vector]
        vectors = [c for c in channels if c.vector]
        height = len(channels[0].death)
        width = len(images[0].birth) if images else 1
        n = len(rows)
        n_terms = sum(len(s.terms) for s in summaries)
        per_volume = np.dtype(dtype).itemsize * (len(images) * height * width + len(vectors) * height + n_terms)
        chunk = int(np.clip(CHUNK_BYTES // max(1, per_volume), 1, max(1, n)))
        parts: list[str] = []
        with written_whole(Path(path)) as temporary:
            group = zarr.create_group(temporary, zarr_format=3)
            if summaries:
                parts.append("summary")
                create_array(
                    group, "summary", shape=(n, n_terms), chunks=(chunk, n_terms), dtype=dtype,
                    dimensions=("volume", "summary_feature"), fill_value=np.nan,
                    attributes={"coordinates": _coordinates(("volume", "summary_feature"))},
                )  # fmt: skip
                _write_terms(group, summaries)
            for name, listed, dims in (
                ("persistence_vector", vectors, ("volume", "vector_channel", "y")),
                ("persistence_image", images, ("volume", "channel", "y", "x")),
            ):
                if listed:
                    shape = (n, len(listed), height, width)[: len(dims)]
                    for count in ("n_bars", "n_outside"):
                        parts.append(_count_name(count, name))
                        create_array(
                            group, parts[-1], shape=shape[:2], chunks=(chunk, shape[1]), dtype=np.int32,
                            dimensions=dims[:2], fill_value=-1, attributes={"coordinates": _coordinates(dims[:2])},
                        )  # fmt: skip
                    parts.append(name)
                    create_array(
                        group, name, shape=shape, chunks=(chunk, *shape[1:]), dtype=dtype, dimensions=dims,
                        fill_value=np.nan, attributes={"coordinates": _coordinates(dims)},
                    )  # fmt: skip
            for prefix, listed in (("", images), ("vector_", vectors)):
                if listed:
                    _write_axes(group, prefix, listed)
            for name in ("id", "label", "split", "group"):
                write_column(group, name, getattr(table, name)[rows], dimensions=("volume",))
            group.attrs["tdaflow"] = {
                **attributes, "format": FORMAT, "chunk": chunk, "n_volumes": n, "parts": parts, "complete": False,
            }  # fmt: skip
        return cls(path)

    def chunks(self) -> list[tuple[int, int]]:
        """Ranges of positions on the volume axis, one a chunk."""
        return [(left, min(left + self.chunk, self.n_volumes)) for left in range(0, self.n_volumes, self.chunk)]

    def is_written(self, start: int) -> bool:
        """Whether the chunk that begins at `start` is whole; a killed process leaves at least one part missing."""
        index = start // self.chunk
        return all(
            self.path.joinpath(part, "c", str(index), *["0"] * (member(self._group, part).ndim - 1)).is_file()
            for part in self._parts
        )

    def write(self, start: int, parts: Mapping[str, np.ndarray]) -> None:
        """Write one whole chunk: every array of the store, the images last."""
        for part in self._parts:
            values = parts[part]
            member(self._group, part)[start : start + len(values)] = values

    def totals(self) -> tuple[int, int]:
        """Over all volumes and channels: bars outside the ranges, and images without any bar."""
        counts = {part: self._values(part, 0, self.n_volumes) for part in self._parts if "n_" in part}
        n_outside = sum(int(values.sum()) for part, values in counts.items() if part.endswith("n_outside"))
        n_empty = sum(int((values == 0).sum()) for part, values in counts.items() if part.endswith("n_bars"))
        return n_outside, n_empty

    def is_intact(self) -> bool:
        """Read every chunk back: all must be there and their checksums hold."""
        try:
            for left, right in self.chunks():
                for part in self._parts:
                    self._values(part, left, right)
            return all(self.is_written(left) for left, _ in self.chunks())
        except Exception:  # whatever damaged bytes make of a codec
            return False

    def _values(self, part: str, left: int, right: int) -> np.ndarray:
        return np.asarray(member(self._group, part)[left:right])

    def finish(self, path: Path) -> None:
        """Mark the store complete and give it its final name; refuse while a chunk is missing."""
        unwritten = [left for left, _ in self.chunks() if not self.is_written(left)]
        if unwritten:
            raise InputError(f"{self.path} has {len(unwritten)} unwritten chunks; run again to compute them")
        self._group.attrs["tdaflow"] = {**self.attributes, "complete": True}
        with warnings.catch_warnings():
            # xarray warns when it opens a store without consolidated metadata, Zarr when it is asked to write it.
            warnings.simplefilter("ignore", ZarrUserWarning)
            zarr.consolidate_metadata(self.path, zarr_format=3)
        for leftover in self.path.rglob("*.partial"):
            leftover.unlink(missing_ok=True)
        os.rename(self.path, path)
        self.path = Path(path)

    @staticmethod
    def remove(path: Path) -> None:
        """Delete a store, if there is one."""
        remove_whole(path)


def _count_name(count: str, image: str) -> str:
    return count if image == "persistence_image" else f"vector_{count}"


def _coordinates(dimensions: Sequence[str]) -> str:
    """The CF attribute that makes xarray read label arrays as coordinates."""
    names = ["id", "label", "split", "group"]
    for axis, prefix in (("channel", ""), ("vector_channel", "vector_")):
        if axis in dimensions:
            names += [f"{prefix}{n}" for n in ("filtration", "homology_dimension", "region")]
    if "summary_feature" in dimensions:
        names += [f"summary_{n}" for n in SUMMARY_LABELS]
    return " ".join(names)


def _write_axes(group: zarr.Group, prefix: str, channels: Sequence[ChannelAxes]) -> None:
    axis = f"{prefix}channel"
    for name in ("filtration", "region"):
        write_column(group, prefix + name, [getattr(c, name) for c in channels], dimensions=(axis,))
    write_column(
        group,
        f"{prefix}homology_dimension",
        np.array([c.homology_dimension for c in channels], dtype=np.int64),
        dimensions=(axis,),
    )
    write_column(group, f"{prefix}sigma", np.array([c.sigma for c in channels]), dimensions=(axis,))
    for name in ("birth_range", "death_range"):
        values = np.array([getattr(c, name) for c in channels], dtype=np.float64)
        write_column(group, prefix + name, values, dimensions=(axis, "bound"))
    write_column(group, f"{prefix}death", np.stack([c.death for c in channels]), dimensions=(axis, "y"))
    if not prefix:
        write_column(group, "birth", np.stack([c.birth for c in channels]), dimensions=(axis, "x"))


def _write_terms(group: zarr.Group, summaries: Sequence[SummaryAxes]) -> None:
    rows = [
        (s.vectorisation, s.filtration, s.homology_dimension, s.region, term.name, term.value)
        for s in summaries
        for term in s.terms
    ]
    for name, column in zip(SUMMARY_LABELS, zip(*rows, strict=True), strict=True):
        values: Any = list(column)
        if name == "homology_dimension":
            values = np.array(column, dtype=np.int64)
        elif name == "value":
            values = np.array(column, dtype=np.float64)
        write_column(group, f"summary_{name}", values, dimensions=("summary_feature",))
