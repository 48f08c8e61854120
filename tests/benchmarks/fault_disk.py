"""Damaged files and small disks, for the faults of a run's folder."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def chunk_of(store: Path, array: str) -> Path:
    """A file with data of an array: the first of a store or of its first batch."""
    (first, *_) = sorted(p for p in store.rglob(f"{array}/**/*") if p.is_file() and p.name != "zarr.json")
    return first


def flip(path: Path) -> None:
    """Flip one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def truncate(path: Path) -> None:
    """Keep the first half."""
    os.truncate(path, path.stat().st_size // 2)


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A file system of that size; raises PermissionError where it may not be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise PermissionError("no right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    """Change a mounted file system."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def kilobytes_in(*stores: Path) -> int:
    """Room that the files of some stores take on a file system with blocks of 4 kB."""
    return sum(4 * -(-f.stat().st_size // 4096) for store in stores for f in store.rglob("*") if f.is_file())


def copy_run(run: Path, to: Path) -> Path:
    """A copy of a run folder to damage."""
    return Path(shutil.copytree(run, to))
