"""Reasons why a series cannot be used."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """Why a series cannot be used.

    Parameters
    ----------
    kind : str
        A few words, the same for every series with this problem, for counting.
    clause : str
        The rest of a sentence that begins with "the series": what, which file number, which limit, what to do. It
        quotes no text of the files.
    """

    kind: str
    clause: str


def counted(n: int, what: str) -> str:
    """A number and its noun: ``1 slice``, ``2 slices``."""
    return f"{n} {what}{'' if n == 1 else 's'}"
