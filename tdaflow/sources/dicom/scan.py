"""The scan of a folder: every file's header, grouped into series; done once while nothing changes."""

import threading
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from tdaflow.sources.dicom.header import Aside, Broken, Image, read_header
from tdaflow.sources.dicom.listing import FoundFile, list_files
from tdaflow.sources.dicom.quiet import load_pydicom
from tdaflow.sources.dicom.series import Series, assemble
from tdaflow.sources.identity import KeyedIds

_READERS = 8  # threads only wait for storage together; parsing is Python and takes turns
_one_scan_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Scan:
    """What a folder holds.

    Parameters
    ----------
    items : tuple of Series or Broken
        In the order of their first files; each becomes one volume or one rejection.
    asides : tuple of Aside
        Files that are no images.
    n_files : int
        All files.
    left_out : tuple of str
        Sentences about what of the folder was not looked at.
    """

    items: tuple[Series | Broken, ...] = field(repr=False)
    asides: tuple[Aside, ...] = field(repr=False)
    n_files: int
    left_out: tuple[str, ...] = ()

    @property
    def series(self) -> list[Series]:
        """The items that are series."""
        return [item for item in self.items if isinstance(item, Series)]


def scan_folder(folder: Path, key: bytes) -> Scan:
    """Scan a folder, or remember the last scan if no file has changed its name, size or time since.

    Parameters
    ----------
    folder : pathlib.Path
        Searched with all sub-folders.
    key : bytes
        For keyed ids.

    Raises
    ------
    InputError
        If the folder cannot be listed, pydicom is missing, or two series get the same keyed id.
    """
    load_pydicom()
    listing = list_files(folder)
    with _one_scan_at_a_time:  # else every thread of a worker would begin with a scan of its own
        return replace(_scan(folder, listing.files, key), left_out=listing.notes)


def listing_digest(files: Sequence[FoundFile], ids: KeyedIds) -> str:
    """Keyed digest of names, sizes and times: the same only for the same files, and no names in it."""
    return ids.digest_of(part for file in files for part in (file.path, f"{file.size} {file.mtime_ns}"))


@lru_cache(maxsize=2)
def _scan(folder: Path, files: tuple[FoundFile, ...], key: bytes) -> Scan:
    ids = KeyedIds(key)
    by_series: defaultdict[str, list[Image]] = defaultdict(list)
    items: list[Series | Broken] = []
    asides: list[Aside] = []
    with ThreadPoolExecutor(_READERS) as pool:
        headers = list(pool.map(lambda file: read_header(folder, file, ids), files))
    for found in headers:
        if isinstance(found, Image):
            by_series[found.id].append(found)
        elif isinstance(found, Aside):
            asides.append(found)
        else:
            items.append(found)
    items += [assemble(images) for images in by_series.values()]
    return Scan(tuple(sorted(items, key=lambda item: item.number)), tuple(asides), len(files))
