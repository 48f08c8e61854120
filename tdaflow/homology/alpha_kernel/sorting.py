"""Filtration order: a radix sort made for alpha values."""

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.predicates import OPTIONS

_DIGIT = 12
_KEY_BITS = 2 * _DIGIT
_BUCKETS = 1 << _DIGIT


@njit(**OPTIONS)
def sort_by_value(values, order, rank, keys, others):
    """Ascending order of non-negative finite floats, which order as their bit patterns; see ``sort_bits``."""
    sort_bits(values.view(np.int64), order, rank, keys, others)


@njit(**OPTIONS)
def sort_bits(bits, order, rank, keys, others):
    """Ascending order of integers: a radix sort of their leading bits, then of what it left equal.

    Equal ones stay in the order they are in. The leading 24 bits in which integers differ are sorted with the index
    packed below them; runs that agree in these, mostly of two or three, are ordered by Shell's method, so that even
    thousands of values one rounding apart (masks) cost no more than n^1.3 comparisons.

    Parameters
    ----------
    bits : (n,) int64, n < 2³²
    order : (n,) uint32, written
        Indices in ascending order of value.
    rank : (n,) uint32, written
        Its inverse.
    keys, others : (n,) int64
        Room to work.
    """
    n = bits.shape[0]
    if n == 0:
        return
    low = bits[0]
    high = bits[0]
    for i in range(n):
        low = min(low, bits[i])
        high = max(high, bits[i])
    # Differences may be beyond 2⁶³ − 1: unsigned, they are right modulo 2⁶⁴.
    span = np.uint64(high) - np.uint64(low)
    index_bits = 1
    while n >> index_bits > 0:
        index_bits += 1
    shift = 0
    while span >> np.uint64(shift) >= np.uint64(1 << _KEY_BITS):
        shift += 1
    mask = (np.int64(1) << index_bits) - 1
    counts = np.zeros((2, _BUCKETS), np.uint32)
    for i in range(n):
        key = np.int64((np.uint64(bits[i]) - np.uint64(low)) >> np.uint64(shift))
        keys[i] = (key << index_bits) | i
        counts[0, key & (_BUCKETS - 1)] += 1
        counts[1, key >> _DIGIT] += 1
    for digit in range(2):
        if span >> np.uint64(shift + digit * _DIGIT) == 0:
            break
        total = 0
        for b in range(_BUCKETS):
            count = counts[digit, b]
            counts[digit, b] = total
            total += count
        down = index_bits + digit * _DIGIT
        for i in range(n):
            key = keys[i]
            b = (key >> down) & (_BUCKETS - 1)
            at = np.int64(counts[digit, b])
            others[at] = key
            counts[digit, b] = at + 1
        keys, others = others, keys
    for i in range(n):
        order[i] = keys[i] & mask
    if shift > 0:
        start = np.int64(0)  # no literal: for one, numba compiles what takes it once more
        unequal = False
        for i in range(1, n + 1):
            if i < n and keys[i] >> index_bits == keys[start] >> index_bits:
                unequal = unequal or bits[order[i]] < bits[order[i - 1]]
                continue
            if unequal:
                _shell_sort(bits, order, start, i)
                unequal = False
            start = i
    for i in range(n):
        rank[order[i]] = i


@njit(**OPTIONS)
def _shell_sort(keys, order, start, stop):
    """Sort order[start:stop] by ``keys[order]``, then by itself; gaps of Ciura (2001), continued by 9/4."""
    gap = 1
    while gap < (stop - start) // 3:
        gap = (9 * gap) // 4 + 1
    while gap > 0:
        for i in range(start + gap, stop):
            item = order[i]
            j = i
            while j >= start + gap:
                other = order[j - gap]
                if keys[other] < keys[item] or (keys[other] == keys[item] and other < item):
                    break
                order[j] = other
                j -= gap
            order[j] = item
        gap = 0 if gap == 1 else max((4 * gap) // 9, 1)
