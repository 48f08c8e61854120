"""Source of the six MedMNIST3D data sets, from a local ``.npz`` or downloaded."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from tdaflow.errors import InputError
from tdaflow.remote import place
from tdaflow.sources.fetch import fetch, md5_of
from tdaflow.sources.registry import DatasetEntry, medmnist3d_entry, medmnist3d_registry
from tdaflow.sources.stack import ArrayStack, file_stamp, npz_members
from tdaflow.sources.volume import SPLITS, Rejected, SourceInfo, Volume, checked, tally


@dataclass(frozen=True)
class _Part:
    """Volumes and labels of one split, at most ``limit``."""

    split: str
    stack: ArrayStack
    labels: tuple[int, ...]


def published_set(path: Path) -> "MedMNIST3D | None":
    """Return the source of a file with the name and the layout of a set; None for other files."""
    name, _, size = path.stem.partition("_")
    entry = medmnist3d_registry().get(name)
    if entry is None or path.suffix != ".npz" or (size and size != "64") or int(size or 28) not in entry.files:
        return None
    source = MedMNIST3D(name, 64 if size else 28, path.parent)
    try:
        source.check_layout()
    except InputError:
        return None
    return source


@dataclass(frozen=True)
class MedMNIST3D:
    """Volumes of one MedMNIST3D set.

    Parameters
    ----------
    name : str
        One of the six sets of the registry, such as ``"organmnist3d"``.
    size : 28 or 64, in voxels
        Edge length.
    data_dir : pathlib.Path, optional
        Folder that holds ``NAME.npz`` (size 28) or ``NAME_64.npz``. Without it the file is downloaded, once, to the
        user's cache folder.
    splits : tuple of str
        Splits to read, in this order.
    limit : int, optional
        Read only the first ``limit`` volumes of each split.
    download : bool
        Download the file into ``data_dir`` if it is missing there.

    Raises
    ------
    InputError
        For an unknown name, an impossible option, or, from the methods, a file that is missing, damaged or not laid out
        as published.

    Notes
    -----
    A local file need not be identical to the published one (repacked files are common); ``describe().checksum`` is
    ``"published"`` or ``"differs"``. Its keys, shapes, labels and split sizes must be the published ones, so that
    results on part of a benchmark are not mistaken for results on all of it; ``limit`` reads a part on purpose, and
    the ``arrays`` source reads any other file.

    The files have no spacing (the volumes were resized from various crops), so the spacing is 1 voxel.
    Ids are ``STEM/SPLIT/INDEX``, such as ``adrenalmnist3d/train/00000`` and ``adrenalmnist3d_64/train/00000``.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, must stay a plain attribute

    location: ClassVar[str] = "data_dir"

    name: str
    size: Literal[28, 64] = 28
    data_dir: Path | None = None
    splits: tuple[str, ...] = SPLITS
    limit: int | None = None
    download: bool = False

    def __post_init__(self) -> None:
        if self.data_dir is not None:
            object.__setattr__(self, "data_dir", place(self.data_dir))
        if self.size not in self._entry.files:
            sizes = " and ".join(str(size) for size in self._entry.files)
            raise InputError(f"{self.name} is not published in size {self.size}: choose {sizes}")
        if not self.splits or not set(self.splits) <= set(SPLITS) or len(set(self.splits)) < len(self.splits):
            raise InputError(f"splits={self.splits} of {self.name} must be distinct names among {', '.join(SPLITS)}")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"limit={self.limit} of {self.name} must be at least 1: leave it out to read everything")

    def describe(self) -> SourceInfo:
        """Check keys, shapes, labels, split sizes and the checksum; read no voxels."""
        path, entry = self._path(), self._entry
        parts = self._parts(path)
        published = md5_of(path) == entry.files[self.size].md5
        labels = [label for part in parts for label in part.labels]
        splits, class_counts = tally([p.split for p in parts for _ in p.labels], labels, len(entry.class_names))
        notes = () if published else (f"{path.name} is not the published file byte for byte (its layout is right)",)
        return SourceInfo(
            name=self.name,
            n_volumes=len(labels),
            shape=(self.size,) * 3,
            dtype="uint8",
            class_names=entry.class_names,
            splits=splits,
            class_counts=class_counts,
            licence=entry.licence,
            task=entry.task,
            modality=entry.modality,
            checksum="published" if published else "differs",
            notes=notes,
        )

    def check_layout(self) -> None:
        """Raise `InputError` unless keys, shapes, labels and split sizes are the published ones; read no voxels."""
        self._parts(self._path())

    def fingerprint(self) -> dict[str, Any]:
        """Return the options that select volumes, and size and modification time of the file."""
        path = self._path()
        return {
            "kind": "medmnist",
            "name": self.name,
            "size": self.size,
            "splits": list(self.splits),
            "limit": self.limit,
            "files": {path.name: file_stamp(path)},
        }

    def volumes(self, start: int = 0) -> Iterator[Volume | Rejected]:
        """Yield volumes split by split, without the first ``start``."""
        path = self._path()
        for part in self._parts(path):
            n = len(part.labels)
            first, start = min(start, n), max(0, start - n)
            indices = range(first, n)
            for index, voxels in zip(indices, part.stack.read(indices), strict=True):
                yield checked(
                    Volume(f"{path.stem}/{part.split}/{index:05d}", voxels, label=part.labels[index], split=part.split)
                )

    @property
    def _entry(self) -> DatasetEntry:
        return medmnist3d_entry(self.name)

    def _path(self) -> Path:
        filename = f"{self.name}.npz" if self.size == 28 else f"{self.name}_{self.size}.npz"
        published = self._entry.files[self.size]
        if self.data_dir is None:
            import platformdirs

            return fetch(published, platformdirs.user_cache_path("tdaflow") / "medmnist" / filename)
        path = self.data_dir.expanduser() / filename
        if path.is_file():
            return path
        if self.download:
            return fetch(published, path)
        raise InputError(
            f"there is no file {path}: put it there from {published.url}, have it fetched with "
            "--set data.download=true, or name no data folder to use the user's cache"
        )

    def _parts(self, path: Path) -> list[_Part]:
        members = npz_members(path)
        wanted = [f"{split}_{what}" for split in self.splits for what in ("images", "labels")]
        missing = [key for key in wanted if key not in members]
        if missing:
            raise InputError(
                f"{path} lacks {', '.join(missing)} (it has {', '.join(members) or 'no arrays'}): "
                f"it is not {self._entry.title} as published"
            )
        return [self._part(path, split) for split in self.splits]

    def _part(self, path: Path, split: str) -> _Part:
        stack, label_stack = ArrayStack(path, f"{split}_images"), ArrayStack(path, f"{split}_labels")
        header, labels = stack.volume_header(4), label_stack.load()
        if header.shape[1:] != (self.size,) * 3 or header.dtype != np.uint8:
            raise InputError(
                f"{stack} holds {header.dtype} volumes of shape {header.shape[1:]}, "
                f"expected uint8 and {(self.size,) * 3}: check the size option"
            )
        n, published, n_classes = header.shape[0], self._entry.splits[split], len(self._entry.class_names)
        if labels.shape not in ((n,), (n, 1)):
            raise InputError(f"{label_stack} has shape {labels.shape} but {stack} has {n} volumes: one label for each")
        if n != published:
            raise InputError(
                f"{stack} has {n} volumes where {self._entry.title} has {published}: use limit to read a part, "
                "or read the file with the arrays source"
            )
        if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= n_classes:
            raise InputError(f"{label_stack} must hold integers from 0 to {n_classes - 1}: download the file again")
        return _Part(split, stack, tuple(int(label) for label in labels.reshape(-1)[: self.limit]))
