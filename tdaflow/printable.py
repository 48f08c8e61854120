"""Text that others wrote, shown so that it does nothing to a terminal: file names, ids, labels, tags."""

import os
import re


def counted(n: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun, and what else changes with it: ``1 slice``, ``2 slices``, ``1 row has``.

    Parameters
    ----------
    n : int
    one : str
        What follows 1.
    many : str, optional
        What follows other numbers; `one` with an s by default.
    """
    return f"{n} {one if n == 1 else many or one + 's'}"


def printable(name: str) -> str:
    """Return a file name for ids and messages: bytes that are no UTF-8, and control characters, as escapes.

    Examples
    --------
    >>> printable("caf\\udce9\\n1")
    'caf\\\\xe9\\\\n1'
    """
    if name.isprintable():
        return name
    escaped = (c if c.isprintable() else repr(os.fsencode(c))[2:-1] if _is_byte(c) else ascii(c)[1:-1] for c in name)
    return "".join(escaped)


def _is_byte(character: str) -> bool:
    return "\udc80" <= character <= "\udcff"


def printable_lines(text: str) -> str:
    """Return `printable` text whose line ends and no-break spaces stay."""
    return re.sub(r"[^\n\xa0]+", lambda found: printable(found[0]), text)
