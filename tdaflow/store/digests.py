"""Digests of array contents and of options."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

_BYTES = 16  # 128 bits: no accidental collision among 10⁶ volumes


def content_digest(array: np.ndarray) -> str:
    """Return the hex digest of an array's dtype, shape and values, independent of the machine's byte order."""
    whole = np.ascontiguousarray(array)
    return streamed_digest([whole], whole.dtype, whole.shape)


def streamed_digest(slabs: Iterable[np.ndarray], dtype: np.dtype, shape: Sequence[int]) -> str:
    """Return `content_digest` of an array that is given in slabs along its first axis, in order."""
    little = np.dtype(dtype).newbyteorder("<")
    digest = hashlib.blake2b(digest_size=_BYTES)
    digest.update(f"{little.str}{tuple(int(n) for n in shape)}".encode())
    for slab in slabs:
        digest.update(np.ascontiguousarray(slab, dtype=little).data)
    return digest.hexdigest()


def options_digest(*parts: Mapping[str, Any] | Sequence[Any] | str | int) -> str:
    """Return the hex digest of JSON-able options; key order does not matter."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=_BYTES).hexdigest()


def settings_digest(told: Mapping[str, Any]) -> str | None:
    """Return the digest of what images are made with, from the digests of a run or the attributes of its features.

    It stays when volumes are added, and their own digest does not; where none were, the two are one. None if there is
    neither.
    """
    return next((str(told[name]) for name in ("settings", "images", "digest") if name in told), None)
