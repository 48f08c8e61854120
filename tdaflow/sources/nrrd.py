"""Reader of NRRD files (.nrrd, with the data inside or in a file beside it; .nhdr, beside its data).

pynrrd parses the header. Voxels are streamed as those of MetaImage are, not by ``nrrd.read_data``: that reads a series
whole (3.2 times its size at the peak), inflates without a limit, opens any path that a header names, and accepts a gzip
file whose checksum is cut off.

Source: Kindlmann, "Definition of NRRD file format" (teem.sourceforge.net/nrrd/format.html). Free text is not kept.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tdaflow.errors import InputError
from tdaflow.sources.optional import require
from tdaflow.sources.text_header import LARGEST, MAX_TEXT, StoredImage, TextHeaderReader, file_beside, header_text

# Signs that bring the world axes to right, anterior, superior.
_SPACES = {
    "right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1), "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1), "lps": (-1, -1, 1),
}  # fmt: skip
_UNIT_MM = {"mm": 1.0, "millimeter": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3, "micron": 1e-3, "µm": 1e-3}
_SCALAR_AXES = {"domain", "space", "time", "???", "none"}
_ENCODINGS: dict[str, Literal["raw", "gzip"]] = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}
_FIELD = re.compile(r"([^:#]+):(?!=)(.*)")
_SPACE_IN_VECTOR = re.compile(r"(?<=[(,])\s+|\s+(?=[,)])")


class NrrdReader(TextHeaderReader):
    """NRRD with raw or gzip encoding."""

    suffixes: tuple[str, ...] = (".nrrd", ".nhdr")

    def require(self) -> None:
        """Import what is needed (`InputError` if it is missing)."""
        super().require()
        require("nrrd", "reading NRRD")

    def parse(self, path: Path) -> StoredImage:
        """Parse and check the header's text (`InputError`)."""
        fields, end = _header(path)
        n = fields.get("dimension", 0)
        if not 1 <= n <= 7:
            raise InputError(f"the header has {n} dimensions, a volume has 3")
        shape = tuple(int(side) for side in fields.get("sizes", ()))
        if len(shape) != n or any(abs(side) >= 2**31 for side in shape):
            raise InputError(f"the header's sizes must be {n} whole numbers")
        kinds = [kind.lower() for kind in fields.get("kinds", ())[:3]]
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
            shape=shape,
            dtype=_dtype(fields),
            spacing=spacing,
            affine=affine,
            units=units,
            encoding=encoding,
            data=path if data_file is None else file_beside(path, data_file),
            offset=_offset(fields, end if data_file is None else 0, encoding),
        )


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """Return the fields, names in lower case, and the first byte after the header."""
    text = header_text(path)
    if not text.startswith(b"NRRD"):
        raise InputError("the file is not NRRD: it does not begin with that word")
    end = re.search(rb"\n[ \t\r]*\n", text)
    # A header of its own may lack the blank line.
    if end is None and len(text) < MAX_TEXT and re.search(rb"(?im)^data ?file\s*:", text):
        end = re.search(rb"\Z", text)
    if end is None:
        raise InputError("the file's header has no end: it is truncated or of another format")
    nrrd = require("nrrd", "reading NRRD")
    try:
        with np.errstate(invalid="ignore"):  # NaN among the sizes becomes a huge negative number, which is refused
            return dict(nrrd.read_header(_lines(text[: end.start()]))), end.end()
    except (nrrd.errors.NRRDError, ValueError, IndexError, OverflowError) as error:
        said = "".join(filter(str.isprintable, str(error)))[:100]
        raise InputError(f"the file's header is damaged ({said}): save the image again") from None


def _lines(text: bytes) -> Iterator[str]:
    """Yield the first line and those with fields, in the one spelling that pynrrd reads.

    Decoded here, because pynrrd drops what is not ASCII, and with it makes metres of µm.
    """
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        decoded = text.decode("latin-1")
    magic, *lines = decoded.split("\n")
    yield magic
    for line in lines:
        if match := _FIELD.match(line):
            yield f"{match[1].strip().lower()}:{_SPACE_IN_VECTOR.sub('', match[2])}"


def _dtype(fields: dict[str, Any]) -> np.dtype:
    """Return the type in which pynrrd reads one voxel."""
    nrrd = require("nrrd", "reading NRRD")
    one = {"dimension": 1, "sizes": np.ones(1, int), "encoding": "raw", "type": fields.get("type", "").lower()}
    if "endian" in fields:
        one["endian"] = fields["endian"].lower()
    try:
        dtype: np.dtype = nrrd.read_data(one, io.BytesIO(bytes(8))).dtype
    except nrrd.errors.NRRDError:
        raise InputError("the header does not say whether its numbers are little or big endian") from None
    except (KeyError, ValueError):
        dtype = np.dtype("V")
    if dtype.kind not in "iuf":
        raise InputError("the header's type is not one of NRRD's integers and floats")
    return dtype


def _offset(fields: dict[str, Any], start: int, encoding: str) -> int:
    lines, skip = (fields.get(f"{of} skip", fields.get(f"{of}skip", 0)) for of in ("line", "byte"))
    if lines == 0 and skip == -1 and encoding == "raw":
        return -1
    if lines != 0 or skip != 0:
        raise InputError("the header skips a part of its data: save the image again")
    return start


def _unit(fields: dict[str, Any]) -> tuple[str, float]:
    names = fields.get("space units", [])[:3]
    if not names:
        return "unknown, taken as mm", 1.0
    if len(set(names)) > 1 or names[0] not in _UNIT_MM:
        raise InputError("the header's space units are not one known unit of length: save the image in mm")
    return names[0], _UNIT_MM[names[0]]


def _geometry(fields: dict[str, Any], n: int, mm: float) -> tuple[tuple[float, float, float], np.ndarray | None]:
    """Return the spacing (x, y, z) in mm, and the affine if the file has an orientation.

    NaN is the spacing of an axis without one, such as time.
    """
    if "space directions" not in fields:
        x, y, z = [*_lengths(fields, "spacings", n, np.ones(n)), 1.0, 1.0][:3]
        return (x * mm, y * mm, z * mm), None
    vectors = _lengths(fields, "space directions", n)[:3]
    x, y, z = [*map(float, np.linalg.norm(vectors, axis=1) * mm), 1.0, 1.0][:3]
    signs = _SPACES.get(fields.get("space", "").lower())
    if signs is None or vectors.shape != (3, 3):
        return (x, y, z), None
    affine = np.eye(4)
    affine[:3, :3] = vectors.T * np.array(signs)[:, None] * mm
    affine[:3, 3] = _lengths(fields, "space origin", 3, np.zeros(3)) * signs * mm
    return (x, y, z), affine


def _lengths(fields: dict[str, Any], key: str, n: int, default: Any = None) -> np.ndarray:
    found: np.ndarray = fields.get(key, default)
    if len(found) != n or np.any(np.abs(found) > LARGEST):
        raise InputError(f"the header's {key} must be {n} numbers or vectors of numbers")
    return found
