"""One finding of a check."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes
    ----------
    severity : {"error", "warning"}
        An error makes results wrong or unreadable; a warning is for somebody to look at.
    kind : str
        A fixed word for scripts, such as ``"leakage"``.
    where : str
        The volume or file, relative to what was checked.
    what, remedy : str
        What is wrong, and what to do; together one sentence.
    """

    severity: Severity
    kind: str
    where: str
    what: str
    remedy: str

    def as_dict(self) -> dict[str, str]:
        """Plain text by attribute."""
        return dict(vars(self))


def has_errors(problems: Iterable[Problem]) -> bool:
    """Whether one of them is more than a warning."""
    return any(problem.severity == "error" for problem in problems)


def error(kind: str, where: str, what: str, remedy: str) -> Problem:
    """A problem that makes results wrong or unreadable."""
    return Problem("error", kind, where, what, remedy)


def warning(kind: str, where: str, what: str, remedy: str) -> Problem:
    """A problem that somebody should look at."""
    return Problem("warning", kind, where, what, remedy)
