"""Sources for a folder of image files, or for one image file."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from tdaflow.errors import InputError
from tdaflow.printable import counted, printable
from tdaflow.remote import place
from tdaflow.sources.byte_stream import contained
from tdaflow.sources.entries import (
    Entry,
    FileOptions,
    require_readers,
    stamps,
    summary,
)
from tdaflow.sources.foreign import foreign_note
from tdaflow.sources.mask_names import mask_note
from tdaflow.sources.nifti import NiftiReader
from tdaflow.sources.readers import SUFFIXES, reader_of, stem_of, suffix_of
from tdaflow.sources.rois import find_rois, members_of_rows, read_rows
from tdaflow.sources.stack import file_stamp
from tdaflow.sources.volume import Member, Rejected, SourceInfo, Volume, tally
from tdaflow.sources.walk import Walk

_CHANNEL = re.compile(r"_\d{4}$")


@dataclass(frozen=True)
class ImageFolder(FileOptions):
    """Unlabelled volumes from image files: NIfTI, MetaImage, NRRD and single NumPy arrays.

    For labels, splits and patients, use a `tdaflow.sources.manifest.Manifest`.

    Parameters
    ----------
    path : pathlib.Path
        A file, or a folder that is searched with its sub-folders as `tdaflow.sources.walk.Walk` says: links to folders
        are followed, hidden files and folders are left out. Ids are the relative names without suffix, such as
        ``sub-01/anat/T1w``, in sorted order.
    mask_dir : pathlib.Path, optional
        Folder with the masks under the same relative names; their suffix may differ, and nnU-Net's ``_0000`` be
        missing. If it lies inside `path` it is not searched for images.
    split_time : bool
        Take every volume of a 4D file by itself, with the ids ``…/t0000``, ``…/t0001``, and the file's id as group, so
        that no patient is in two splits.
    name : str, optional
        Name of the data set; by default that of the folder or file.
    canonical, volume_index, mask_mode, mask_label, mask_labels, margin, margin_unit, nan
        As `tdaflow.sources.entries.FileOptions` says.

    Raises
    ------
    InputError
        From the methods, if there is no image file or a library is missing. A single unusable file is yielded as
        `Rejected`.
    """

    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES
    kind: ClassVar[str] = "images"

    location: ClassVar[str] = "path"

    path: Path
    mask_dir: Path | None = None
    split_time: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "path", place(self.path))
        if self.mask_dir is not None:
            object.__setattr__(self, "mask_dir", place(self.mask_dir))
            if self.are_segmentations:
                raise InputError("mask_labels with mask_dir needs a mask_mode: inside, background, crop or volume")
        elif self.mask_mode != "none":
            hint = ", or no mask_mode where these are segmentations" if self.mask_labels is not None else ""
            raise InputError(f"mask_mode={self.mask_mode!r} needs mask_dir, the folder of the masks{hint}")
        if self.split_time and self.volume_index is not None:
            raise InputError("split_time takes every volume of a 4D file and volume_index one: give one of the two")
        if not self.name:
            resolved = self.path.expanduser().resolve()
            object.__setattr__(self, "name", printable(stem_of(resolved.name)))

    def describe(self) -> SourceInfo:
        """Find the files and read every header, no voxels; but every segmentation where regions are wanted."""
        entries, notes = self._plan()
        shape, dtype, unusable = summary(entries, self)
        if unusable:
            notes += (f"{unusable} of {counted(len(entries), 'volume')} cannot be used",)
        if self.mask_dir is not None and self.mask_mode == "none":
            notes += (
                "the masks in mask_dir are left out and not used; --set data.mask_mode=inside, background, crop or "
                "volume says what they are for",
            )
        rois = find_rois(entries, self)
        n = len(entries) * (len(rois.named) or 1)
        splits, _ = tally([None] * n, [None] * n, 0)
        return SourceInfo(
            self.name, n, shape, dtype, splits=splits, notes=notes + rois.notes,
            rois=rois.named, labels_found=rois.found,
        )  # fmt: skip

    def fingerprint(self) -> dict[str, Any]:
        """Return the options, and size and modification time of every file by its relative name."""
        files = stamps(self._files()[0], self.mask_mode != "none")
        return {
            "kind": self.kind, "name": self.name, "split_time": self.split_time, **self.options(), "files": files,
        }  # fmt: skip

    def members(self) -> list[Member]:
        """Return name and stamp of the file of every volume."""
        return members_of_rows(self._plan()[0], self)

    def volumes(self, start: int = 0, only: Collection[str] | None = None) -> Iterator[Volume | Rejected]:
        """Yield volumes by name; skip the first ``start`` unopened (but for headers, with split_time)."""
        yield from read_rows(self._plan()[0], self, start, only)

    def _plan(self) -> tuple[list[Entry], tuple[str, ...]]:
        """Return entries in reading order, and notes."""
        entries, notes = self._files()
        require_readers(entry.name for entry in entries)
        if self.mask_mode != "none":
            require_readers(entry.mask_name for entry in entries if entry.mask is not None)
        if self.split_time:
            entries = [part for entry in entries for part in self._by_time(entry)]
        return entries, notes

    def _files(self) -> tuple[list[Entry], tuple[str, ...]]:
        root = self.path.expanduser()
        if root.is_file():
            if suffix_of(root.name) not in self.suffixes:
                raise InputError(f"{self.path} has none of the suffixes {', '.join(self.suffixes)}")
            return self._entries({printable(root.name): root}), ()
        if not root.is_dir():
            raise InputError(f"there is no file or folder {self.path}: check the path")
        walk = Walk(root)
        masks = self.mask_dir.expanduser().resolve() if self.mask_dir is not None else None
        found = list(walk.files(lambda name: masks is None or walk.path(name).resolve() != masks))
        files = {printable(name): walk.path(name) for name in sorted(found) if suffix_of(name) in self.suffixes}
        if not files:
            raise InputError(f"the folder {self.path} has no files that end in {', '.join(self.suffixes)}")
        others = len(found) - len(files)
        kinds = "1 file is of another kind" if others == 1 else f"{others} files are of other kinds"
        notes = (f"{kinds} and not read", *foreign_note(map(printable, found))) if others else ()
        return self._entries(files), (*notes, *walk.notes(), *mask_note(map(stem_of, files)))

    def _entries(self, files: dict[str, Path]) -> list[Entry]:
        ids = {name: stem_of(name) for name in files}
        by_id: dict[str, list[str]] = {}
        for name, identity in ids.items():
            by_id.setdefault(identity, []).append(name)
        entries = []
        for name, path in files.items():
            identity, problem = ids[name], None
            if len(twins := by_id[identity]) > 1:
                identity, problem = name, f"{' and '.join(twins)} differ only in their suffix: keep the one that counts"
            mask, mask_name = self._mask(name)
            entries.append(Entry(identity, path, name, self.volume_index, mask, mask_name, problem=problem))
        return entries

    def _mask(self, name: str) -> tuple[Path | None, str]:
        if self.mask_dir is None:
            return None, ""
        stem = stem_of(name)
        # nnU-Net numbers the channels of an image, which have one mask.
        stems = dict.fromkeys((stem, _CHANNEL.sub("", stem)))
        for candidate in (name, *(one + suffix for one in stems for suffix in SUFFIXES)):
            path = self.mask_dir.expanduser() / candidate
            if path.is_file():
                return path, candidate
        return None, ""

    def _by_time(self, entry: Entry) -> list[Entry]:
        if entry.problem is not None or entry.path is None:
            return [entry]
        try:
            stamp = file_stamp(entry.path)
            n = _n_volumes(entry.path, entry.name, stamp["size"], stamp["mtime_ns"])
        except InputError:
            return [entry]  # rejected with the reason when it is read
        if n == 1:
            return [entry]
        return [replace(entry, id=f"{entry.id}/t{t:04d}", index=t, group=entry.id) for t in range(n)]


@dataclass(frozen=True)
class Nifti(ImageFolder):
    """Volumes from NIfTI files alone: `ImageFolder` for ``.nii`` and ``.nii.gz``, NIfTI-1 and NIfTI-2."""

    suffixes: ClassVar[tuple[str, ...]] = NiftiReader.suffixes
    kind: ClassVar[str] = "nifti"


@lru_cache(maxsize=1 << 16)  # every worker plans the same folder once for each batch
def _n_volumes(path: Path, name: str, size: int, mtime_ns: int) -> int:
    with contained(name):
        return reader_of(name).header(path, canonical=False).n_volumes
