"""Get well-formed values from a parsed data set.

pydicom converts a value when it is accessed; in a damaged file that can raise errors of many kinds that quote the
value. Here such a value counts as missing.
"""

import math
from typing import Any


def text(data: Any, keyword: str) -> str:
    """Return a value as text without padding, several values joined by backslashes; "" if it is missing."""
    try:
        value = data.get(keyword)
        values = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
        return "" if value is None else "\\".join(str(v) for v in values).strip(" \0")
    except Exception:  # a value that its type does not allow
        return ""


def numbers(data: Any, keyword: str, n: int, largest: float = math.inf) -> tuple[float, ...] | None:
    """Return exactly n finite numbers of at most this size, or None."""
    try:
        value = data.get(keyword)
        found = tuple(float(v) for v in ([value] if n == 1 else value))
    except Exception:
        return None
    return found if len(found) == n and all(math.isfinite(v) and abs(v) <= largest for v in found) else None


def number(data: Any, keyword: str) -> int | None:
    """Return one finite number, rounded towards 0, or None."""
    found = numbers(data, keyword, 1)
    return None if found is None else int(found[0])


def padding_range(data: Any) -> tuple[int, int] | None:
    """Return the smallest and largest stored value that mean "no data", or None."""
    value, limit = number(data, "PixelPaddingValue"), number(data, "PixelPaddingRangeLimit")
    if value is None:
        return None
    return (value, value) if limit is None else (min(value, limit), max(value, limit))
