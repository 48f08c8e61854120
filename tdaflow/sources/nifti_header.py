"""Parse the header of a ``.nii``, ``.nii.gz`` or ``.hdr`` file and check it field by field.

nibabel's own checks repair or warn; here a header that contradicts itself is refused, because a guess would go
unnoticed.
Sources: the NIfTI-1 standard (nifti1.h, 2005) and NIfTI-2 (nifti2.h, 2011). Text fields (descrip, aux_file, db_name,
intent_name) and extensions may hold names of patients: they are never read.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.sources.byte_stream import ByteStream
from tdaflow.sources.geometry import ImageHeader, check_spacing, deliver, sides
from tdaflow.sources.optional import require

_SIZES = {348: "NIfTI-1", 540: "NIfTI-2"}
_MAGIC = {348: b"n+1", 540: b"n+2"}
_PAIR_MAGIC = {348: b"ni1", 540: b"ni2"}
_FIRST_DATA_BYTE = {348: 352, 540: 544}
_UNIT_MM = {0: ("unknown, taken as mm", 1.0), 1: ("m", 1000.0), 2: ("mm", 1.0), 3: ("micron", 0.001)}
_DTYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip
_NO_VOLUMES = {
    1: "single bits", 32: "complex numbers", 128: "RGB colours", 1536: "128-bit floats",
    1792: "complex numbers", 2048: "complex numbers", 2304: "RGBA colours",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class NiftiHeader:
    """Layout of the stored voxels, and header of the delivered image.

    Parameters
    ----------
    shape : tuple of 3 int
        (x, y, z) as stored.
    dtype : numpy.dtype
        As stored, with its byte order.
    offset : int
        First byte of the data.
    slope, inter : float
        Voxel value = stored · slope + inter; 1 and 0 if the file has no scaling.
    image : ImageHeader
        The delivered image.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    offset: int
    slope: float
    inter: float
    image: ImageHeader

    @property
    def volume_bytes(self) -> int:
        """Bytes of one stored volume."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def scaled(self) -> bool:
        """True if voxel values differ from stored values."""
        return (self.slope, self.inter) != (1.0, 0.0)


def read_block(stream: ByteStream) -> bytes:
    """Read the bytes of the header, 348 or 540 (NIfTI-2) by its first field, fewer in a short file."""
    block = stream.head(348)
    if 540 in (int.from_bytes(block[:4], "little"), int.from_bytes(block[:4], "big")):
        block += stream.head(540 - 348)
    return block


@np.errstate(invalid="ignore", over="ignore")  # damaged numbers are looked for, they need no warning
def parse_header(
    block: bytes, *, canonical: bool, spacing: tuple[float, float, float] | None = None, is_pair: bool = False
) -> NiftiHeader:
    """Parse and check the first bytes of a file.

    Parameters
    ----------
    block : bytes
        At least 348 bytes, 540 for NIfTI-2.
    canonical : bool
        As for `tdaflow.sources.geometry.deliver`.
    spacing : tuple of 3 float, optional
        Voxel size (z, y, x) in mm from elsewhere; one in the header is then allowed to be unusable.
    is_pair : bool
        The voxels are in a file of their own, and the header may be Analyze's, which has neither unit nor affine.

    Raises
    ------
    InputError
        For the first thing that is wrong.
    """
    fields, size = _fields(block, is_pair)
    is_analyze = is_pair and bytes(fields["magic"].tobytes())[:3] != _PAIR_MAGIC[size]
    shape, n_volumes = _shape(fields)
    dtype = _dtype(fields, str(fields.endianness))
    offset = float(fields["vox_offset"])
    first = 0 if is_pair else _FIRST_DATA_BYTE[size]
    if not (first <= offset < 2**62 and offset == int(offset)):
        raise InputError(f"the header says that the data begin at byte {offset:g}, but they follow the header")
    slope, inter = _scaling(fields)
    if is_analyze:
        inter = 0.0  # SPM has a slope where NIfTI has it; the next field is not used
    unit, mm = ("none, taken as mm", 1.0) if is_analyze else _unit(fields)
    zooms = tuple(float(v) * mm for v in fields["pixdim"][1:4])
    if spacing is None:
        check_spacing(zooms)
    elif not all(np.isfinite(z) and z > 0 for z in zooms):
        zooms = spacing[::-1]
    facts: dict[str, Any] = {
        "format": "Analyze 7.5" if is_analyze else _SIZES[size], "dtype": dtype.name,
        "slope": slope, "inter": inter, "units": unit,
    }  # fmt: skip
    image = deliver(
        shape,
        scaled_dtype(dtype, slope, inter),
        (zooms[0], zooms[1], zooms[2]),
        None if is_analyze else _affine(fields, mm),
        canonical=canonical,
        n_volumes=n_volumes,
        facts=facts,
    )
    return NiftiHeader(shape, dtype, int(offset), slope, inter, image)


def nifti_geometry(fields: Any) -> tuple[str, tuple[float, ...], np.ndarray | None]:
    """Unit of length, voxel size (x, y, z) in mm and affine in mm (None if unknown) of a header that nibabel holds."""
    unit, mm = _unit(fields)
    return unit, tuple(float(v) * mm for v in fields["pixdim"][1:4]), _affine(fields.copy(), mm)


def scaled_dtype(dtype: np.dtype, slope: float, inter: float) -> np.dtype:
    """Return the type of voxel values: as stored if unscaled, else the smallest float that keeps stored values apart.

    Parameters
    ----------
    dtype : numpy.dtype
        Stored type.
    slope, inter : float
        Scaling. float32 suffices for integers of up to 16 bits unless the intercept is far larger than the slope.
    """
    if (slope, inter) == (1.0, 0.0):
        return dtype.newbyteorder("=")
    if dtype.itemsize <= 2:
        largest = abs(inter) + abs(slope) * 2.0 ** (8 * dtype.itemsize)
        if float(np.finfo(np.float32).tiny) < abs(slope) and 2.0**-22 * largest < abs(slope) and largest < 1e38:
            return np.dtype(np.float32)
    return np.dtype(np.float64)


def _fields(block: bytes, is_pair: bool) -> tuple[Any, int]:
    """Return the fields of the header in the right byte order, and the size that it states for itself."""
    if len(block) < 348:
        raise InputError(f"the file is truncated: {len(block)} bytes are there, a NIfTI header has at least 348")
    sizes = {"<": int.from_bytes(block[:4], "little"), ">": int.from_bytes(block[:4], "big")}
    order = next((order for order, size in sizes.items() if size in _SIZES), None)
    if order is None:
        raise InputError("the file is not NIfTI: its first four bytes are not a header size of 348 or 540")
    size = sizes[order]
    if len(block) < size:
        raise InputError(f"the file is truncated: {len(block)} bytes are there, its header has {size}")
    nifti = require("nibabel", "reading NIfTI")
    header = (nifti.Nifti1Header if size == 348 else nifti.Nifti2Header)(block[:size], endianness=order, check=False)
    magic = bytes(header["magic"].tobytes())
    if is_pair:
        if magic[:3] == _MAGIC[size]:
            raise InputError("the header says that its voxels follow it, as in a .nii file: rename it")
        if size == 540 and magic[:3] != _PAIR_MAGIC[size]:
            raise InputError("the file is not NIfTI-2: it lacks its mark")
        return header, size
    if magic[:3] in _PAIR_MAGIC.values():
        raise InputError(
            "the header belongs to a pair of .hdr and .img files: name it .hdr, or save the image as one .nii file"
        )
    if magic[:4] != _MAGIC[size] + b"\0":
        raise InputError(f"the file is not {_SIZES[size]}: its magic is {magic[:4]!r}, not {_MAGIC[size]!r}")
    return header, size


def _shape(fields: Any) -> tuple[tuple[int, int, int], int]:
    """Return shape (x, y, z) and number of volumes."""
    n = int(fields["dim"][0])
    if not 1 <= n <= 7:
        raise InputError(f"the header has {n} dimensions, a volume has 3")
    shape = [int(v) for v in fields["dim"][1 : n + 1]]
    if min(shape) < 1:
        raise InputError(f"the header's dimensions {sides(shape)} are not all positive")
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) < 3:
        raise InputError(f"the file holds a {len(shape)}D slice of {sides(shape)} voxels, a volume has 3 dimensions")
    if len(shape) > 4:
        raise InputError(
            f"the file has {len(shape)} dimensions {sides(shape)}: save each of its volumes in a file of its own"
        )
    return (shape[0], shape[1], shape[2]), shape[3] if len(shape) == 4 else 1


def _dtype(fields: Any, order: str) -> np.dtype:
    code, bits = int(fields["datatype"]), int(fields["bitpix"])
    if code in _NO_VOLUMES:
        raise InputError(f"the voxels are {_NO_VOLUMES[code]}: save them as integers or floats of up to 64 bits")
    if code not in _DTYPES:
        raise InputError(f"the header's data type {code} is not one of NIfTI's")
    dtype = np.dtype(order + _DTYPES[code])
    if bits != 8 * dtype.itemsize:
        raise InputError(f"the header says {dtype.name} but {bits} bits a voxel: it contradicts itself")
    return dtype


def _scaling(fields: Any) -> tuple[float, float]:
    slope, inter = float(fields["scl_slope"]), float(fields["scl_inter"])
    # The standard's "no scaling" is slope 0; nibabel and others write NaN for the same.
    if slope == 0 or math.isnan(slope):
        return 1.0, 0.0
    if not (math.isfinite(slope) and math.isfinite(inter)):
        raise InputError(f"the header's scaling (slope {slope:g}, intercept {inter:g}) is not finite")
    return slope, inter


def _unit(fields: Any) -> tuple[str, float]:
    code = int(fields["xyzt_units"]) & 7
    if code not in _UNIT_MM:
        raise InputError(f"the header's unit of length {code} is not one of NIfTI's (1 m, 2 mm, 3 micron)")
    return _UNIT_MM[code]


def _affine(fields: Any, mm: float) -> np.ndarray | None:
    """Return the affine of the stored grid in mm; None if both codes are 0, which leaves the orientation unknown."""
    if int(fields["sform_code"]) > 0:
        affine = np.eye(4)
        for row, name in enumerate(("srow_x", "srow_y", "srow_z")):
            affine[row] = fields[name]
    elif int(fields["qform_code"]) > 0:
        names = ("quatern_b", "quatern_c", "quatern_d")
        quaternion = [float(fields[name]) for name in names]
        offsets = [float(fields[name]) for name in ("qoffset_x", "qoffset_y", "qoffset_z")]
        if not all(map(math.isfinite, quaternion + offsets)):
            raise InputError("the header's affine holds NaN or infinity, so the orientation is not known")
        length = math.hypot(*quaternion)
        if length > 1 + 1e-5:
            raise InputError("the header's quaternion is longer than 1, so the orientation is not known")
        for name, q in zip(names, quaternion, strict=True):
            fields[name] = q / max(1.0, length)  # nibabel allows for less rounding than writers make
        # nibabel reads qfac (pixdim[0]) strictly, the standard takes anything but -1 as 1.
        fields["pixdim"][0] = -1 if float(fields["pixdim"][0]) < 0 else 1
        fields["pixdim"][1:4] = np.abs(fields["pixdim"][1:4])
        affine = np.array(fields.get_qform(), dtype=float)
    else:
        return None
    affine[:3] *= mm
    return affine
