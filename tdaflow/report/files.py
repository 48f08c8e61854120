"""Write files whole."""

import contextlib
import os
from pathlib import Path

from tdaflow.errors import RunError


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; RunError if it cannot be written."""
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise RunError(f"{path} cannot be written ({error.strerror}): give another file with --out") from error
