"""Problems that a check finds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tdaflow.atomic import PREFIX, is_abandoned, leftovers

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes
    ----------
    severity : {"error", "warning"}
        An error makes results wrong or unreadable; a warning should be looked at.
    kind : str
        Identifier for scripts, such as ``"leakage"``; it does not change between versions.
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
        """Return the attributes by name."""
        return dict(vars(self))


def has_errors(problems: Iterable[Problem]) -> bool:
    """Return True if any of the problems is an error."""
    return any(problem.severity == "error" for problem in problems)


def error(kind: str, where: str, what: str, remedy: str) -> Problem:
    """Return a problem that makes results wrong or unreadable."""
    return Problem("error", kind, where, what, remedy)


def warning(kind: str, where: str, what: str, remedy: str) -> Problem:
    """Return a problem that should be looked at."""
    return Problem("warning", kind, where, what, remedy)


def leftover_files(folder: Path, others: Iterable[Path] = (), *, skip: Path | None = None) -> Iterator[Problem]:
    """Yield a warning for each of `others` and for what has a temporary name in `folder`, except below `skip`."""
    for file in sorted({*others, *leftovers(folder)}):
        if skip is not None and skip in file.parents:
            continue
        if file.name.startswith(PREFIX) and not is_abandoned(file):
            what, remedy = "a process on another machine writes it or was killed", "delete it if none is at work"
        else:
            what, remedy = "a killed process left it behind", "delete it"
        yield warning("leftover", file.relative_to(folder).as_posix(), what, remedy)
