"""Warnings that belong to the volume at work, rather than to whichever process happens to print them.

``warnings.catch_warnings`` would not do: it exchanges the filters of the whole process, so threads that work on
different volumes would get each other's warnings. Here one hook serves all threads, and each has a list of its own.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

_collected: ContextVar[dict[str, int] | None] = ContextVar("warnings of the volume at work", default=None)
_lock = threading.Lock()
_n_blocks = 0
_show_before: Any = None
_added = False
# The last of all filters: what no other one names is told for every volume, not once a process. Filters that a user, or
# a test, has set come first.
_FILTER: Any = ("always", None, Warning, None, 0)


@contextmanager
def collected_warnings() -> Iterator[dict[str, int]]:
    """Yield a mapping that fills with the warnings which this thread raises in the block.

    Yields
    ------
    dict
        "Category: message" → how often. Where in the code it was raised is left out, for such paths differ from
        machine to machine.
    """
    found: dict[str, int] = {}
    token = _collected.set(found)
    _enter()
    try:
        yield found
    finally:
        _leave()
        _collected.reset(token)


def as_lines(found: dict[str, int]) -> tuple[str, ...]:
    """One line a warning, with how often it came if that was more than once."""
    return tuple(text if n == 1 else f"{text} ({n} times)" for text, n in found.items())


def _enter() -> None:
    global _n_blocks, _show_before, _added
    with _lock:
        if _n_blocks == 0:
            _show_before = warnings.showwarning
            warnings.showwarning = _show
        # By every block, since an application or a test may have put other filters in place meanwhile.
        if _FILTER not in warnings.filters:
            warnings.simplefilter("always", append=True)
            _added = True
        _n_blocks += 1


def _leave() -> None:
    global _n_blocks, _added
    with _lock:
        _n_blocks -= 1
        if _n_blocks == 0:
            if warnings.showwarning is _show:
                warnings.showwarning = _show_before
            if _added and _FILTER in warnings.filters:
                warnings.filters.remove(_FILTER)  # type: ignore[attr-defined]
            _added = False


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    found = _collected.get()
    if found is None:
        _show_before(message, category, filename, lineno, file, line)
        return
    text = f"{category.__name__}: {' '.join(str(message).split())}"
    found[text] = found.get(text, 0) + 1
