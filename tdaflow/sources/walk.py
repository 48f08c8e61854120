"""Search a folder for files, the same way in every source.

Hidden files and folders are left out, as are recycle bins. Links to folders are followed, because archives are often
spread over several disks; no folder is read twice.
"""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from tdaflow.errors import InputError
from tdaflow.remote import RemotePath, list_once
from tdaflow.sources.byte_stream import raise_if_passing

# Recycle bins, snapshots and indices of file servers: hidden by convention, without a dot.
_HIDDEN = frozenset({"$recycle.bin", "#recycle", "#snapshot", "@eadir", "__macosx", "lost+found"})


class Walk:
    """Search of one folder, with counts of what was left out.

    Names are relative to the folder, with forward slashes; `path` returns the full path.

    A link to a folder inside this one is not followed, because its target is read under its own name. Of several links
    to a folder elsewhere the first in alphabetical order is followed. So there are no cycles.

    Parameters
    ----------
    root : pathlib.Path
        An existing folder. Its own name may be that of a hidden one.

    Attributes
    ----------
    hidden_files, hidden_folders : int
        Numbers so far; the content of hidden folders is not counted.
    repeated : int
        Number of links to folders that were not followed, because they are read under another name.
    special : int
        Number of pipes, sockets and devices, which are left out because opening one could block.
    unreadable : int
        Number of folders that could not be listed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hidden_files = self.hidden_folders = self.repeated = self.special = self.unreadable = 0
        # An object store is listed at once, thousands of files a request.
        self._objects = _by_folder(root) if isinstance(root, RemotePath) else None
        home = "" if self._objects is not None else os.path.realpath(root)
        self._home = home
        # Where the folders to be read really are, by name; only links need to be resolved.
        self._real = {"": home}
        self._seen = {home}

    def path(self, name: str) -> Path:
        """Return the path of a file or folder of this name."""
        return self.root / name

    def inside(self, folder: str = "") -> tuple[list[str], list[str]]:
        """Return the names of sub-folders to read and of files in a folder, both sorted.

        A broken link counts as a file; pipes, sockets and devices are left out. Every folder is returned only once.
        """
        if self._objects is not None:
            return self._inside_objects(self._objects, folder)
        try:
            entries = sorted(os.scandir(os.path.join(self.root, folder)), key=lambda entry: entry.name)
        except OSError as error:
            if not isinstance(error, PermissionError):  # such folders are counted, and told of
                raise_if_passing(error, "a folder of the source")
            self.unreadable += 1
            return [], []
        folders, files = [], []
        real, prefix = self._real[folder], f"{folder}/" if folder else ""
        for entry in entries:
            name, is_folder = prefix + entry.name, _is_folder(entry)
            if is_hidden(entry.name):
                self.hidden_folders += is_folder
                self.hidden_files += not is_folder
            elif not is_folder:
                special = _is_special(entry)
                self.special += special
                files += [] if special else [name]
            elif self._is_new(entry, name, real):
                folders.append(name)
        return folders, files

    def _inside_objects(self, objects: "_Folders", folder: str) -> tuple[list[str], list[str]]:
        found: tuple[list[str], list[str]] = ([], [])
        prefix = f"{folder}/" if folder else ""
        for kind, names in zip(found, objects.get(folder, ((), ())), strict=True):
            for name in sorted(names):
                hidden = is_hidden(name)
                self.hidden_folders += hidden and kind is found[0]
                self.hidden_files += hidden and kind is found[1]
                kind += [] if hidden else [prefix + name]
        return found

    def files(self, enter: Callable[[str], bool] = lambda _: True) -> Iterator[str]:
        """Yield the names of all files, those of a folder before those of its sub-folders.

        Parameters
        ----------
        enter : callable
            Return True for the name of a folder to search.

        Raises
        ------
        InputError
            At the end, if a folder could not be listed, because its files would be missing. Names no path.
        """
        waiting = [""]
        while waiting:
            folders, files = self.inside(waiting.pop())
            yield from files
            waiting += [name for name in reversed(folders) if enter(name)]
        self.check_readable()

    def check_readable(self) -> None:
        """Raise `InputError` if a folder could not be listed."""
        if self.unreadable:
            raise InputError(
                f"{self.unreadable} sub-folders of the source cannot be read: "
                "give yourself the right to read them, or move them away"
            )

    def notes(self, *, folders_only: bool = False) -> tuple[str, ...]:
        """Return sentences about hidden files and folders, and about links, pipes and devices that were left out."""
        counts = {"hidden file": 0 if folders_only else self.hidden_files, "hidden folder": self.hidden_folders}
        hidden = [f"{n} {what}{'s' * (n > 1)}" for what, n in counts.items() if n]
        notes = []
        if hidden:
            notes.append(f"{' and '.join(hidden)} {'is' if sum(counts.values()) == 1 else 'are'} not read")
        if self.repeated:
            links = "link leads" if self.repeated == 1 else "links lead"
            notes.append(f"{self.repeated} {links} to folders that are read under another name")
        if self.special and not folders_only:
            verb = "is" if self.special == 1 else "are"
            notes.append(f"{self.special} of the files {verb} a pipe, a socket or a device, and not read")
        return tuple(notes)

    def _is_new(self, entry: os.DirEntry[str], name: str, parent: str) -> bool:
        """Return True if a folder is to be read under this name."""
        is_link = entry.is_symlink()
        real = os.path.realpath(entry.path) if is_link else os.path.join(parent, entry.name)
        if real in self._seen or (is_link and self._is_read_anyway(real)):
            self.repeated += 1
            return False
        self._seen.add(real)
        self._real[name] = real
        return True

    def _is_read_anyway(self, real: str) -> bool:
        target = Path(real)
        return target.is_relative_to(self._home) and not any(map(is_hidden, target.relative_to(self._home).parts))


_Folders = dict[str, tuple[set[str], set[str]]]


def _by_folder(root: RemotePath) -> _Folders:
    """Return the names of sub-folders and of files in every folder below one of an object store."""
    found: _Folders = {"": (set(), set())}
    prefix = f"{root.key}/" if root.key else ""
    try:
        keys = list_once(root)
    except OSError as error:
        raise_if_passing(error, str(root))
        raise
    for key in keys:
        *folders, name = key.removeprefix(prefix).split("/")
        for i, folder in enumerate(folders):
            found["/".join(folders[:i])][0].add(folder)
            found.setdefault("/".join(folders[: i + 1]), (set(), set()))
        if name:  # a name that ends in a slash stands for an empty folder
            found["/".join(folders)][1].add(name)
    return found


def is_hidden(name: str) -> bool:
    """Return True if a file or folder of this name is left out."""
    return name.startswith(".") or name.lower() in _HIDDEN


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _is_special(entry: os.DirEntry[str]) -> bool:
    try:
        return not entry.is_file() and not stat.S_ISREG(entry.stat().st_mode)
    except OSError:  # a link to nowhere, which its reader reports
        return False
