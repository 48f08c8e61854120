"""Digests of all files of a store, in the attributes of its root; no file is added to it.

zarr.json of the root of a store, or of a batch, has two attributes. ``tdaflow_files`` is JSON text: the digest of every
file or folder that it names, relative to the root. ``tdaflow_seal`` is the digest of zarr.json itself, computed with
zeros in place of the seal. So every byte is covered, and a batch is committed with its digests. Stores of older
versions have neither. run.json is sealed in the same way.

Hidden files and ``*.partial`` are no part of a store.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tdaflow.atomic import files_below, write_whole
from tdaflow.errors import PassingFault, RunError, passing_reason

FILES, SEAL = "tdaflow_files", "tdaflow_seal"
ROOT = "zarr.json"
_BYTES = 16
OTHER = "it is not as it was written: its digest differs"
_KIND = b"blake2b-128:"
_ZEROS = b"0" * (2 * _BYTES)
_SEALED = re.compile(rb'"' + SEAL.encode() + rb'": "' + _KIND + rb'([0-9a-f]{32})"')


class DamagedStore(RunError):
    """A file of a store that is missing, cannot be read or is not as it was written.

    Attributes
    ----------
    path : Path
        The file.
    why : str
    """

    def __init__(self, path: Path, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path} is damaged: {why}; run again with --verify, or restore it")

    def __reduce__(self) -> tuple[Any, ...]:
        return DamagedStore, (self.path, self.why)


class Damage(NamedTuple):
    """A file or folder of a store, relative to it, and what is wrong.

    `passing` is what a file system said where another try may find the file sound; else "".
    """

    name: str
    why: str
    passing: str = ""


def file_digest(path: Path) -> str:
    """Return the hex digest of the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_BYTES)).hexdigest()


def files_of(folder: Path) -> Iterator[str]:
    """Yield the files of a store, or of a folder in it, relative to it."""
    return (name for name in files_below(folder) if not name.endswith(".partial"))


def digest_of(root: Path, name: str, known: Mapping[str, str] | None = None) -> str:
    """Return the digest of a file of a store, or of all files of a folder and their names.

    Parameters
    ----------
    root : Path
    name : str
        Relative to `root`.
    known : mapping of str to str
        Digests of files by their names relative to `root`, which need not be read.
    """
    path = root / name
    try:
        return (known or {}).get(name) or file_digest(path)
    except OSError:
        if not path.is_dir():
            raise
    digest = hashlib.blake2b(digest_size=_BYTES)
    for file in sorted(files_of(path)):
        one = (known or {}).get(f"{name}/{file}") or file_digest(path / file)
        digest.update(f"{file}\0{one}\n".encode())
    return digest.hexdigest()


def seal_group(root: Path, names: Iterable[str], known: Mapping[str, str] | None = None) -> None:
    """Write the digests of these files and folders of a store into zarr.json of its root, and its own.

    Nothing of the store may be written afterwards but the root as a whole, by this function.
    """
    document: dict[str, Any] = json.loads((root / ROOT).read_bytes())
    files = {name: digest_of(root, name, known) for name in names}
    document["attributes"] = {**unsealed(document.get("attributes", {})), FILES: json.dumps(files)}
    write_whole(root / ROOT, sealed(document, document["attributes"], indent=2), durable=False)


def sealed(document: Mapping[str, Any], part: dict[str, Any], *, indent: int) -> bytes:
    """Return a document as JSON, with the digest of these bytes as ``tdaflow_seal`` of one of its objects."""
    part[SEAL] = (_KIND + _ZEROS).decode()
    text = json.dumps(document, indent=indent, allow_nan=True).encode() + b"\n"
    found = _SEALED.search(text)
    assert found is not None
    digest = hashlib.blake2b(text, digest_size=_BYTES).hexdigest().encode()
    return text[: found.start(1)] + digest + text[found.end(1) :]


def unsealed(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes without the digests."""
    return {name: value for name, value in attributes.items() if name not in (FILES, SEAL)}


def seal_holds(text: bytes) -> bool | None:
    """Return whether a document is as `sealed` made it; None if an older version wrote it."""
    found = _SEALED.search(text)
    if found is None:
        # A flipped bit may have hit the mark of the seal.
        return False if any(mark in text for mark in (_KIND, SEAL.encode(), FILES.encode())) else None
    blank = text[: found.start(1)] + _ZEROS + text[found.end(1) :]
    return hashlib.blake2b(blank, digest_size=_BYTES).hexdigest().encode() == found[1]


def check_root(root: Path) -> dict[str, str] | None:
    """Return the digests that the root of a store holds; None if an older version wrote it. Errors as `read_root`."""
    return read_root(root)[0]


def read_root(root: Path) -> tuple[dict[str, str] | None, dict[str, Any]]:
    """Return the digests that the root of a store holds, None if an older version wrote it, and its attributes.

    Raises
    ------
    FileNotFoundError
    PassingFault
        If zarr.json cannot be read now.
    DamagedStore
        If it is not as it was written.
    """
    try:
        text = (root / ROOT).read_bytes()
        holds = seal_holds(text)
        if holds is None:
            return None, json.loads(text).get("attributes", {})  # an empty or cut file has no seal either
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise unreadable(root / ROOT, error) from error
    if not holds:
        raise DamagedStore(root / ROOT, OTHER)
    attributes = json.loads(text).get("attributes", {})
    files = json.loads(attributes.get(FILES, "{}"))
    return {str(name): str(digest) for name, digest in files.items()}, attributes


def unreadable(path: Path, error: BaseException) -> DamagedStore | PassingFault:
    """Return what to raise for an error of reading a file of a store."""
    said = passing_reason(error)
    return DamagedStore(path, reason(error)) if said is None else PassingFault(str(path), said)


def reason(error: BaseException) -> str:
    """Return what is wrong with a file, from the error of reading it."""
    if isinstance(error, DamagedStore):
        return error.why
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"it cannot be read ({said.splitlines()[0]})"


def damaged_files(root: Path, files: Mapping[str, str]) -> Iterator[Damage]:
    """Read files and folders of a store, and yield what is not as it was written."""
    for name, told in files.items():
        try:
            if digest_of(root, name) == told:
                continue
            yield Damage(name, OTHER)
        except FileNotFoundError:
            yield Damage(name, "it is missing")
        except OSError as error:
            yield Damage(name, reason(error), passing_reason(error) or "")
