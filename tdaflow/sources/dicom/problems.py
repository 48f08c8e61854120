"""Reasons why a series cannot be used."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """Reason why a series cannot be used.

    Parameters
    ----------
    kind : str
        Short name, the same for every series with this problem, for counts.
    clause : str
        Rest of a sentence that begins with "the series": problem, file number, limit, remedy; without text from the
        files.
    """

    kind: str
    clause: str


def counted(n: int, what: str) -> str:
    """Format a number and its noun: ``1 slice``, ``2 slices``."""
    return f"{n} {what}{'' if n == 1 else 's'}"
