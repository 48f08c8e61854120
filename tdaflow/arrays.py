"""What every room asks of an array before it looks at the numbers."""

from typing import Any

import numpy as np

from tdaflow.errors import InputError

_EXACT = 1 << 53


def refuse_masked(array: Any, what: str) -> None:
    """Raise InputError for a NumPy masked array.

    ``np.asarray`` drops the mask without a word, and the numbers under it, often a sentinel such as −9999, would be
    taken for data.

    Parameters
    ----------
    array : Any
        Anything that is about to be made an array; all but masked arrays pass, whether or not they mask anything.
    what : str
        What it holds, in the plural, such as "voxels".
    """
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(
            f"{what} in a masked array of shape {array.shape} would lose their mask; "
            "say what is under it with array.filled(value), or pass array.data if nothing is"
        )


def beyond_float64(array: np.ndarray) -> str | None:
    """Say which integer float64 cannot tell from its neighbours; None if there is none.

    Parameters
    ----------
    array : ndarray
        Of any dtype and shape, not empty.
    """
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 8:
        return None
    low, high = int(array.min()), int(array.max())
    farthest = low if -low > high else high
    if abs(farthest) <= _EXACT:
        return None
    return (
        f"{array.dtype} voxels as large as {farthest} lose digits as float64, which is exact up to 2^53; subtract a "
        "constant from the volume, or divide it"
    )
