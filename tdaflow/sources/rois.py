"""Regions of interest: every labelled region of a subject's segmentation is a volume with an id of its own."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from tdaflow.errors import InputError
from tdaflow.printable import counted
from tdaflow.sources.byte_stream import contained
from tdaflow.sources.entries import Entry, FileOptions, chosen, members_of, read_entries
from tdaflow.sources.mask import mask_labels, scaling_step, whole_labels
from tdaflow.sources.readers import reader_of
from tdaflow.sources.stack import file_stamp
from tdaflow.sources.volume import Member, Rejected, Volume

# Larger than any atlas of the field; grey values of a scan are more.
_MOST = 2000
_SHOWN = 8
_BETWEEN = ":"  # the name of a region holds none, so that the last one of an id is this


@dataclass(frozen=True)
class Rois:
    """Regions of interest of a data set.

    Attributes
    ----------
    named : mapping of str to int or str
        Values in the segmentations by name, ascending, or in DICOM also the regions' names there; empty if whole
        volumes are wanted.
    found : mapping of int or str to int
        Number of segmentations that hold a value, by value.
    notes : tuple of str
        Sentences about regions that some segmentations lack, and about values that are not read.
    """

    named: Mapping[str, Any] = field(default_factory=dict)
    found: Mapping[Any, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def roi_id(subject: str, roi: str) -> str:
    """Return the id of a region of a subject, such as ``case_07:tumor``."""
    return f"{subject}{_BETWEEN}{roi}"


def subject_and_roi(identity: str) -> tuple[str, str]:
    """Return subject and region from the id of a region."""
    subject, _, roi = identity.rpartition(_BETWEEN)
    return subject, roi


def named_rois(entries: Sequence[Entry], options: FileOptions) -> Mapping[str, int]:
    """Return the values of the regions by name; read segmentations only where "all" labels are wanted."""
    if isinstance(options.mask_labels, Mapping):
        return {name: int(label) for name, label in sorted(options.mask_labels.items(), key=lambda named: named[1])}
    return {} if options.mask_labels is None else find_rois(entries, options).named


def find_rois(entries: Sequence[Entry], options: FileOptions) -> Rois:
    """Read every segmentation and count the labels.

    Parameters
    ----------
    entries : sequence of Entry
        One for each subject.
    options : FileOptions

    Returns
    -------
    Rois
        Without regions and notes if none are wanted.

    Raises
    ------
    InputError
        If "all" labels are wanted and there is none, or far more than a segmentation has.
    """
    if options.mask_labels is None:
        return Rois()
    counts: Counter[int] = Counter()
    for entry in entries:
        path, name = (entry.path, entry.name) if options.are_segmentations else (entry.mask, entry.mask_name)
        try:
            if path is not None and entry.problem is None:
                stamp = file_stamp(path)
                counts.update(_labels_of(path, name, stamp["size"], stamp["mtime_ns"]))
        except InputError:
            continue  # rejected with the reason when it is read
        if options.mask_labels == "all" and len(counts) > _MOST:
            raise InputError(
                f"the segmentations hold more than {_MOST} labels, up to {max(counts)}, like the grey values of scans: "
                "give segmentations, or name the labels that you want with data.mask_labels = {NAME = LABEL}"
            )
    found = dict(sorted(counts.items()))
    if options.mask_labels == "all" and not found:
        raise InputError(
            f"none of the {counted(len(entries), 'segmentation')} holds a label above 0: there is no region"
        )
    named = named_rois((), options) if options.mask_labels != "all" else {f"label{label}": label for label in found}
    taken = ("no data.mask_mode is set, so the volumes are taken for segmentations",) * options.are_segmentations
    return Rois(named, found, (*taken, *region_notes(named, found, len(entries))))


def rows(entries: Sequence[Entry], rois: Mapping[str, int], options: FileOptions, start: int = 0) -> Iterator[Entry]:
    """Yield the entries of all regions, those of a subject together, without the first ``start``; all if no regions."""
    if not rois:
        yield from entries[start:]
        return
    first, skipped = divmod(start, len(rois))
    for entry in entries[first:]:
        if options.are_segmentations:
            entry = replace(entry, mask=entry.path, mask_name=entry.name)
        for name, label in list(rois.items())[skipped:]:
            yield replace(entry, id=roi_id(entry.id, name), roi=name, roi_label=label, group=entry.group or entry.id)
        skipped = 0


def members_of_rows(entries: Sequence[Entry], options: FileOptions) -> list[Member]:
    """Return what is known of every entry, or of all regions of each, without reading a scan."""
    return members_of(list(rows(entries, named_rois(entries, options), options)), options.mask_mode != "none")


def read_rows(
    entries: Sequence[Entry], options: FileOptions, start: int = 0, only: Collection[str] | None = None
) -> Iterator[Volume | Rejected]:
    """Read the entries, or all regions of each, without the first ``start``; of the ids in `only` if it is given."""
    yield from read_entries(chosen(rows(entries, named_rois(entries, options), options, start), only), options)


@lru_cache(maxsize=1 << 16)  # a run describes its source more than once
def _labels_of(path: Path, name: str, size: int, mtime_ns: int) -> frozenset[int]:
    reader = reader_of(name)
    with contained(name):
        header = reader.header(path, canonical=False)
        if header.n_volumes != 1:
            return frozenset()  # rejected when it is read
        voxels = next(reader.read(path, (0,), canonical=False))[1]
    return mask_labels(whole_labels(voxels, scaling_step(header))[0])


def region_notes(named: Mapping[str, Any], found: Mapping[Any, int], n: int) -> Iterator[str]:
    """Yield sentences about regions that some of `n` segmentations lack, and about values that are not read."""
    counts = _listed(
        f"{name}{'' if label == name else f' ({label})'} in {found.get(label, 0)}" for name, label in named.items()
    )
    partial = any(found.get(label, 0) < n for label in named.values())
    rest = "; a region that a segmentation lacks is quarantined" if partial else ""
    yield f"every region is a volume, of {counted(n, 'segmentation')}: {counts}{rest}"
    others = [label for label in found if label not in named.values()]
    if others:
        counts = _listed(f"{label} (in {found[label]})" for label in others)
        yield f"labels that data.mask_labels does not name are not read: {counts}"


def _listed(parts: Iterator[str]) -> str:
    listed = list(parts)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
