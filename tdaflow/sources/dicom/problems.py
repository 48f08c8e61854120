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
