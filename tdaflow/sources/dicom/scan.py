"""Scan a folder: read every file's header and group files into series; cached until a file changes."""

import threading
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from tdaflow.errors import InputError
from tdaflow.sources.dicom.header import Broken, Image, OtherFile, read_header
from tdaflow.sources.dicom.listing import FoundFile, list_files
from tdaflow.sources.dicom.quiet import load_pydicom
from tdaflow.sources.dicom.series import Series, assemble
from tdaflow.sources.identity import KeyedIds

_READERS = 8  # threads share the time waiting for storage; parsing holds the GIL
_one_scan_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Scan:
    """Content of a folder.

    Parameters
    ----------
    items : tuple of Series or Broken
        In the order of their first files; each becomes one volume or one rejection.
    other_files : tuple of OtherFile
        Files that are no images.
    n_files : int
        All files.
    left_out : tuple of str
        Sentences about parts of the folder that were not searched.
    """

    items: tuple[Series | Broken, ...] = field(repr=False)
    other_files: tuple[OtherFile, ...] = field(repr=False)
    n_files: int
    left_out: tuple[str, ...] = ()

    def chosen(self, *, split_time: bool, volume_index: int | None) -> "Scan":
        """Return the scan with the stacks of each series that these options choose (`Series.chosen`) in its place."""
        items: list[Series | Broken] = []
        for item in self.items:
            if isinstance(item, Series):
                items += item.chosen(split_time=split_time, volume_index=volume_index)
            else:
                items.append(item)
        return replace(self, items=tuple(items))

    def segmentations_of(self, series: Series) -> list[OtherFile]:
        """Return the segmentations and structure sets that refer to a series, or to that of a stack."""
        known = {series.id.partition("/")[0], series.files[0].frame_of_reference}
        return [other for other in self.other_files if other.segments & known]

    @property
    def series(self) -> list[Series]:
        """The items that are series."""
        return [item for item in self.items if isinstance(item, Series)]


def scan_folder(folder: Path, key: bytes) -> Scan:
    """Scan a folder; return the last scan if no file has changed its name, size or time since.

    Parameters
    ----------
    folder : pathlib.Path
        Searched with all sub-folders; or one file.
    key : bytes
        For keyed ids.

    Raises
    ------
    InputError
        If the folder cannot be listed, pydicom is missing, or two series get the same keyed id.
    """
    load_pydicom()
    listing = list_files(folder)
    with _one_scan_at_a_time:  # else every thread of a worker would scan the folder
        return replace(_scan(folder_of(folder), listing.files, key), left_out=listing.notes)


def folder_of(path: Path) -> Path:
    """Return the folder that the names of listed files are relative to."""
    return path.parent if path.is_file() else path


def check_several_frames(path: Path) -> None:
    """Raise `InputError` unless one file holds several images; the sentence says what it holds."""
    (file,) = list_files(path).files
    found = read_header(path.parent, file, KeyedIds(b""))
    if isinstance(found, tuple):
        if found[0].frames > 1:
            return
        what = "one slice of a DICOM series"
    else:
        about = f"is no image ({found.kind})" if isinstance(found, OtherFile) else "cannot be read"
        what = f"one DICOM file that {about}"
    raise InputError(f"this is {what}: give the folder that holds the series")


def listing_digest(files: Sequence[FoundFile], ids: KeyedIds) -> str:
    """Return the keyed digest of names, sizes and times of files; names cannot be recovered from it."""
    return ids.digest_of(part for file in files for part in (file.path, f"{file.size} {file.mtime_ns}"))


@lru_cache(maxsize=2)
def _scan(folder: Path, files: tuple[FoundFile, ...], key: bytes) -> Scan:
    ids = KeyedIds(key)
    by_series: defaultdict[str, list[Image]] = defaultdict(list)
    items: list[Series | Broken] = []
    other_files: list[OtherFile] = []
    with ThreadPoolExecutor(_READERS) as pool:
        headers = list(pool.map(lambda file: read_header(folder, file, ids), files))
    for found in headers:
        if isinstance(found, tuple):
            by_series[found[0].id] += found
        elif isinstance(found, OtherFile):
            other_files.append(found)
        else:
            items.append(found)
    items += [assemble(images) for images in by_series.values()]
    return Scan(tuple(sorted(items, key=lambda item: item.number)), tuple(other_files), len(files))
