"""What every room asks of an array before it looks at the numbers."""

from typing import Any

import numpy as np

from tdaflow.errors import InputError


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
