"""Reader of NRRD files (.nrrd, with the data inside or in a file beside it).

Source: Kindlmann, "Definition of NRRD file format" (teem.sourceforge.net/nrrd/format.html). Free text is not kept.
"""

import math
import re
from pathlib import Path
from typing import Literal

import numpy as np

from tdaflow.errors import InputError
from tdaflow.sources.byte_stream import explained
from tdaflow.sources.text_header import LARGEST, StoredImage, TextHeaderReader, file_beside, numbers, read_fields, whole

_TYPES = {
    "i1": "signed char|int8|int8_t", "u1": "uchar|unsigned char|uint8|uint8_t",
    "i2": "short|short int|signed short|signed short int|int16|int16_t",
    "u2": "ushort|unsigned short|unsigned short int|uint16|uint16_t",
    "i4": "int|signed int|int32|int32_t", "u4": "uint|unsigned int|uint32|uint32_t",
    "i8": "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t",
    "u8": "ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t",
    "f4": "float", "f8": "double",
}  # fmt: skip
_DTYPES = {name: code for code, names in _TYPES.items() for name in names.split("|")}
# Signs that bring the world axes to right, anterior, superior.
_SPACES = {
    "right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1), "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1), "lps": (-1, -1, 1),
}  # fmt: skip
_UNIT_MM = {"mm": 1.0, "millimeter": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3, "micron": 1e-3, "µm": 1e-3}
_SCALAR_AXES = {"domain", "space", "time", "???", "none"}
_ENCODINGS: dict[str, Literal["raw", "gzip"]] = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}


class NrrdReader(TextHeaderReader):
    """NRRD with raw or gzip encoding."""

    suffixes: tuple[str, ...] = (".nrrd",)

    def parse(self, path: Path) -> StoredImage:
        """Parse and check the header's text (`InputError`)."""
        with explained(), path.open("rb") as stream:
            if stream.read(4) != b"NRRD":
                raise InputError("the file is not NRRD: it does not begin with that word")
        fields, end = read_fields(path, ":", last="")
        [n] = whole(numbers(fields, "dimension", 1), "dimension")
        if not 1 <= n <= 7:
            raise InputError(f"the header has {n} dimensions, a volume has 3")
        shape = whole(numbers(fields, "sizes", n), "sizes")
        kinds = fields.get("kinds", "").lower().split()[:3]
        if any(kind not in _SCALAR_AXES for kind in kinds):
            raise InputError(f"the voxels have components (axes {' '.join(kinds)}): save one value a voxel, x fastest")
        encoding = _ENCODINGS.get(fields.get("encoding", "").lower())
        if encoding is None:
            raise InputError("the file's encoding is neither raw nor gzip: save it as one of them")
        data_file = fields.get("data file", fields.get("datafile"))
        units, mm = _unit(fields)
        spacing, affine = _geometry(fields, n, mm)
        return StoredImage(
            kind="NRRD",
            shape=tuple(shape),
            dtype=_dtype(fields),
            spacing=spacing,
            affine=affine,
            units=units,
            encoding=encoding,
            data=path if data_file is None else file_beside(path, data_file),
            offset=_offset(fields, end if data_file is None else 0, encoding),
        )


def _dtype(fields: dict[str, str]) -> np.dtype:
    name = fields.get("type", "").lower()
    if name not in _DTYPES:
        raise InputError("the header's type is not one of NRRD's integers and floats")
    dtype = np.dtype(_DTYPES[name])
    endian = fields.get("endian", "").lower()
    if dtype.itemsize > 1 and endian not in ("little", "big"):
        raise InputError("the header does not say whether its numbers are little or big endian")
    return dtype.newbyteorder(">" if endian == "big" else "<")


def _offset(fields: dict[str, str], start: int, encoding: str) -> int:
    skips = [fields.get(key, "0") for key in ("line skip", "lineskip", "byte skip", "byteskip")]
    if skips[2:] in (["-1", "0"], ["0", "-1"]) and skips[:2] == ["0", "0"] and encoding == "raw":
        return -1
    if skips != ["0"] * 4:
        raise InputError("the header skips a part of its data: save the image again")
    return start


def _unit(fields: dict[str, str]) -> tuple[str, float]:
    names = re.findall(r'"([^"]*)"', fields.get("space units", ""))[:3]
    if not names:
        return "unknown, taken as mm", 1.0
    if len(set(names)) > 1 or names[0] not in _UNIT_MM:
        raise InputError("the header's space units are not one known unit of length: save the image in mm")
    return names[0], _UNIT_MM[names[0]]


def _geometry(fields: dict[str, str], n: int, mm: float) -> tuple[tuple[float, float, float], np.ndarray | None]:
    """Return the spacing (x, y, z) in mm, and the affine if the file has an orientation."""
    if "space directions" not in fields:
        # NaN stands for an axis without a spacing, such as time.
        x, y, z = [*numbers(fields, "spacings", n, 1.0), 1.0, 1.0][:3]
        return (x * mm, y * mm, z * mm), None
    vectors = [_vector(text) for text in re.findall(r"none|\([^)]*\)", fields["space directions"].lower())]
    if len(vectors) != n:
        raise InputError(f"the header's space directions must be {n} vectors")
    first = vectors[:3]
    x, y, z = [*(math.hypot(*vector) * mm for vector in first), 1.0, 1.0][:3]
    signs = _SPACES.get(fields.get("space", "").lower())
    if signs is None or len(first) < 3 or any(len(vector) != 3 for vector in first):
        return (x, y, z), None
    origin = _vector(fields["space origin"]) if "space origin" in fields else [0.0] * 3
    if len(origin) != 3:
        raise InputError("the header's space origin must be 3 numbers")
    affine = np.eye(4)
    affine[:3, :3] = np.array(first).T * np.array(signs)[:, None] * mm
    affine[:3, 3] = np.array(origin) * signs * mm
    return (x, y, z), affine


def _vector(text: str) -> list[float]:
    try:
        vector = [] if text == "none" else [float(part) for part in text.strip("() ").split(",")]
    except ValueError:
        vector = [math.inf]
    if any(abs(v) > LARGEST for v in vector):
        raise InputError("the header's space directions and origin must be vectors of numbers")
    return vector
