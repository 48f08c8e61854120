"""Source of the DICOM series in a folder, without the identities of patients."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Literal

from tdaflow.errors import InputError, PassingFault
from tdaflow.printable import counted
from tdaflow.remote import place
from tdaflow.sources.dicom.build import build_volumes
from tdaflow.sources.dicom.header import Broken
from tdaflow.sources.dicom.labels import Labels, labels_stamp, read_labels
from tdaflow.sources.dicom.listing import list_files
from tdaflow.sources.dicom.notes import notes_on
from tdaflow.sources.dicom.problems import Problem
from tdaflow.sources.dicom.references import region_word
from tdaflow.sources.dicom.scan import Scan, folder_of, listing_digest, scan_folder
from tdaflow.sources.dicom.series import Series
from tdaflow.sources.identity import KeyedIds, check_key_location, default_key_path, read_key, write_private_table
from tdaflow.sources.mask import MaskLabels, MaskMode, MaskUse, check_mask_labels
from tdaflow.sources.rois import Rois, region_notes, roi_id
from tdaflow.sources.volume import UNASSIGNED, Member, Rejected, SourceInfo, Volume, count_modalities, tally


@dataclass(frozen=True)
class Dicom:
    """Volumes from the DICOM series in a folder and its sub-folders.

    Images with the same study and series UID are one volume, in the order of their positions along the slice normal;
    slice distances come from positions. They are files or the frames of enhanced multi-frame files. A series of
    several stacks that overlap, such as phases, echoes, time points or reconstructions
    (`tdaflow.sources.dicom.stacks.divide`), is `Rejected` unless `split_time` or `volume_index` is given. Voxels are in
    HU for CT (int16 where they fit), else in the rescaled units of the file. A series that is no evenly spaced,
    upright, complete stack of grey-value slices is `Rejected` with the reason, as is a file that should be an image and
    cannot be read; other files (segmentations, dose, reports, structures, text, DICOMDIR) are counted in the notes.

    Patients' identifiers, file names and free text do not leave this source. Volume ids are keyed hashes of the study
    and series UID, groups of the PatientID; messages contain these and the number of a file in the sorted list of all.

    Parameters
    ----------
    path : pathlib.Path
        The folder, searched as `tdaflow.sources.walk.Walk` describes; or one file of several frames.
    id_key : pathlib.Path, optional
        File of the secret key for the ids, created with mode 0600 if missing; by default ``tdaflow/id.key`` in
        the user's configuration folder. Later ingests of the same patients need the same file, and so does every
        worker on another machine.
    allow_uneven : bool
        Resample series with uneven spacing or a tilted gantry to an even, upright grid
        (`tdaflow.sources.dicom.resample.to_even_grid`) instead of refusing them; the facts of a volume say so.
    labels : pathlib.Path, optional
        CSV with the columns ``id`` (keyed), ``label`` and ``split``. Series without a row are unlabelled.
    limit : int, optional
        Read only the first ``limit`` volumes of each split (those without a split count as one split).
    name : str
        Name of the data set; not taken from the folder, which may be named after a patient.
    canonical : bool
        Reorder and flip axes to the closest RAS+ orientation before they become (z, y, x), as sources of other files
        do; nothing is interpolated. Otherwise they are (slice, row, column) as acquired.
    split_time : bool
        Take every stack of a series by itself, with the ids ``…/t0000``, ``…/t0001``.
    volume_index : int, optional
        Take one stack of each series, and refuse series that have fewer.
    mask_mode : "none", "crop", "background", "inside" or "volume"
        As for other image files; masks are the DICOM segmentations (SEG) and structure sets (RTSTRUCT) in the folder,
        by the series that they refer to. Contours hold the pixels whose centres lie in an odd number of them.
    mask_label : int, optional
        Number of the segment or ROI that marks the region; by default all, but for ROIs without an enclosing contour.
    mask_labels : "all" or table, optional
        Regions of interest, each a volume of its own by `mask_mode` (by default its shape, "volume"): "all" by the
        names of segments and ROIs, or numbers or names there by your own names, such as {heart = "Heart", cord = 3}.
        Names from files become words of letters, digits and underscores (without the patient's name); same names are
        one region. Ids are SERIES:REGION.
    margin : float, in margin_unit
        How far the box of "crop" and "inside" is widened on every side.
    margin_unit : "mm" or "voxels"
        Unit of `margin`; mm are rounded up to whole voxels along each axis.

    Raises
    ------
    InputError
        From the methods, if the folder as a whole cannot be used.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, must stay a plain attribute
    _key_check: ClassVar[str | None] = None  # identifies the key of the ids so far; set on the instance, pickled
    _is_copy: ClassVar[bool] = False

    location: ClassVar[str] = "path"

    path: Path = field(repr=False)
    id_key: Path | None = field(default=None, repr=False)
    allow_uneven: bool = False
    labels: Path | None = field(default=None, repr=False)
    limit: int | None = None
    name: str = "dicom"
    canonical: bool = True
    split_time: bool = False
    volume_index: int | None = None
    mask_mode: MaskMode = "none"
    mask_label: int | None = None
    mask_labels: MaskLabels | None = None
    margin: float = 0.0
    margin_unit: Literal["mm", "voxels"] = "mm"

    def __post_init__(self) -> None:
        self._mask_use()
        check_mask_labels(self.mask_labels, names=True)
        if self.mask_labels is not None and self.mask_label is not None:
            raise InputError("mask_label is one region and mask_labels are several: give one of the two")
        if self.volume_index is not None and self.volume_index < 0:
            raise InputError(f"volume_index={self.volume_index} must be 0 or more: 0 is the first volume")
        if self.split_time and self.volume_index is not None:
            raise InputError("split_time takes every stack of a series and volume_index one: give one of the two")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"limit={self.limit} must be at least 1: leave it out to read everything")
        for option in ("path", "id_key", "labels"):
            if (value := getattr(self, option)) is not None:
                object.__setattr__(self, option, place(value))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_is_copy": True}

    def describe(self) -> SourceInfo:
        """Read every header and check every series; read no pixels.

        Shape and type are None, because a series can still need a wider type or be refused when pixels are read.
        """
        scan, labels = self._plan()
        rois = self._regions(scan)
        items = [item for item in self._selected(scan, labels) for _ in rois.named or ("",)]
        modalities = count_modalities(
            item.images[0].modality for item in items if isinstance(item, Series) and item.images
        )
        splits, class_counts = tally(
            [labels.splits.get(item.id) for item in items],
            [labels.codes.get(item.id) for item in items],
            len(labels.class_names),
        )
        return SourceInfo(
            name=self.name,
            n_volumes=len(items),
            shape=None,
            dtype=None,
            class_names=labels.class_names,
            splits=splits,
            class_counts=class_counts,
            modality=", ".join(modalities) or None,
            notes=(*notes_on(scan, labels.splits, allow_uneven=self.allow_uneven), *labels.notes, *rois.notes),
            # a modality outside the vocabulary is read as "other", so it is not known
            modalities={code: n for code, n in modalities.items() if code != "other"},
            rois=rois.named,
            labels_found=rois.found,
        )

    def fingerprint(self) -> dict[str, Any]:
        """Return options, number and bytes of files, and a keyed digest of their names, sizes and times."""
        ids = KeyedIds(self._key())
        files = list_files(self._root()).files
        return {
            "kind": "dicom",
            "name": self.name,
            "allow_uneven": self.allow_uneven,
            "limit": self.limit,
            "canonical": self.canonical,
            "split_time": self.split_time,
            "volume_index": self.volume_index,
            "mask": [self._mask_use().mode, self.mask_label, self.margin, self.margin_unit],
            "labels": None if self.labels is None else labels_stamp(self.labels.expanduser()),
            "files": len(files),
            "bytes": sum(max(file.size, 0) for file in files),
            "digest": listing_digest(files, ids),
            "key": ids.key_check,
        }

    def members(self) -> list[Member]:
        """Return a keyed digest of names, sizes and times of the files of every series."""
        scan, labels = self._plan()
        ids, files = KeyedIds(self._key()), {file.number: file for file in list_files(self._root()).files}
        members = []
        for item, roi, wanted in self._rows(scan, labels):
            numbers = [item.number] if isinstance(item, Broken) else [*item.by_file]
            if self._mask_use().mode != "none" and not isinstance(item, Broken):
                numbers += [file.number for file in scan.segmentations_of(item)]
            digest = listing_digest([files[number] for number in numbers], ids)
            made_of = (digest, wanted) if roi else (digest,)
            label, split = labels.codes.get(item.id), labels.splits.get(item.id)
            members.append(Member(_id(item, roi), made_of, label, split, _group(item, roi)))
        return members

    def volumes(self, start: int = 0, only: Collection[str] | None = None) -> Iterator[Volume | Rejected]:
        """Yield volumes in the order of their first files; skip the first ``start`` without reading them."""
        scan, labels = self._plan()
        rows = [row for row in self._rows(scan, labels, start) if only is None or _id(row[0], row[1]) in only]
        for _, same in groupby(rows, key=lambda row: id(row[0])):
            part = list(same)
            item, names = part[0][0], [roi for _, roi, _ in part]
            label, split = labels.codes.get(item.id), labels.splits.get(item.id)
            if isinstance(item, Broken):
                for roi in names:
                    yield Rejected(_id(item, roi), item.reason, label, split, _group(item, roi))
                continue
            made_of_all = build_volumes(
                self._folder(),
                item,
                allow_uneven=self.allow_uneven,
                canonical=self.canonical,
                use=self._mask_use() if self._mask_use().mode != "none" else None,
                segmentations=scan.segmentations_of(item),
                regions=[(roi, wanted) for _, roi, wanted in part if roi],
            )
            left = list(names)
            try:
                for made in made_of_all:
                    identity = _id(item, left.pop(0))
                    if isinstance(made, Problem):
                        yield Rejected(identity, f"series {item.id} {made.clause}", label, split, item.group)
                        continue
                    voxels, spacing, facts = made
                    del made  # else two volumes are in memory when the next one is read
                    yield Volume(identity, voxels, spacing, label, split, item.group, facts)
                    del voxels
            except PassingFault as error:
                for roi in left:
                    yield Rejected(_id(item, roi), f"series {item.id}: {error}", label, split, item.group, passing=True)

    def private_map(self) -> list[tuple[str, int, str]]:
        """Return (keyed id, file number, relative path) of every file, with id ``""`` for files that are not read.

        This is the only way back from ids to files. It identifies patients if folders or files are named after them, so
        protect it like the images.
        """
        scan, _ = self._plan()
        ids: dict[int, list[str]] = {}
        for item in scan.items:
            for number in (item.number,) if isinstance(item, Broken) else item.by_file:
                ids.setdefault(number, []).append(item.id)
        files = list_files(self._root()).files
        return [(id, file.number, file.path) for file in files for id in ids.get(file.number, [""])]

    def write_private_map(self, path: Path) -> None:
        """Write `private_map` to a new CSV (id, file, path) with mode 0600; `InputError` if the file exists."""
        write_private_table(path.expanduser(), ("id", "file", "path"), self.private_map())

    def _mask_use(self) -> MaskUse:
        # As of a folder of segmentations alone.
        mode = "volume" if self.mask_labels is not None and self.mask_mode == "none" else self.mask_mode
        return MaskUse(mode, self.mask_label, self.margin, self.margin_unit)

    def _regions(self, scan: Scan) -> Rois:
        """Return the regions of interest, with what the segmentations of the series hold of them."""
        if self.mask_labels is None:
            return Rois()
        files = {file.number: file for one in scan.series for file in scan.segmentations_of(one)}.values()
        counts: Counter[int | str] = Counter(name for file in files for name in {name for _, name in file.regions})
        if self.mask_labels == "all":
            if not counts:
                raise InputError(
                    f"none of the {len(files)} segmentations and structure sets that refer to a series holds a region"
                )
            named: dict[str, int | str] = {str(name): name for name in sorted(counts, key=str)}
        else:
            named = {
                name: region_word(value) if isinstance(value, str) else int(value)
                for name, value in self.mask_labels.items()
            }
            # By numbers, names are of no interest, and the other way round.
            if all(isinstance(value, int) for value in named.values()):
                counts.clear()
            if any(isinstance(value, int) for value in named.values()):
                counts.update(of for file in files for of in {of for of, _ in file.regions})
        found = dict(sorted(counts.items(), key=lambda pair: str(pair[0])))
        return Rois(named, found, tuple(region_notes(named, found, len(files))))

    def _rows(self, scan: Scan, labels: Labels, start: int = 0) -> list[tuple[Series | Broken, str, int | str]]:
        """Return items, or regions of each by name and value, without the first ``start``."""
        regions: Iterable[tuple[str, int | str]] = self._regions(scan).named.items() or [("", 0)]
        return [(item, roi, wanted) for item in self._selected(scan, labels) for roi, wanted in regions][start:]

    def _root(self) -> Path:
        return self.path.expanduser()

    def _folder(self) -> Path:
        return folder_of(self._root())

    def _key(self) -> bytes:
        """Return the key; create it if missing, but not in a pickled copy on a worker, where ids would differ."""
        path = (self.id_key or default_key_path()).expanduser()
        check_key_location(path, self._folder())
        key = read_key(path, create=not self._is_copy)
        check = KeyedIds(key).key_check
        if self._key_check not in (None, check):
            raise InputError(
                "the id key here is not the one that ids were begun with: copy the key file to every worker"
            )
        object.__setattr__(self, "_key_check", check)
        return key

    def _plan(self) -> tuple[Scan, Labels]:
        scan = scan_folder(self._root(), self._key())
        scan = scan.chosen(split_time=self.split_time, volume_index=self.volume_index)
        if not scan.items:
            raise InputError(
                f"the folder of the dicom source has {counted(scan.n_files, 'file')} "
                "and no DICOM image among them: check the path"
            )
        table = self.labels.expanduser() if self.labels is not None else None
        return scan, read_labels(table, [item.id for item in scan.items])

    def _selected(self, scan: Scan, labels: Labels) -> list[Series | Broken]:
        seen: dict[str, int] = {}
        kept = []
        for item in scan.items:
            key = labels.splits.get(item.id) or UNASSIGNED
            seen[key] = seen.get(key, 0) + 1
            if self.limit is None or seen[key] <= self.limit:
                kept.append(item)
        return kept


def _id(item: Series | Broken, roi: str) -> str:
    return roi_id(item.id, roi) if roi else item.id


def _group(item: Series | Broken, roi: str) -> str | None:
    """Return the patient, or at least the file, so that regions of one file are in one split."""
    if isinstance(item, Broken):
        return item.id if roi else None
    return item.group
