"""Source of data sets in a layout that is known by name: nnU-Net, Medical Segmentation Decathlon, BIDS."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tdaflow.errors import InputError, did_you_mean
from tdaflow.printable import counted, printable
from tdaflow.remote import place
from tdaflow.sources.cells import cell_text, split_name, whole_number
from tdaflow.sources.entries import Entry, FileOptions, require_readers, stamps
from tdaflow.sources.layouts import Image, Layout, participants, read_layout
from tdaflow.sources.manifest import plan_info
from tdaflow.sources.manifest_plan import Plan
from tdaflow.sources.readers import stem_of
from tdaflow.sources.rois import members_of_rows, read_rows
from tdaflow.sources.stack import file_stamp
from tdaflow.sources.table import encode_labels
from tdaflow.sources.volume import SPLITS, Member, Rejected, SourceInfo, Volume, leaking_groups


@dataclass(frozen=True)
class Dataset(FileOptions):
    """Volumes of a data set in the layout of nnU-Net and the Medical Segmentation Decathlon, or of BIDS.

    Subjects are the groups. Of nnU-Net's folders the images of ``imagesTr`` are the volumes and ``labelsTr`` their
    masks. Of BIDS the images of one suffix in the folders ``sub-…`` are the volumes, ``participants.tsv`` has labels
    and splits, and ``derivatives`` and ``sourcedata`` are not read. Notes say what was taken for what.

    Parameters
    ----------
    path : pathlib.Path
        The root of the data set.
    image : str, optional
        Which images are read where a subject has several: a channel of nnU-Net such as "0000", a suffix of BIDS such
        as "T1w". By default the first channel; T1w, or the most frequent suffix.
    label_column, split_column : str, optional
        Columns of ``participants.tsv`` with the label and the split; by default there is neither.
    subjects : sequence of str, optional
        Read the images of these subjects only, such as "01" or "sub-01"; by default of all.
    name : str, optional
        Name of the data set; by default that of the folder.
    canonical, volume_index, mask_mode, mask_label, mask_labels, margin, margin_unit, nan
        As `tdaflow.sources.entries.FileOptions` says; BIDS has no one place for masks.

    Raises
    ------
    InputError
        From the methods, if the layout is not known or there is no image. A single unusable file is yielded as
        `Rejected`.
    """

    location: ClassVar[str] = "path"

    path: Path
    image: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    subjects: tuple[str, ...] | None = None
    name: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "path", place(self.path))
        if self.are_segmentations:
            raise InputError("mask_labels of a data set needs a mask_mode: inside, background, crop or volume")
        if not self.name:
            object.__setattr__(self, "name", printable(self.path.expanduser().resolve().name))

    def describe(self) -> SourceInfo:
        """Find the images and read every header, no voxels."""
        return plan_info(self.name, self._plan(), self)

    def fingerprint(self) -> dict[str, Any]:
        """Return the options, and size and modification time of every file by its relative name."""
        table = self._root() / "participants.tsv"
        return {
            "kind": "dataset",
            "name": self.name,
            "image": self.image,
            "columns": [self.label_column, self.split_column],
            **({} if self.subjects is None else {"subjects": list(self.subjects)}),
            **self.options(),
            "participants": file_stamp(table) if table.is_file() else None,
            "files": stamps(self._plan().entries, self.mask_mode != "none"),
        }

    def members(self) -> list[Member]:
        """Return name and stamp of the files of every volume."""
        return members_of_rows(self._plan().entries, self)

    def volumes(self, start: int = 0, only: Collection[str] | None = None) -> Iterator[Volume | Rejected]:
        """Yield volumes by name; skip the first ``start`` without opening them."""
        yield from read_rows(self._plan().entries, self, start, only)

    def _root(self) -> Path:
        return self.path.expanduser()

    def _plan(self) -> Plan:
        root = self._root()
        layout = read_layout(root)
        if self.mask_mode != "none" and layout.what == "BIDS":
            raise InputError(f"{root} is a BIDS data set, which has no one place for masks: list both in a manifest")
        chosen = self.image if self.image is not None else next(iter(layout.counts))
        if chosen not in layout.counts:
            raise InputError(
                f"{root} has no images called {chosen!r} (data.image); {did_you_mean(chosen, layout.counts)}"
            )
        images = self._of_subjects([image for image in layout.images if image.image == chosen])
        labels, splits, notes = self._of_participants(root, images)
        class_names, codes = encode_labels(labels)
        entries = tuple(
            _entry(root, image, identity, self.volume_index, code, split)
            for image, identity, code, split in zip(images, _ids(images, layout), codes, splits, strict=True)
        )
        require_readers(entry.name for entry in entries)
        if leaks := leaking_groups((entry.group, entry.split) for entry in entries):
            notes.append(
                f"{counted(len(leaks), 'subject has', 'subjects have')} volumes in more "
                f"than one split, the first is {leaks[0]!r}"
            )
        modality = layout.modality(chosen)
        told = (_found_note(layout, chosen, images), *layout.apart, *notes)
        return Plan(entries, class_names, told, {modality: len(entries)} if modality else {})

    def _of_subjects(self, images: list[Image]) -> list[Image]:
        """Return the images of the chosen subjects; InputError for a subject without any."""
        if self.subjects is None:
            return images
        known = {image.subject.removeprefix("sub-") for image in images}
        chosen = [subject.removeprefix("sub-") for subject in self.subjects]
        for subject in chosen:
            if subject not in known:
                raise InputError(
                    f"{self.path} has no image of the subject {subject!r} (data.subjects); "
                    f"{did_you_mean(subject, sorted(known))}"
                )
        return [image for image in images if image.subject.removeprefix("sub-") in chosen]

    def _of_participants(self, root: Path, images: list[Image]) -> tuple[list[str | None], list[str | None], list[str]]:
        """Return label and split of every image, and notes."""
        columns, known_rows = participants(root)
        for option, column in (("label_column", self.label_column), ("split_column", self.split_column)):
            if column is not None and column not in columns:
                known = did_you_mean(column, columns) if columns else "there is no participants.tsv"
                raise InputError(f"participants.tsv has no column {column!r} (data.{option}); {known}")
        notes = []
        if columns and self.label_column is None:
            notes.append(
                f"participants.tsv has the columns {', '.join(columns)}: take one as label with --label COLUMN"
            )
        labels, splits = [], []
        for image in images:
            cells = known_rows.get(image.subject, {})
            label = cell_text(cells.get(self.label_column)) if self.label_column else None
            split = cell_text(cells.get(self.split_column)) if self.split_column else None
            split = split_name(split) if split is not None else None
            if split is not None and split not in SPLITS:
                raise InputError(f"participants.tsv has the split {split!r}: write {', '.join(SPLITS)}, or nothing")
            labels.append(whole_number(label) if label is not None else None)
            splits.append(split)
        absent = {image.subject for image in images} - known_rows.keys()
        if absent and known_rows:
            notes.append(
                f"{counted(len(absent), 'subject is', 'subjects are')} not in "
                f"participants.tsv, the first is {min(absent)!r}"
            )
        return labels, splits, notes


def _entry(root: Path, image: Image, identity: str, index: int | None, label: int | None, split: str | None) -> Entry:
    mask = root / image.mask if image.mask is not None else None
    return Entry(
        identity, root / image.name, printable(image.name), index, mask, printable(image.mask or ""),
        label, split, printable(image.subject),
    )  # fmt: skip


def _ids(images: list[Image], layout: Layout) -> list[str]:
    """Return the subjects of nnU-Net, the file names of BIDS; full names for those that are there twice."""
    short = [
        printable(image.subject if layout.what == "nnU-Net" else stem_of(image.name).rpartition("/")[2])
        for image in images
    ]
    counts = Counter(short)
    return [one if counts[one] == 1 else printable(image.name) for one, image in zip(short, images, strict=True)]


def _found_note(layout: Layout, chosen: str, images: list[Image]) -> str:
    subjects = len({image.subject for image in images})
    kind = f"{chosen} ({layout.titles[chosen]})" if chosen in layout.titles else chosen
    note = (
        f"{layout.what} layout: {counted(len(images), 'image')} {kind} of {counted(subjects, 'subject')}, "
        f"which {'is the group' if subjects == 1 else 'are the groups'}"
    )
    others = [f"{name} {n}" for name, n in layout.counts.items() if name != chosen]
    if others:
        first = next(name for name in layout.counts if name != chosen)
        note += f"; not {', '.join(others)}, of which one is read instead with --set data.image={first}"
    return note
