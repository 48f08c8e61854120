"""Which files a folder holds, in an order that does not depend on the file system."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from tdaflow.errors import InputError


@dataclass(frozen=True)
class FoundFile:
    """One file of the folder.

    Parameters
    ----------
    number : int
        Place in sorted order, from 1: what messages say instead of a name.
    path : str
        Relative to the folder, with forward slashes. Names of files and folders often are names of patients, hence
        it is in no ``repr``.
    size, mtime_ns : int
        Bytes, and time of last change; both -1 for what is not a regular file.
    """

    number: int
    path: str = field(repr=False)
    size: int
    mtime_ns: int


def list_files(folder: Path) -> tuple[FoundFile, ...]:
    """All files under a folder, sorted by relative path.

    Parameters
    ----------
    folder : pathlib.Path
        Links to files are followed, links to folders are not (they could form a circle).

    Raises
    ------
    InputError
        If there is no such folder, or it has a sub-folder that cannot be read: its images would be missing unnoticed.
        Messages name no path.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise InputError(f"the path of the dicom source {what}: give the folder that holds the series")
    unreadable: list[OSError] = []
    found = []
    for parent, _, names in os.walk(folder, onerror=unreadable.append):
        for name in names:
            path = os.path.join(parent, name)
            found.append((Path(os.path.relpath(path, folder)).as_posix(), *_stamp(path)))
    if unreadable:
        raise InputError(
            f"{len(unreadable)} sub-folders of the dicom source cannot be read: "
            "give yourself the right to read them, or move them away"
        )
    return tuple(FoundFile(number, *stamped) for number, stamped in enumerate(sorted(found), start=1))


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:  # a link to nowhere
        return -1, -1
    # Opening a pipe or a device could wait for ever.
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else (-1, -1)
