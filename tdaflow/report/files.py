"""Write the files of a report."""

from pathlib import Path

from tdaflow import atomic
from tdaflow.errors import RunError


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, with its folder; RunError if that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_whole(path, data)
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror}): give another file with --out") from error
