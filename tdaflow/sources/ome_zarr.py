"""Source of OME-Zarr images: one image group, or a folder of them."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np

from tdaflow.errors import InputError, PassingFault
from tdaflow.printable import counted, printable
from tdaflow.remote import RemotePath, place
from tdaflow.sources.byte_stream import contained
from tdaflow.sources.ome_folders import image_folders, image_stamp, node, stem
from tdaflow.sources.ome_metadata import SPATIAL, LevelMetadata, chosen_entries, level_metadata
from tdaflow.sources.volume import (
    UNASSIGNED,
    Member,
    NanFill,
    Rejected,
    SourceInfo,
    Volume,
    filled_or_rejected,
    is_real,
)


@dataclass(frozen=True)
class OmeZarr:
    """Volumes from OME-Zarr images (0.5 on Zarr v3, 0.4 on Zarr v2).

    Parameters
    ----------
    path : pathlib.Path
        An image group, or a folder of image groups at any depth, also inside groups that are no images themselves
        (bioformats2raw, plates); searched as `tdaflow.sources.walk.Walk` describes, without the ``labels`` of images.
        Ids are the paths below the folder without ``.ome.zarr``, in sorted order.
    level : int
        Level of the pyramid; 0 is full resolution.
    channel, timepoint : int, optional
        Entry of the axes ``c`` and ``t``; needed where they have more than one.
    spacing : tuple of 3 float, optional, in mm
        Distance between voxel centres along (z, y, x); overrides the metadata.
    limit : int, optional
        Read only the first ``limit`` images.
    name : str, optional
        Name of the data set; by default the name of the folder.
    nan : "lowest", optional
        Give voxels that are NaN, such as a background, the lowest finite value of their volume, and record how many; by
        default such a volume is rejected.

    Raises
    ------
    InputError
        From the methods, if there is no such folder or no Zarr group in it. A single image that cannot be used is
        yielded as `Rejected`.

    Notes
    -----
    Axes are found by name and put in the order z, y, x. An axis without a unit is taken to be in mm; facts
    and notes say so. A missing chunk is read as the fill value, as Zarr defines; the facts give the number of missing
    chunks. A flipped bit is detected only if the array has a checksum.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, must stay a plain attribute

    location: ClassVar[str] = "path"

    path: Path
    level: int = 0
    channel: int | None = None
    timepoint: int | None = None
    spacing: tuple[float, float, float] | None = None
    limit: int | None = None
    name: str = ""
    nan: NanFill | None = None

    def __post_init__(self) -> None:
        for option, least in (("level", 0), ("channel", 0), ("timepoint", 0), ("limit", 1)):
            value = getattr(self, option)
            if value is not None and value < least:
                raise InputError(f"{option}={value} must be at least {least}")
        if self.spacing is not None and not (
            len(self.spacing) == 3 and all(np.isfinite(s) and s > 0 for s in self.spacing)
        ):
            raise InputError(f"spacing={self.spacing} must be three positive numbers (z, y, x) in mm")
        object.__setattr__(self, "path", place(self.path))
        if not self.name:
            object.__setattr__(self, "name", stem(printable(self.path.expanduser().resolve().name)))

    def describe(self) -> SourceInfo:
        """Check the metadata of every image; read no chunk."""
        images, left_out = self._found()
        found = [self._opened(path) for _, path in images]
        good = [image for image in found if isinstance(image, _Level)]
        shapes = {image.shape for image in good}
        dtypes = {image.dtype.name for image in good}
        notes = []
        if len(good) < len(found):
            notes.append(f"{len(found) - len(good)} of {counted(len(found), 'image')} cannot be used")
        if self.spacing is None and (n := sum(None in image.metadata.units for image in good)):
            notes.append(
                f"{counted(n, 'image states', 'images state')} no unit along z, "
                "y or x; their scale is taken to be in mm"
            )
        return SourceInfo(
            name=self.name,
            n_volumes=len(found),
            shape=shapes.pop() if len(shapes) == 1 else None,
            dtype=dtypes.pop() if len(dtypes) == 1 else None,
            splits={UNASSIGNED: len(found)},
            notes=(*notes, *left_out),
        )

    def fingerprint(self) -> dict[str, Any]:
        """Return the options that select voxels, and number, size and last change of the files of every image."""
        return {
            "kind": "ome-zarr",
            "name": self.name,
            "level": self.level,
            "channel": self.channel,
            "timepoint": self.timepoint,
            "spacing": None if self.spacing is None else list(self.spacing),
            "limit": self.limit,
            "images": self._stamps(),
            **({} if self.nan is None else {"nan": self.nan}),
        }

    def members(self) -> list[Member]:
        """Return number, size and last change of the files of every image."""
        return [Member(key, (stamp,)) for key, stamp in self._stamps().items()]

    def volumes(self, start: int = 0, only: Collection[str] | None = None) -> Iterator[Volume | Rejected]:
        """Yield volumes in the order of their ids; skip the first ``start`` without opening them."""
        for key, path in self._images()[start:]:
            if only is not None and key not in only:
                continue
            opened = self._opened(path)
            if isinstance(opened, str):
                yield Rejected(key, opened)
                continue
            try:
                with contained(key):
                    voxels = opened.read()
                volume = Volume(key, voxels, opened.metadata.spacing, facts=self._facts(opened))
                yield filled_or_rejected(volume, self.nan)
                del voxels, volume
            except (InputError, PassingFault) as error:
                yield Rejected(key, str(error), passing=isinstance(error, PassingFault))

    def _facts(self, level: "_Level") -> dict[str, Any]:
        metadata = level.metadata
        return {
            "format": f"OME-Zarr {metadata.version or '(no version)'}",
            "level": self.level,
            "axes": list(metadata.axes),
            "channel": self.channel,
            "timepoint": self.timepoint,
            "unit": list(metadata.units),
            "unit_assumed": "millimeter" if self.spacing is None and None in metadata.units else None,
            "spacing_from": "image" if self.spacing is None else "options",
            "translation": None if metadata.translation is None else list(metadata.translation),
            "chunks_missing": level.n_missing,
        }

    def _stamps(self) -> dict[str, dict[str, int]]:
        found = {}
        for key, path in self._images():
            opened = self._opened(path)
            found[key] = image_stamp(path, opened.metadata.path if isinstance(opened, _Level) else None)
        return found

    def _images(self) -> list[tuple[str, Path]]:
        return self._found()[0]

    def _found(self) -> tuple[list[tuple[str, Path]], tuple[str, ...]]:
        """Return id and folder of every image, ids ascending, and sentences about what was left out."""
        root = self.path.expanduser()
        if not root.is_dir():
            problem = f"{root} is a file: unpack it" if root.exists() else f"there is no folder {root}: check the path"
            raise InputError(f"{problem}, an OME-Zarr image is a folder")
        paths, left_out = image_folders(root)
        if not paths:
            raise InputError(f"the folder {root} holds no Zarr group: name an OME-Zarr image or a folder of them")
        if paths == [root]:
            return [(stem(printable(root.resolve().name)), root)], left_out
        names = [printable(path.relative_to(root).as_posix()) for path in paths]
        taken = Counter(map(stem, names))
        images = sorted((stem(n) if taken[stem(n)] == 1 else n, p) for n, p in zip(names, paths, strict=True))
        return images[: self.limit], left_out

    def _opened(self, path: Path) -> "_Level | str":
        """Return the chosen level, or the reason why it cannot be used."""
        try:
            with contained(printable(path.name)):
                return _Level.open(path, self.level, self.spacing, {"c": self.channel, "t": self.timepoint})
        except InputError as error:
            return str(error)


@dataclass(frozen=True)
class _Level:
    """An open array, and the index that selects a volume from it."""

    folder: Path
    metadata: LevelMetadata
    array: Any
    index: tuple[int | slice, ...]

    @classmethod
    def open(
        cls, folder: Path, level: int, spacing: tuple[float, float, float] | None, chosen: dict[str, int | None]
    ) -> "_Level":
        import zarr

        kind, zarr_format, _ = node(folder)
        if kind != "group":
            what = "is a Zarr array, not an image group" if kind == "array" else "has no zarr.json or .zgroup"
            raise InputError(f"the folder {what}: name the group that has the multiscales")
        # Foreign or damaged metadata makes zarr raise errors of many kinds.
        try:
            group = zarr.open_group(_store(folder), mode="r", zarr_format=zarr_format, use_consolidated=False)
            attributes = group.attrs.asdict()
        except Exception as error:
            raise InputError(f"its metadata cannot be read ({_cause(error, folder)}): copy the image again") from error
        metadata = level_metadata(attributes, level, spacing)
        try:
            array = group[metadata.path]
        except Exception as error:
            raise InputError(
                f"level {level} ({metadata.path!r}) cannot be opened ({_cause(error, folder)}): copy the image again"
            ) from error
        if not isinstance(array, zarr.Array):
            raise InputError(f"level {level} ({metadata.path!r}) is a group, not an array: write the image again")
        if not is_real(array.dtype):
            raise InputError(f"the voxels are of type {array.dtype}: only bool, integers and floats can be used")
        return cls(folder, metadata, array, chosen_entries(metadata.axes, array.shape, chosen))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (z, y, x)."""
        z, y, x = (self.array.shape[self.metadata.axes.index(axis)] for axis in SPATIAL)
        return z, y, x

    @property
    def dtype(self) -> np.dtype:
        """Type of the voxels in native byte order."""
        return cast(np.dtype, self.array.dtype.newbyteorder("="))

    @cached_property
    def files(self) -> list[Path]:
        """File of every chunk (or shard) of the volume, existing or not."""
        lengths = self.array.shards or self.array.chunks
        needed = [
            range(-(-n // length)) if isinstance(entry, slice) else (entry // length,)
            for n, length, entry in zip(self.array.shape, lengths, self.index, strict=True)
        ]
        level = self.folder / self.metadata.path
        return [level / self.array.metadata.encode_chunk_key(where) for where in product(*needed)]

    @cached_property
    def n_missing(self) -> int:
        """Number of missing chunks."""
        return sum(not file.is_file() for file in self.files)

    def read(self) -> np.ndarray:
        """Read the voxels (z, y, x)."""
        try:
            # Refuse a shape that is too large before its chunks are looked for.
            np.empty(self.shape, self.dtype)
        except (MemoryError, ValueError):
            raise InputError(f"the shape {self.shape} does not fit into memory: choose a higher level") from None
        if self.files and self.n_missing == len(self.files):
            raise InputError(f"none of the {counted(self.n_missing, 'chunk')} is there: copy the image again")
        if _is_blosc(self.array) and (short := sum(file.is_file() and not _whole_blosc(file) for file in self.files)):
            raise InputError(
                f"{short} of {counted(len(self.files), 'chunk')} {'is' if short == 1 else 'are'} "
                "damaged or cut short: copy the image again"
            )
        try:
            values = np.asarray(self.array[self.index])
        except Exception as error:  # every codec has its own way to say that a chunk is damaged
            raise InputError(
                f"a chunk is damaged or cut short ({_cause(error, self.folder)}): copy the image again"
            ) from error
        in_file = [axis for axis in self.metadata.axes if axis in SPATIAL]
        ordered = values.transpose([in_file.index(axis) for axis in SPATIAL])
        return np.ascontiguousarray(ordered, dtype=self.dtype)


def _store(folder: Path) -> Any:
    """What Zarr reads a folder through."""
    if not isinstance(folder, RemotePath):
        return folder.resolve()
    from tdaflow.remote_zarr import ObjectsBelow

    return ObjectsBelow(folder, read_only=True)


def _is_blosc(array: Any) -> bool:
    """Return True if a chunk's file is one Blosc buffer, as usual in version 0.4."""
    last = array.compressors[-1] if array.compressors and array.shards is None else None
    return type(last).__name__ in ("Blosc", "BloscCodec")


def _whole_blosc(file: Path) -> bool:
    """Return True if a Blosc buffer has the length that its header states in bytes 12 to 15.

    The decoder trusts the header: it reads past the end of a shorter buffer, and returns that memory as voxels.
    """
    with file.open("rb") as stream:
        header = stream.read(16)
    return len(header) == 16 and int.from_bytes(header[12:], "little") == file.stat().st_size


def _cause(error: BaseException, folder: Path) -> str:
    """Return the first line of an error, without the path of the folder."""
    text = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".: ")
    return text.replace(f"file://{folder.resolve()}", "image").replace(str(folder.resolve()), "image")
