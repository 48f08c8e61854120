"""Atomic writes: a file or folder appears complete under its name, or not at all.

What is being written has a temporary name beside its target, ``.tmp-TARGET-HOST-PID-RANDOM``. `leftovers` finds these
names, and tells those of processes that were killed from those of processes that may still write.

After a power failure a name that was given stands for all that was written under it: files and folders are synced
before they are renamed, and the folder that holds the name after it.

On an object store (`tdaflow.remote`) an object appears whole by itself, and a folder with the root that is put last.
"""

import errno
import glob
import os
import re
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from tdaflow import remote
from tdaflow.remote import RemotePath, place

PREFIX = ".tmp-"
# A writer on another machine cannot be asked. What nobody has touched for so long, nobody writes any more.
_ABANDONED_SECONDS = 24 * 3600.0
_writing: set[str] = set()  # names that threads of this process are writing
# What a system answers that does not sync folders.
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)
_NAME = re.compile(r"-(?P<host>[0-9a-f]{12})-(?P<pid>\d+)-[0-9a-f]{16}$")


@contextmanager
def written_whole(target: Path, *, keep_existing: bool = False, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `target`, and give it the name `target` when the block ends without an error.

    Parameters
    ----------
    target : Path
        A file, which is replaced if it exists, or a folder, which must not exist or be empty.
    keep_existing : bool
        Keep a `target` that exists by then, because another process wrote the same.
    durable : bool
        Sync the folder of `target` too. If False, a power failure may bring the former file back, whole as it was.

    Yields
    ------
    Path
        Make a file or a folder there. It is synced before it gets its name, with all that is in it.
    """
    target = place(target)
    if isinstance(target, RemotePath):
        with tempfile.TemporaryDirectory() as scratch:
            made = Path(scratch) / target.name
            yield made
            remote.upload(made, target, keep_existing=keep_existing)
        return
    temporary = temporary_path(target)
    _writing.add(temporary.name)
    try:
        yield temporary
        if temporary.is_dir():
            sync_tree(temporary)
            try:
                os.rename(temporary, target)
            except OSError:
                if not (keep_existing and target.is_dir()):
                    raise
        else:
            sync(temporary)
            if keep_existing:
                with suppress(FileExistsError):
                    os.link(temporary, target)  # unlike a rename it never replaces
            else:
                os.replace(temporary, target)
        if durable:
            sync(target.parent)
    finally:
        _delete(temporary)
        _writing.discard(temporary.name)


def write_whole(target: Path, data: str | bytes, *, durable: bool = True) -> Path:
    """Replace a file by these bytes, or this text as UTF-8, in one step as `written_whole` does; return its path."""
    content = data.encode("utf-8") if isinstance(data, str) else data
    if isinstance(target, RemotePath):
        target.write_bytes(content)
        return target
    with written_whole(target, durable=durable) as temporary:
        temporary.write_bytes(content)
    return target


def rename_whole(source: Path, target: Path) -> None:
    """Give a folder whose files and sub-folders are synced the name `target`, in place of a folder of that name."""
    if isinstance(source, RemotePath) and isinstance(target, RemotePath):
        remote.commit(source, target)
        return
    sync(source)
    remove_whole(target)
    os.rename(source, target)
    sync(Path(target).parent)


def sync(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder; nothing is done where the system cannot sync folders.

    Raises
    ------
    OSError
        If the disk does not take them.
    """
    if isinstance(path, RemotePath):
        return  # what was put is held
    # Windows syncs only what may be written, and no folders.
    access = os.O_RDWR if os.name == "nt" else os.O_RDONLY
    try:
        descriptor = os.open(path, access)
    except (PermissionError, IsADirectoryError):
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def sync_tree(folder: Path, done: Collection[str] = ()) -> None:
    """Have the disk hold a folder and all in it; of the files all but those, relative to it, that are in `done`."""
    if isinstance(folder, RemotePath):
        return
    for here, _, files in os.walk(folder, topdown=False):
        for name in files:
            if not done or Path(here, name).relative_to(folder).as_posix() not in done:
                sync(Path(here, name))
        sync(Path(here))


def sync_up(path: Path, root: Path) -> None:
    """Have the disk hold a file or a folder, all that is in it, and its name in each folder up to `root`."""
    if isinstance(path, RemotePath):
        return
    sync_tree(path) if path.is_dir() else sync(path)
    for parent in path.parents:
        sync(parent)
        if parent == root:
            break


def remove_whole(target: Path) -> None:
    """Delete a folder so that a process killed meanwhile leaves no part of it under its name.

    A chunk that is missing from a store reads as its fill value, so a half-deleted store could pass for a whole one.
    """
    if isinstance(target, RemotePath):
        remote.delete(target)
        return
    doomed = temporary_path(target)
    try:
        os.rename(target, doomed)
    except FileNotFoundError:
        return
    sync(doomed.parent)
    shutil.rmtree(doomed, ignore_errors=True)


def delete_tree(folder: Path) -> None:
    """Delete a folder and all in it, if it is there; what cannot be deleted stays."""
    if isinstance(folder, RemotePath):
        remote.delete(folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def files_below(folder: Path) -> Iterator[str]:
    """Yield the files below a folder, relative to it, with slashes, ascending within each folder; no hidden ones."""
    if isinstance(folder, RemotePath):
        names = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
        yield from (name for name in names if not any(part.startswith(".") for part in name.split("/")))
        return
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(here, name).relative_to(folder).as_posix()


def temporary_path(target: Path) -> Path:
    """Return a path beside `target` that no other process uses, on this host or another."""
    return target.with_name(f"{PREFIX}{target.name}-{this_machine()}-{os.getpid()}-{uuid.uuid4().hex[:16]}")


def leftovers(folder: Path) -> Iterator[Path]:
    """Yield what has a temporary name in a folder or its sub-folders, except what a process of this host is writing.

    Of the sub-folders of a Zarr group only hidden ones are searched: nothing is written in this way inside its arrays.
    Links are not followed. On an object store nothing has such a name.
    """
    if isinstance(folder, RemotePath):
        return
    for here, folders, files in os.walk(folder):
        for name in sorted([*folders, *files]):
            path = Path(here, name)
            if name.startswith(PREFIX) and (_writer(name) is None or is_abandoned(path)):
                yield path
        is_group = "zarr.json" in files
        folders[:] = [
            name for name in folders if not name.startswith(PREFIX) and (not is_group or name.startswith("."))
        ]


def is_abandoned(path: Path) -> bool:
    """Return True if nobody writes a temporary file or folder any more.

    Its writer was a process of this host that has ended, or nothing was written to it for a day. A link is none of
    ours.
    """
    if path.is_symlink():
        return True
    writer = _writer(path.name)
    if writer == os.getpid():
        return path.name not in _writing
    if writer is not None and not is_running(writer):
        return True
    try:
        times = [entry.lstat().st_mtime for entry in (path, *path.rglob("*"))]
    except FileNotFoundError:  # it got its name, or was deleted, meanwhile
        return False
    return time.time() - max(times) > _ABANDONED_SECONDS


def remove_leftovers(folder: Path) -> None:
    """Delete what killed processes left in a folder and its sub-folders; nothing that may still be written."""
    for leftover in list(leftovers(folder)):
        if is_abandoned(leftover):
            _delete(leftover)


def remove_leftovers_of(target: Path) -> None:
    """Delete what killed processes left when they were writing `target`."""
    if isinstance(target, RemotePath):
        return
    for path in target.parent.glob(f"{PREFIX}{glob.escape(target.name)}-*"):
        if is_abandoned(path):
            _delete(path)


def _writer(name: str) -> int | None:
    """Return the number of the process that writes under this name; None if it is of another host or not known."""
    named = _NAME.search(name)
    return int(named["pid"]) if named and named["host"] == this_machine() else None


def is_running(pid: int) -> bool:
    """Return True if there is a process of this number on this machine, or if that cannot be asked."""
    if os.name != "posix":
        return True  # os.kill would end the process there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # a process of another user
        return True
    return True


@lru_cache(maxsize=1)
def this_machine() -> str:
    """Return a digest of what tells the process numbers of this machine from those of others.

    Containers have process numbers of their own, and may share the name of their host.
    """
    facts = [socket.gethostname()]
    with suppress(OSError):
        facts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        facts.append(os.readlink("/proc/self/ns/pid"))
    return sha256("\n".join(facts).encode()).hexdigest()[:12]


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
