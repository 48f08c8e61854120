"""Progress of long fits in plain lines."""

import time
from collections.abc import Callable

# Seconds between two lines.
_LINE_SECONDS = 10.0


class Steps:
    """Report every few seconds how many steps are done.

    Parameters
    ----------
    what : str
        Plural.
    total : int
    say : callable
        Is given the line.
    """

    def __init__(self, what: str, total: int, say: Callable[[str], None]) -> None:
        self._what, self._total, self._say, self._done, self._last = what, total, say, 0, time.monotonic()

    def advanced(self, n: int) -> None:
        """Count `n` more."""
        self._done += n
        if time.monotonic() - self._last >= _LINE_SECONDS:
            self._last = time.monotonic()
            self._say(f"{self._what}: {self._done}/{self._total}")
