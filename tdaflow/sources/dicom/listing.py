"""List the files of a folder in an order that does not depend on the file system."""

import stat
from dataclasses import dataclass, field
from pathlib import Path

from tdaflow.errors import InputError
from tdaflow.sources.walk import Walk


@dataclass(frozen=True)
class FoundFile:
    """One file of the folder.

    Parameters
    ----------
    number : int
        Position in sorted order, from 1; used in messages instead of the name.
    path : str
        Relative to the folder, with forward slashes; not shown in ``repr``, because it may name a patient.
    size, mtime_ns : int
        Bytes, and modification time; both -1 if it is not a regular file.
    """

    number: int
    path: str = field(repr=False)
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Listing:
    """The files of a folder, sorted by relative path, and sentences about what was left out."""

    files: tuple[FoundFile, ...] = field(repr=False)
    notes: tuple[str, ...] = ()


def list_files(folder: Path) -> Listing:
    """List all files under a folder that are not hidden.

    Parameters
    ----------
    folder : pathlib.Path
        Searched as `tdaflow.sources.walk.Walk` describes; or one file, which is listed alone.

    Raises
    ------
    InputError
        If there is no such folder, or a sub-folder cannot be read. Messages name no path.
    """
    if folder.is_file():
        return Listing((FoundFile(1, folder.name, *_stamp(folder)),))
    if not folder.is_dir():
        what = "is no file or folder" if folder.exists() else "does not exist"
        raise InputError(f"the path of the dicom source {what}: give the folder that holds the series")
    walk = Walk(folder)
    files = [(name, *_stamp(walk.path(name))) for name in sorted(walk.files())]
    return Listing(tuple(FoundFile(number, *stamped) for number, stamped in enumerate(files, start=1)), walk.notes())


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:  # a link to nowhere
        return -1, -1
    # Opening a pipe or a device could block.
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else (-1, -1)
