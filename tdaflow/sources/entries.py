"""Planned volumes of a source of image files, and the loop that reads them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tdaflow.errors import InputError, PassingFault
from tdaflow.printable import counted
from tdaflow.sources.byte_stream import contained
from tdaflow.sources.geometry import ImageHeader, check_same_grid, sides
from tdaflow.sources.mask import (
    BOXED,
    MaskLabels,
    MaskMode,
    MaskUse,
    check_mask_labels,
    scaling_step,
    use_mask,
    whole_labels,
)
from tdaflow.sources.readers import reader_of
from tdaflow.sources.stack import file_stamp
from tdaflow.sources.volume import Member, NanFill, Rejected, Volume, filled_or_rejected

_Problem = tuple[str, bool]  # what is wrong with a volume, and whether that may pass


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """Options that all sources of image files share.

    Parameters
    ----------
    canonical : bool
        Reorder and flip axes to the closest RAS+ orientation before they become (z, y, x); nothing is interpolated.
        A file without an orientation keeps its axes, and its facts say so.
    volume_index : int, optional
        Volume to take from 4D files; by default 4D files are rejected.
    mask_mode : "none", "crop", "background", "inside" or "volume"
        What masks are for: nothing, to cut the image to the region, to blank what is outside it, both, or to take the
        region itself as the volume. See `tdaflow.sources.mask.MaskUse`.
    mask_label : int, optional
        The mask's value that marks the region; by default every value but 0.
    mask_labels : "all" or table, optional
        Regions of interest, each a volume of its own by `mask_mode`: "all" labels of the segmentations, or names and
        values such as {tumor = 2, edema = 1}. Without a `mask_mode` the volumes are the segmentations themselves, and
        every region is 1 inside and 0 outside. Ids are SUBJECT:REGION, and regions of a subject are one group.
    margin : float, in margin_unit
        How far the box of "crop" and "inside" is widened on every side.
    margin_unit : "mm" or "voxels"
        Unit of `margin`; mm are rounded up to whole voxels along each axis.
    nan : "lowest", optional
        Give voxels that are NaN, such as a background outside the brain, the lowest finite value of their volume, and
        record how many; by default such a volume is rejected.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, must stay a plain attribute

    canonical: bool = True
    volume_index: int | None = None
    mask_mode: MaskMode = "none"
    mask_label: int | None = None
    mask_labels: MaskLabels | None = None
    margin: float = 0.0
    margin_unit: Literal["mm", "voxels"] = "mm"
    nan: NanFill | None = None

    def __post_init__(self) -> None:
        if self.volume_index is not None and self.volume_index < 0:
            raise InputError(f"volume_index={self.volume_index} must be 0 or more: 0 is the first volume")
        self.mask_use()
        check_mask_labels(self.mask_labels)
        if self.mask_labels is not None and self.mask_label is not None:
            raise InputError("mask_label is one region and mask_labels are several: give one of the two")

    @property
    def are_segmentations(self) -> bool:
        """True if the volumes are segmentations whose regions are wanted, without scans."""
        return self.mask_labels is not None and self.mask_mode == "none"

    def mask_use(self) -> MaskUse:
        """Return the mask options together; `InputError` if they are wrong."""
        mode = "volume" if self.are_segmentations else self.mask_mode
        return MaskUse(mode, self.mask_label, self.margin, self.margin_unit)

    def options(self) -> dict[str, Any]:
        """Return the options in JSON types, for a fingerprint.

        Without `mask_labels`: workers are given the labels that the client found, and must see the same files. Without
        `nan` unless it is used, which leaves the fingerprints of earlier stores as they are.
        """
        left_out = {"mask_labels"} | ({"nan"} if self.nan is None else set())
        return {name: getattr(self, name) for name in FileOptions.__dataclass_fields__ if name not in left_out}


@dataclass(frozen=True)
class Entry:
    """One volume to be read.

    Parameters
    ----------
    id : str
        Unique in the source.
    path : pathlib.Path or None
        The image; None only where `problem` is given.
    name : str
        The image's relative name, for messages and fingerprints.
    index : int, optional
        Volume of a 4D file; None takes the only one.
    mask, mask_name
        Path and relative name of the mask.
    label, split, group : optional
        As in `tdaflow.sources.volume.Volume`.
    site : str, optional
        Where it was acquired; kept with its facts.
    spacing : tuple of 3 float, optional
        (z, y, x) in mm, in place of the file's own.
    roi, roi_label : str and int, optional
        Name and value of the region of the mask, where it is one of several.
    problem : str, optional
        Reason why it is rejected without being read.
    """

    id: str
    path: Path | None = field(repr=False)
    name: str
    index: int | None = None
    mask: Path | None = field(default=None, repr=False)
    mask_name: str = ""
    label: int | None = None
    split: str | None = None
    group: str | None = None
    site: str | None = None
    spacing: tuple[float, float, float] | None = None
    roi: str = ""
    roi_label: int | None = None
    problem: str | None = None


def require_readers(names: Iterable[str]) -> None:
    """Import the libraries that these files need; `InputError` names the extra if one is missing."""
    for reader in {type(reader := reader_of(name)): reader for name in names}.values():
        reader.require()


def read_entries(entries: Iterable[Entry], options: FileOptions) -> Iterator[Volume | Rejected]:
    """Read entries in order, one volume at a time; consecutive volumes of one file share one pass over it.

    Consecutive regions of one volume share one reading of it and of its mask.
    """
    for _, run in groupby(entries, key=lambda entry: (entry.path, entry.spacing, entry.problem is None)):
        batch = _increasing(list(run))
        for part in batch:
            yield from _read_file(part, options)


def entry_header(entry: Entry, options: FileOptions) -> ImageHeader:
    """Return the header of an entry as delivered, without its mask; `InputError` for a 4D file without an index."""
    if entry.problem is not None or entry.path is None:
        raise InputError(entry.problem or "there is no file")
    header = _header(entry.name, entry.path, entry, options)
    _check_use(header, entry.index)
    return header


def _header(name: str, path: Path, entry: Entry, options: FileOptions) -> ImageHeader:
    with contained(name):
        return reader_of(name).header(path, canonical=options.canonical, spacing=entry.spacing)


def summary(entries: Sequence[Entry], options: FileOptions) -> tuple[tuple[int, int, int] | None, str | None, int]:
    """Return common shape and dtype as delivered (None if unequal or unknown), and the number of unusable entries."""
    shapes, dtypes, unusable = set(), set(), 0
    for entry in entries:
        try:
            header = entry_header(entry, options)
        except InputError:
            unusable += 1
            continue
        except PassingFault:  # its reader says so, and a later run may know better
            continue
        shapes.add(header.shape)
        dtypes.add("uint8" if options.mask_use().mode == "volume" else header.dtype.name)
    one_shape = len(shapes) == 1 and len(dtypes) == 1 and options.mask_mode not in BOXED
    return shapes.pop() if one_shape else None, dtypes.pop() if len(dtypes) == 1 else None, unusable


def stamps(entries: Sequence[Entry], with_masks: bool) -> dict[str, dict[str, Any] | None]:
    """Return size and modification time of every file by relative name; None for a missing one.

    Those of a header that is detached from its voxels have, as ``data``, also those of the file that holds these.
    """
    found: dict[str, dict[str, Any] | None] = {}
    for entry in entries:
        files = [(entry.name, entry.name, entry.path)]
        if with_masks and entry.mask is not None:
            files.append((f"mask:{entry.mask_name}", entry.mask_name, entry.mask))
        for key, name, path in files:
            if key and key not in found:
                found[key] = None if path is None else _stamp(name, path)
    return found


def _stamp(name: str, path: Path) -> dict[str, Any] | None:
    stamp: dict[str, Any] | None = None
    with suppress(InputError):  # what is not there is reported when it is read
        stamp = {**file_stamp(path)}
        with suppress(PassingFault):  # of the header, likewise
            data = _data_file(name, path, stamp["size"], stamp["mtime_ns"])
            if data != path:
                stamp["data"] = file_stamp(data)
    return stamp


@lru_cache(maxsize=1 << 16)  # a source is identified more than once
def _data_file(name: str, path: Path, size: int, mtime_ns: int) -> Path:
    with contained():
        return reader_of(name).data_file(path)


def chosen(entries: Iterable[Entry], only: Collection[str] | None) -> list[Entry]:
    """Return the entries of the ids in `only`; all without it."""
    return [entry for entry in entries if only is None or entry.id in only]


def members_of(entries: Sequence[Entry], with_masks: bool) -> list[Member]:
    """Return what is known of every entry without reading it."""
    found = stamps(entries, with_masks)
    members = []
    for entry in entries:
        mask = [entry.mask_name, found.get(f"mask:{entry.mask_name}")] if with_masks else None
        made_of = (entry.name, found.get(entry.name), entry.index, entry.spacing, mask, entry.roi_label, entry.site)
        members.append(Member(entry.id, made_of, entry.label, entry.split, entry.group))
    return members


def _increasing(batch: list[Entry]) -> Iterator[list[list[Entry]]]:
    """Gather the regions of a volume, and split volumes wherever the index does not increase: readers go forward."""
    part: list[list[Entry]] = []
    for _, regions in groupby(batch, key=lambda entry: (entry.index, entry.mask, entry.roi == "")):
        volume = list(regions)
        for same in [volume] if volume[0].roi else [[entry] for entry in volume]:
            if part and (same[0].index or 0) <= (part[-1][0].index or 0):
                yield part
                part = []
            part.append(same)
    if part:
        yield part


def _read_file(volumes: list[list[Entry]], options: FileOptions) -> Iterator[Volume | Rejected]:
    """Yield the volumes of one file, or their regions; damage rejects the one that it is found at and those after."""
    first = volumes[0][0]
    problem: _Problem | None
    if first.problem is not None or first.path is None:
        problem = first.problem or "there is no file", False
        yield from (_rejected(entry, problem) for same in volumes for entry in same)
        return
    problem = None
    stream: Iterator[tuple[ImageHeader, np.ndarray]] | None = None
    try:
        header = _header(first.name, first.path, first, options)
    except (InputError, PassingFault) as error:
        problem = _problem(first.name, error)
    for same in volumes:
        reason = problem or _use_problem(header, same[0])
        if reason is not None:
            yield from (_rejected(entry, reason) for entry in same)
            continue
        voxels = None
        if options.mask_use().mode != "volume":
            if stream is None:
                wanted = [e.index or 0 for e, *_ in volumes if _use_problem(header, e) is None]
                stream = reader_of(first.name).read(
                    first.path, wanted, canonical=options.canonical, spacing=first.spacing
                )
            try:
                with contained(first.name):
                    header, voxels = next(stream)
            except (InputError, PassingFault) as error:
                problem = _problem(first.name, error)
                yield from (_rejected(entry, problem) for entry in same)
                continue
        yield from _items(same, header, voxels, options)
        del voxels


def _use_problem(header: ImageHeader, entry: Entry) -> _Problem | None:
    try:
        _check_use(header, entry.index)
    except InputError as error:
        return _problem(entry.name, error)
    return None


def _check_use(header: ImageHeader, index: int | None) -> None:
    """Raise `InputError` unless the image is one 3D volume, or has the requested one."""
    n = header.n_volumes
    if min(header.shape) == 1:
        raise InputError(f"the file holds a slice of {sides(header.shape)} voxels (z, y, x), not a volume")
    if index is None and n > 1:
        raise InputError(
            f"the file holds {counted(n, 'volume')}, not one: choose one with --set data.volume_index=0, "
            "or in a folder take one volume a time point with --set data.split_time=true"
        )
    if index is not None and index >= n:
        raise InputError(f"the file's number of volumes is {n}: data.volume_index={index} is not among them")


def _items(
    same: list[Entry], image: ImageHeader, voxels: np.ndarray | None, options: FileOptions
) -> Iterator[Volume | Rejected]:
    """Yield a volume, or each of its regions."""
    use, first = options.mask_use(), same[0]
    own = {"volume_index": first.index, "site": first.site}
    facts: dict[str, Any] = {name: value for name, value in own.items() if value is not None}
    mask = None
    if use.mode != "none":
        try:
            mask, off = _mask_voxels(first, image, options)
            facts |= {"mask_rounded_by": off} if off else {}
        except (InputError, PassingFault) as error:
            problem = _problem(first.mask_name or first.name, error)
            yield from (_rejected(entry, problem) for entry in same)
            return
    for entry in same:
        header, made = image, voxels
        if mask is not None:
            region = replace(use, label=entry.roi_label, roi=entry.roi) if entry.roi else use
            try:
                header, made = use_mask(region, image, voxels, mask)
            except InputError as error:
                yield _rejected(entry, _problem(entry.mask_name, error))
                continue
        assert made is not None
        if entry is same[-1]:
            mask = None
        all_facts = {**header.facts, **facts}
        yield filled_or_rejected(
            Volume(entry.id, made, header.spacing, entry.label, entry.split, entry.group, all_facts), options.nan
        )
        del made


def _mask_voxels(entry: Entry, image: ImageHeader, options: FileOptions) -> tuple[np.ndarray, float]:
    """Return whole numbers on the image's grid, and by how much they were rounded."""
    if entry.mask is None:
        raise InputError("the volume has no mask: add one, or use none with --set data.mask_mode=none")
    header = _header(entry.mask_name, entry.mask, entry, options)
    if header.n_volumes != 1:
        raise InputError(f"the mask holds {header.n_volumes} volumes, it must be one")
    check_same_grid(image, header)
    reader = reader_of(entry.mask_name)
    with contained(entry.mask_name):
        read = next(reader.read(entry.mask, (0,), canonical=options.canonical, spacing=entry.spacing))[1]
    return whole_labels(read, scaling_step(header))


def _problem(name: str, error: InputError | PassingFault) -> _Problem:
    # The message of a passing fault begins with the name already.
    return (str(error), True) if isinstance(error, PassingFault) else (f"{name}: {error}", False)


def _rejected(entry: Entry, problem: _Problem) -> Rejected:
    return Rejected(entry.id, problem[0], entry.label, entry.split, entry.group, passing=problem[1])
