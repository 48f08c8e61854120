"""One block of memory for all arrays of a call.

A call works on some 15 MB for 1,000 points. Allocated array by array, each 4 KB page is faulted in separately, which
costs up to a fifth of the whole time. In one block NumPy asks for huge pages (from 4 MB on), and the C library keeps
a block of up to 32 MB for the next call. Keeping it here would be state.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_LINE = 64  # bytes; arrays start on cache lines
_HUGE_PAGE = 1 << 21
# NumPy advises huge pages for blocks of this size and more.
_ADVISED = 1 << 22


class Arena:
    """Hands out uninitialised arrays from one allocation; beyond its size it falls back to separate ones.

    Parameters
    ----------
    nbytes : int
        Estimated need. Memory that is never written is never faulted in, so a generous estimate costs nothing.
    """

    def __init__(self, nbytes: int) -> None:
        # Whole huge pages, from the first boundary on: what is left before and after is never touched.
        unit = _HUGE_PAGE if nbytes > _HUGE_PAGE // 2 else _LINE
        size = nbytes + -nbytes % unit + unit
        self._block = np.empty(max(size, _ADVISED) if unit == _HUGE_PAGE else size, np.uint8)
        self._used = -self._block.ctypes.data % unit

    def take(self, shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an uninitialised C-contiguous array."""
        kind = np.dtype(dtype)
        count = shape if isinstance(shape, int) else int(np.prod(shape))
        start = self._used
        stop = start + count * kind.itemsize
        if stop > len(self._block):
            return np.empty(shape, kind)
        self._used = stop + -stop % _LINE
        return np.ndarray(shape, kind, self._block, start)
