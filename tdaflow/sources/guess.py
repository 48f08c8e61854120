"""Choose the source for a file or folder by the content of the files."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tdaflow.errors import InputError
from tdaflow.printable import printable
from tdaflow.remote import forget_listings
from tdaflow.sources.dicom.scan import check_several_frames
from tdaflow.sources.foreign import foreign_note
from tdaflow.sources.layouts import layout_of
from tdaflow.sources.medmnist import published_set
from tdaflow.sources.nifti import NiftiReader
from tdaflow.sources.ome_folders import node
from tdaflow.sources.readers import suffix_of
from tdaflow.sources.registry import medmnist3d_entry
from tdaflow.sources.stack import ArrayStack, npz_members
from tdaflow.sources.walk import Walk

MANIFESTS = ("manifest.csv", "manifest.parquet")
_TABLES = (".csv", ".tsv", ".parquet")
_DICOM_SUFFIXES = (".dcm", ".ima")
_DICOM_MAGIC = b"DICM"


@dataclass(frozen=True)
class Found:
    """A source that can read a path.

    Attributes
    ----------
    kind : str
        Key of `tdaflow.sources.SOURCES`.
    path : Path
        The file or folder, which is the option ``path`` of most sources.
    n : int
        Number of files, or of images that are folders.
    what : str
        Description of the files, for messages.
    named : mapping, optional
        Options by which another source finds the path.
    """

    kind: str
    path: Path
    n: int
    what: str
    named: Mapping[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """What `tdaflow.sources.open_source` takes, with absolute paths."""
        options = self.named or {"path": self.path}
        return {"kind": self.kind, **{k: v.absolute() if isinstance(v, Path) else v for k, v in options.items()}}


def guess_source(path: Path) -> Found:
    """Return the one source that can read a path.

    Parameters
    ----------
    path : Path
        A manifest (``.csv``, ``.tsv``, ``.parquet``), an image file, a stack of arrays, or a folder. A ``manifest.csv``
        at the top of a folder is used alone; otherwise all files are examined, and those without an image are ignored.

    Raises
    ------
    InputError
        If there is none, or there are several, of which the user must choose.
    """
    path = path.expanduser()
    found = fitting_sources(path)
    if not found:
        raise InputError(
            f"{path} holds no NIfTI, DICOM, OME-Zarr, MetaImage, NRRD, MGH, TIFF or NumPy volumes and no "
            f"{MANIFESTS[0]}: {what_to_do(path)}"
        )
    if len(found) > 1 and len({one.kind for one in found}) == 1:
        listed = ", ".join(one.what for one in found[:4]) + (", …" if len(found) > 4 else "")
        raise InputError(f"{path} holds {len(found)} data sets, {listed}: give one of them, such as {found[0].path}")
    if len(found) > 1:
        listed = ", ".join(f"{f.what} (kind {f.kind!r})" for f in found[:4])
        raise InputError(
            f"{path} holds data of several kinds, {listed}: give one folder or file of them, or a {MANIFESTS[0]}"
        )
    return found[0]


def what_to_do(path: Path) -> str:
    """Return the remedy where nothing can be read: how to convert what is there, if its format is known."""
    names = map(printable, Walk(path).files()) if path.is_dir() else [printable(path.name)]
    return "".join(foreign_note(names)) or "check the path"


def fitting_sources(path: Path) -> list[Found]:
    """Return every source that finds something at a path, the most likely first."""
    path = path.expanduser()
    forget_listings()
    if path.is_file():
        return _of_file(path)
    if not path.is_dir():
        raise InputError(f"there is no file or folder {path}: check the path")
    for name in MANIFESTS:
        if (path / name).is_file():
            return [Found("manifest", path / name, 1, name)]
    if (layout := layout_of(path)) is not None:
        return [Found("dataset", path, 1, f"a data set in the layout of {layout}")]
    kinds, n_zarr = _kinds(path)
    stacks = sorted(file for file, kind in kinds.items() if kind == "stack")
    if len(kinds) > 1 and stacks and all(map(_is_one_volume, stacks)):
        kinds |= dict.fromkeys(stacks, "image")
    counts = Counter({**Counter(kinds.values()), "ome-zarr": n_zarr})
    found = []
    if counts["image"]:
        found.append(Found("images", path, counts["image"] + counts["nifti"], _files(counts, "image", "nifti")))
    elif counts["nifti"]:
        found.append(Found("nifti", path, counts["nifti"], _files(counts, "nifti")))
    if counts["dicom"]:
        found.append(Found("dicom", path, counts["dicom"], _files(counts, "dicom")))
    if counts["ome-zarr"]:
        found.append(Found("ome-zarr", path, counts["ome-zarr"], _files(counts, "ome-zarr")))
    if counts["stack"]:
        found += map(_of_stack, stacks)
    return found


def _of_file(path: Path) -> list[Found]:
    kind = _kind(path)
    if path.suffix.lower() in _TABLES:
        return [Found("manifest", path, 1, f"the table {path.name}")]
    if kind == "stack":
        return [_of_stack(path)]
    if kind == "dicom":
        check_several_frames(path)
        return [Found("dicom", path, 1, "1 DICOM file of several frames")]
    if kind is None:
        return []
    return [Found("nifti" if kind == "nifti" else "images", path, 1, f"the file {path.name}")]


def _of_stack(path: Path) -> Found:
    found = published_set(path)
    if found is None:
        return Found("arrays", path, 1, f"the stack {path.name}")
    entry = medmnist3d_entry(found.name)
    named = {"name": found.name, "size": found.size, "data_dir": path.parent}
    return Found("medmnist", path, 1, f"{entry.title} in {path.name} ({entry.licence})", named)


def _kinds(root: Path) -> tuple[dict[Path, str], int]:
    """Return the kind of every known file, and the number of Zarr hierarchies, which are not searched."""
    if node(root)[0] is not None:
        return {}, 1
    walk, zarrs = Walk(root), []

    def enter(name: str) -> bool:
        if node(walk.path(name))[0] is None:
            return True
        zarrs.append(name)
        return False

    kinds = {path: kind for path in map(walk.path, walk.files(enter)) if (kind := _kind(path))}
    return kinds, len(zarrs)


def _kind(path: Path) -> str | None:
    suffix = suffix_of(path.name)
    if suffix in NiftiReader.suffixes:
        return "nifti"
    if suffix is not None:
        return "stack" if suffix in (".npy", ".npz") and _is_stack(path) else "image"
    try:
        # Opening a pipe or a device could block.
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            magic = stream.read(132)[128:]
    except OSError:
        return None
    # Old DICOM files have no preamble; go by the suffix and let the reader decide.
    return "dicom" if magic == _DICOM_MAGIC or path.suffix.lower() in _DICOM_SUFFIXES else None


def _is_stack(path: Path) -> bool:
    """Return True if a NumPy file has an array of more than three axes, whatever else its reader may say of it."""
    try:
        members = (None,) if path.suffix.lower() == ".npy" else npz_members(path)
    except InputError:
        return False
    return any(len(_shape(path, member)) > 3 for member in members)


def _shape(path: Path, member: str | None = None) -> tuple[int, ...]:
    """Return the shape of an array; that of a number if it cannot be read, which its reader reports."""
    try:
        return ArrayStack(path, member).header().shape
    except InputError:
        return ()


def _is_one_volume(path: Path) -> bool:
    """Return True if a stack is a volume with an axis of length 1 for its channel."""
    return path.suffix.lower() == ".npy" and _shape(path)[:-3] == (1,)


_NAMES = {"image": "image", "nifti": "NIfTI", "dicom": "DICOM", "ome-zarr": "OME-Zarr"}


def _files(counts: Counter[str], *kinds: str) -> str:
    parts = [f"{counts[kind]} {_NAMES[kind]} file{'s' * (counts[kind] > 1)}" for kind in kinds if counts[kind]]
    return " and ".join(parts).replace("OME-Zarr file", "OME-Zarr image")
