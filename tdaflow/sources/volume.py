"""Volumes and rejected inputs, which every source yields, and the interface of sources."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from tdaflow.arrays import beyond_float64

SPLITS = ("train", "val", "test")
UNASSIGNED = "unassigned"  # key of the count of volumes without a split
UNIT_SPACING = (1.0, 1.0, 1.0)
NanFill = Literal["lowest"]


@dataclass(frozen=True, eq=False)
class Volume:
    """One 3D image with its metadata.

    Parameters
    ----------
    id : str
        Unique within the source, the same in every run.
    voxels : ndarray, shape (z, y, x)
        Real numbers in the file's own units and native byte order.
    spacing : tuple of 3 float, optional
        Distance between voxel centres along (z, y, x) in mm; 1 where the format has none.
    label : int, optional
        Class, an index into the source's ``class_names``; None if unlabelled.
    split : {"train", "val", "test"}, optional
        Part of the data set; None if there is no division.
    group : str, optional
        Volumes that must not be divided between splits, such as those of a patient, have the same group.
    facts : mapping, optional
        JSON-able facts kept with the volume, such as its affine or the preprocessing.
    """

    id: str
    voxels: np.ndarray = field(repr=False)
    spacing: tuple[float, float, float] = UNIT_SPACING
    label: int | None = None
    split: str | None = None
    group: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rejected:
    """One input that cannot be used; ``reason`` is one sentence for the user, the rest is as in `Volume`.

    `passing` tells that a disk or a network is at fault (`tdaflow.errors.PassingFault`), and not the input.
    """

    id: str
    reason: str
    label: int | None = None
    split: str | None = None
    group: str | None = None
    passing: bool = False


@dataclass(frozen=True)
class SourceInfo:
    """Summary of a source, known before any volume is read.

    Parameters
    ----------
    name : str
        Name of the data set.
    n_volumes : int
        Number of items that ``volumes()`` yields, rejected ones included.
    shape : tuple of 3 int or None
        Shape (z, y, x) of every volume; None if shapes are unequal.
    dtype : str or None
        NumPy name of the voxel type; None if types are unequal.
    class_names : tuple of str
        Class names in the order of the integer labels; empty if unlabelled.
    splits : mapping of str to int
        Volumes per split; those without one are counted as ``"unassigned"``.
    class_counts : mapping of str to tuple of int
        Per split, the volumes of each class; empty if unlabelled.
    licence : str or None
        Licence of the data.
    task, modality : str or None
        As the data set's publisher states them.
    checksum : {"published", "differs"} or None
        "published" if the file is identical to the published one; None if none is published.
    notes : tuple of str
        Warnings for the user.
    modalities : mapping of str to int
        Volumes per modality (a DICOM code: CT, MR, PT, ...); those whose modality is not known are left out.
    rois : mapping of str to int
        Values of the regions of interest by name, where every region of a subject is a volume; empty if none is.
    labels_found : mapping of int to int
        Segmentations that hold a value, by value, where there are regions.
    """

    name: str
    n_volumes: int
    shape: tuple[int, int, int] | None
    dtype: str | None
    class_names: tuple[str, ...] = ()
    splits: Mapping[str, int] = field(default_factory=dict)
    class_counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    licence: str | None = None
    task: str | None = None
    modality: str | None = None
    checksum: Literal["published", "differs"] | None = None
    notes: tuple[str, ...] = ()
    modalities: Mapping[str, int] = field(default_factory=dict)
    rois: Mapping[str, int] = field(default_factory=dict)
    labels_found: Mapping[int, int] = field(default_factory=dict)

    def modality_of_volumes(self) -> list[str | None]:
        """Return the modality of every volume, in arbitrary order; None if it is not known."""
        known: list[str | None] = [code for code, n in self.modalities.items() for _ in range(n)]
        return known + [None] * (self.n_volumes - len(known))


@runtime_checkable
class Source(Protocol):
    """A reader of one data set: frozen options plus three methods.

    ``describe`` checks everything but voxels and raises `InputError` before any work is done. ``fingerprint``
    identifies the input, in JSON types and without folder names. ``volumes`` yields items in a fixed order, one volume
    in memory at a time, without the first ``start`` items.
    """

    @property
    def name(self) -> str: ...

    def describe(self) -> SourceInfo: ...

    def fingerprint(self) -> dict[str, Any]: ...

    def volumes(self, start: int = 0) -> Iterator[Volume | Rejected]: ...


@dataclass(frozen=True)
class Member:
    """What a source knows of one volume without reading it.

    Parameters
    ----------
    id, label, split, group
        As in `Volume`.
    made_of : tuple
        JSON types: names, sizes and times of the files, and the options of this volume; others mean other voxels.
    """

    id: str
    made_of: tuple[Any, ...]
    label: int | None = None
    split: str | None = None
    group: str | None = None


@runtime_checkable
class Growing(Source, Protocol):
    """Source whose volumes can be told apart before they are read, so that a run of it can take in added ones.

    ``members`` has one item for each that ``volumes`` yields, in the same order; `InputError` where the volumes cannot
    be told apart. ``volumes`` reads, where ``only`` is given, no others than those of these ids.
    """

    def members(self) -> list[Member]: ...

    def volumes(self, start: int = 0, only: Collection[str] | None = None) -> Iterator[Volume | Rejected]: ...


def is_real(dtype: np.dtype) -> bool:
    """Return True if voxels may have this dtype: bool, integer, or float of up to 64 bits."""
    return dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize <= 8)


def check_voxels(voxels: np.ndarray) -> str | None:
    """Return the reason why an array cannot be used as a volume.

    Parameters
    ----------
    voxels : ndarray
        Candidate, of any shape and dtype.

    Returns
    -------
    str or None
        One sentence if the array is masked, not 3D, empty, not real, holds NaN, infinity or integers beyond ±2^53, or
        is constant; otherwise None.

    Notes
    -----
    One NaN changes persistence diagrams silently, and a constant volume has none, so both are refused before homology.
    """
    if isinstance(voxels, np.ma.MaskedArray):
        return "the volume is a masked array: fill the hidden voxels yourself, such as array.filled(0)"
    if voxels.ndim != 3:
        return f"the array has {voxels.ndim} dimensions {voxels.shape}, a volume has 3 (z, y, x)"
    if voxels.size == 0:
        return f"the volume is empty, its shape is {voxels.shape}"
    if not is_real(voxels.dtype):
        return f"the voxels are of type {voxels.dtype}, only bool, integers and floats of up to 64 bits can be used"
    with np.errstate(invalid="ignore"):
        low, high = voxels.min(), voxels.max()
    # NaN propagates through min and infinities are extremes, so good volumes need no temporary array.
    if not (np.isfinite(low) and np.isfinite(high)):
        n_nan, n_inf = int(np.isnan(voxels).sum()), int(np.isinf(voxels).sum())
        counts = " and ".join(f"{n} {what}" for n, what in ((n_nan, "NaN"), (n_inf, "infinite")) if n)
        return f"{counts} among {voxels.size} voxels, all must be finite: write a grey value there"
    if low == high:
        return f"the volume is constant, every voxel is {low}"
    return beyond_float64(voxels)


def checked(volume: Volume) -> Volume | Rejected:
    """Return the volume, or its rejection with the reason from `check_voxels`."""
    reason = check_voxels(volume.voxels)
    if reason is None:
        return volume
    return Rejected(volume.id, reason, volume.label, volume.split, volume.group)


def filled_or_rejected(volume: Volume, nan: NanFill | None) -> Volume | Rejected:
    """As `checked`, for sources with the option `nan`: voxels that are NaN take the lowest finite value if it says so.

    Parameters
    ----------
    volume : Volume
        Its voxels are copied where they change, because several regions may share them.
    nan : "lowest" or None
        None rejects such a volume with a reason that names the option.
    """
    voxels = volume.voxels
    hidden = np.isnan(voxels) if voxels.dtype.kind == "f" else np.zeros(0, bool)
    n = int(hidden.sum())
    if n and nan is not None and n < voxels.size:
        lowest = np.min(voxels, where=~hidden, initial=np.inf)
        facts = {**volume.facts, "nan_filled": {"voxels": n, "value": float(lowest)}}
        return checked(replace(volume, voxels=np.where(hidden, lowest, voxels), facts=facts))
    item = checked(volume)
    if n and nan is None and isinstance(item, Rejected):
        remedy = "; if it is the background, take the lowest finite value there with --set data.nan=lowest"
        return replace(item, reason=item.reason + remedy)
    return item


def count_modalities(modalities: Iterable[str | None]) -> dict[str, int]:
    """Count volumes per modality, sorted by name; None is not counted."""
    return dict(sorted(Counter(code for code in modalities if code is not None).items()))


def leaking_groups(members: Iterable[tuple[str | None, str | None]]) -> list[str]:
    """Return the groups (patients) in more than one split, sorted, from (group, split) of every volume."""
    splits: dict[str, set[str]] = {}
    for group, split in members:
        if group is not None and split is not None:
            splits.setdefault(group, set()).add(split)
    return sorted(group for group, names in splits.items() if len(names) > 1)


def tally(
    splits: Sequence[str | None], labels: Sequence[int | None], n_classes: int
) -> tuple[dict[str, int], dict[str, tuple[int, ...]]]:
    """Count volumes per split, and per split and class.

    Parameters
    ----------
    splits, labels : sequence
        One entry per volume; None counts as unassigned and as of no class.
    n_classes : int
        Number of classes; 0 leaves the second result empty.

    Returns
    -------
    splits : dict of str to int
        Volumes per split, ordered train, val, test, unassigned, the absent ones left out.
    class_counts : dict of str to tuple of int
        Volumes per class in each of those splits.
    """
    keys = [split or UNASSIGNED for split in splits]
    per_split = Counter(keys)
    pairs = Counter(zip(keys, labels, strict=True))
    present = [key for key in (*SPLITS, UNASSIGNED) if per_split[key]]
    classes = {key: tuple(pairs[key, c] for c in range(n_classes)) for key in present} if n_classes else {}
    return {key: per_split[key] for key in present}, classes
