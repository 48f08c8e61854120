"""Digests: what an array holds, and what a stage was asked to do."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_BYTES = 16  # 128 bits: no accidental collision among 10⁶ volumes


def content_digest(array: np.ndarray) -> str:
    """Return the hex digest of an array's dtype, shape and values.

    The byte order of the machine does not enter it.
    """
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    digest = hashlib.blake2b(digest_size=_BYTES)
    digest.update(f"{little.dtype.str}{little.shape}".encode())
    digest.update(little.data)
    return digest.hexdigest()


def options_digest(*parts: Mapping[str, Any] | Sequence[Any] | str | int) -> str:
    """Return the hex digest of JSON-able options; key order does not matter."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=_BYTES).hexdigest()
