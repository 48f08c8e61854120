"""Reader of MetaImage files (.mha, and .mhd with its data file beside it).

Source: the MetaIO documentation of ITK. Lengths are in mm; world axes point to the left, posterior and superior.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from tdaflow.errors import InputError
from tdaflow.sources.text_header import LARGEST, StoredImage, TextHeaderReader, file_beside, header_text

_TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip  # MET_LONG has had two sizes
_TO_RAS = np.array([-1.0, -1.0, 1.0])


class MetaImageReader(TextHeaderReader):
    """MetaImage with binary data, plain or zlib-compressed."""

    suffixes: tuple[str, ...] = (".mha", ".mhd")

    def parse(self, path: Path) -> StoredImage:
        """Parse and check the header's text (`InputError`)."""
        fields, end = _read_fields(path)
        if "ndims" not in fields:
            raise InputError("the file is not a MetaImage: its header has no NDims")
        [n] = _whole(_numbers(fields, "ndims", 1), "ndims")
        if not 1 <= n <= 7:
            raise InputError(f"the header has {n} dimensions, a volume has 3")
        shape = _whole(_numbers(fields, "dimsize", n), "dimsize")
        spacing = _numbers(fields, "elementspacing" if "elementspacing" in fields else "elementsize", n, 1.0)
        local = fields["elementdatafile"].upper() == "LOCAL"
        offset = end if local else _whole(_numbers(fields, "headersize", 1, 0), "headersize")[0]
        spacing = [*spacing, 1.0, 1.0][:3]  # of a slice, which is refused by its shape
        return StoredImage(
            kind="MetaImage",
            shape=tuple(shape),
            dtype=_dtype(fields),
            spacing=(spacing[0], spacing[1], spacing[2]),
            affine=_affine(fields, n, spacing),
            units="mm",
            encoding=_encoding(fields),
            data=path if local else file_beside(path, fields["elementdatafile"]),
            offset=offset,
        )


def _dtype(fields: dict[str, str]) -> np.dtype:
    name = fields.get("elementtype", "").upper()
    if name not in _TYPES:
        raise InputError("the header's element type is not one of MetaImage's integers and floats of known size")
    [channels] = _numbers(fields, "elementnumberofchannels", 1, 1)
    if channels != 1:
        raise InputError(f"the voxels have {channels:g} components, such as colours: save one value a voxel")
    big = _true(fields, "binarydatabyteordermsb") or _true(fields, "elementbyteordermsb")
    return np.dtype((">" if big else "<") + _TYPES[name])


def _encoding(fields: dict[str, str]) -> Literal["raw", "zlib"]:
    if not _true(fields, "binarydata", "true"):
        raise InputError("the file's data are text: save them as binary")
    return "zlib" if _true(fields, "compresseddata") else "raw"


def _affine(fields: dict[str, str], n: int, spacing: list[float]) -> np.ndarray | None:
    key = next((key for key in ("transformmatrix", "rotation", "orientation") if key in fields), None)
    if key is None or n < 3:
        return None
    # Row i of the matrix is the direction of axis i.
    directions = np.array(_numbers(fields, key, n * n)).reshape(n, n).T[:3, :3]
    place = next((name for name in ("offset", "position", "origin") if name in fields), "offset")
    affine = np.eye(4)
    affine[:3, :3] = _TO_RAS[:, None] * directions * spacing
    affine[:3, 3] = _TO_RAS * _numbers(fields, place, n, 0.0)[:3]
    return affine


def _true(fields: dict[str, str], key: str, default: str = "false") -> bool:
    return fields.get(key, default).lower() in ("true", "1")


def _read_fields(path: Path) -> tuple[dict[str, str], int]:
    """Return the first value of each key, keys in lower case, and the first byte after the line of ElementDataFile."""
    text = header_text(path)
    fields: dict[str, str] = {}
    position = 0
    while position < len(text):
        end = text.find(b"\n", position)
        if end < 0:  # the last line of a header of its own may lack its end
            end = len(text)
        line = text[position:end].decode("latin-1").strip()
        position = end + 1
        key, found, value = (part.strip() for part in line.partition("="))
        if found and not line.startswith("#"):
            fields.setdefault(key.lower(), value)
            if key.lower() == "elementdatafile":
                return fields, position
    raise InputError("the file's header has no end: it is truncated or of another format")


def _numbers(fields: dict[str, str], key: str, n: int, default: float | None = None) -> list[float]:
    """Return the `n` numbers of a field, NaN too; `InputError` if it has others, or is missing without a default."""
    text = fields.get(key)
    if text is None and default is not None:
        return [default] * n
    try:
        found = [float(part) for part in (text or "").split()]
    except ValueError:
        found = []
    if len(found) != n or any(abs(v) > LARGEST for v in found):
        raise InputError(f"the header's {key} must be {n} numbers")
    return found


def _whole(values: Sequence[float], key: str) -> list[int]:
    """Return the numbers as integers (`InputError` if they are not)."""
    if not all(math.isfinite(v) and v == int(v) and abs(v) < 2**31 for v in values):
        raise InputError(f"the header's {key} must be whole numbers")
    return [int(v) for v in values]
