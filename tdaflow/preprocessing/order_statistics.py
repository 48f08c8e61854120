"""Exact order statistics of numbers given in pieces, in bounded memory; independent of the pieces and their order.

Up to 2^20 numbers are sorted. More are found by radix selection (MSD, 16 bits a pass): numbers become unsigned keys of
the same order; each pass counts the next 16 bits of the keys that share a sought key's leading bits. Counts are
integers and add up in any order.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.generic]
_DIGIT = 16
_SORTED = 1 << 20


def order_statistics(pieces: Callable[[], Iterable[Values]], ranks: Sequence[int]) -> dict[int, float]:
    """Return the numbers at the given ranks of all numbers sorted.

    Parameters
    ----------
    pieces : callable that returns an iterable of arrays
        Finite numbers of one native dtype (integer or float, up to 64 bits); called at most twice, plus once for each
        16 bits of the dtype.
    ranks : sequence of int
        From 0 to the number of values − 1; repeats count once.

    Returns
    -------
    dict of int to float
        Rank → number; 0 has no sign.
    """
    ranks = sorted(set(ranks))
    if (few := _sorted(pieces())) is not None:
        return {rank: float(few[rank]) + 0.0 for rank in ranks}  # −0.0 becomes 0.0
    dtype = next(iter(pieces())).dtype
    levels = max(1, dtype.itemsize * 8 // _DIGIT)
    prefix = dict.fromkeys(ranks, 0)
    left = {rank: rank for rank in ranks}  # rank among the keys that share the prefix
    for level in range(levels):
        shift = _DIGIT * (levels - 1 - level)
        counts = {p: np.zeros(1 << _DIGIT, dtype=np.int64) for p in prefix.values()}
        for piece in pieces():
            keys = _keys(piece)
            # a shift by all bits is undefined; before the first level all keys share the empty prefix
            heads = keys >> np.uint64(shift + _DIGIT) if level else keys
            for wanted, count in counts.items():
                shared = keys[heads == wanted] if level else keys
                digits = (shared >> np.uint64(shift)) & np.uint64((1 << _DIGIT) - 1)
                count += np.bincount(digits.astype(np.int64), minlength=len(count))
        totals = {wanted: np.cumsum(count) for wanted, count in counts.items()}
        for rank in ranks:
            total = totals[prefix[rank]]
            digit = int(np.searchsorted(total, left[rank], side="right"))
            left[rank] -= int(total[digit - 1]) if digit else 0
            prefix[rank] = (prefix[rank] << _DIGIT) | digit
    return {rank: float(_value(key, dtype)) + 0.0 for rank, key in prefix.items()}


def _sorted(pieces: Iterable[Values]) -> Values | None:
    """Return all numbers sorted; None if there are more than 2^20."""
    found, n = [], 0
    for piece in pieces:
        n += piece.size
        if n > _SORTED:
            return None
        found.append(piece.copy())  # the next piece may lie in the same memory
    return np.sort(np.concatenate(found))


def _keys(values: Values) -> NDArray[np.uint64]:
    """Return unsigned integers in the order of the values; only as many low bits are used as the dtype has."""
    bits = values.dtype.itemsize * 8
    native = np.ascontiguousarray(values)
    if native.dtype.kind == "u":
        return native.astype(np.uint64)
    top = np.uint64(1 << (bits - 1))
    raw = native.view(f"u{bits // 8}").astype(np.uint64)
    if native.dtype.kind == "i":
        return raw ^ top
    # IEEE 754: negative numbers run backwards
    everything = np.uint64((1 << bits) - 1)
    return np.where(raw & top, raw ^ everything, raw ^ top)


def _value(key: int, dtype: np.dtype) -> np.generic:
    """Return the number that a key stands for."""
    bits = dtype.itemsize * 8
    top = 1 << (bits - 1)
    if dtype.kind == "i":
        key ^= top
    elif dtype.kind == "f":
        key ^= top if key & top else (1 << bits) - 1
    return np.array([key], dtype=f"u{bits // 8}").view(dtype)[0]
