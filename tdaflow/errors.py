"""The errors a user can meet.

Every message is one sentence that names the thing, the place, the limit and the remedy.
"""

import difflib
import errno
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pydantic import ValidationError

# Names that pydantic gives to the members of a union within a key.
_UNION_MEMBER = re.compile(r"(function|constrained)-|(literal|tuple|dict)\[|(int|float|str)$")


class TdaflowError(Exception):
    """Base of all errors that tdaflow raises on purpose."""


class InputError(TdaflowError, ValueError):
    """Data that cannot be used as given."""


class ConfigError(TdaflowError, ValueError):
    """A configuration that cannot be run; nothing was started."""


class UnknownOption(ConfigError):
    """An option that does not exist.

    Attributes
    ----------
    option : str
        As it was given.
    known : tuple of str
        The options that there are.
    """

    def __init__(self, what: str, option: str, known: Iterable[str]) -> None:
        self.option, self.known = option, tuple(known)
        super().__init__(f"{what} has no option {option!r}; {did_you_mean(option, self.known)}")


class RunError(TdaflowError, RuntimeError):
    """A run that could not finish; what it finished is kept and it can be resumed."""


class PassingFault(RunError):
    """A file that could not be read, for a reason that lies not in it: another try may succeed.

    Attributes
    ----------
    name, reason : str
        The file, as the user knows it, and what the file system said.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"{self.name} cannot be read now ({self.reason})"


# A disk, a network or a server that does not answer, a right that may be given: what says nothing of what a file holds.
# Not every system knows all of them.
_PASSING = frozenset(getattr(errno, name, None) for name in (
    "EACCES", "EAGAIN", "EBUSY", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH", "EINTR",
    "EIO", "EMFILE", "ENETDOWN", "ENETRESET", "ENETUNREACH", "ENFILE", "ENODEV", "ENOLCK", "ENOMEM", "ENOTCONN",
    "ENXIO", "EPERM", "EREMOTEIO", "ESHUTDOWN", "ESTALE", "ETIMEDOUT",
)) - {None}  # fmt: skip


def passing_reason(error: BaseException | None) -> str | None:
    """Return what a file system or network said where it is behind an error, such as ``Input/output error``.

    None where it is not, or where what it said is for good, such as a file that is not there.
    """
    while error is not None:
        if isinstance(error, PassingFault):
            return error.reason
        if isinstance(error, OSError) and error.errno in _PASSING:
            return error.strerror or type(error).__name__
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """End of a sentence on a wrong name: the nearest of the known ones, or all of them where none is near."""
    names = list(known)
    near = nearest(name, names)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"known are {', '.join(names) or 'none'}"


def nearest(name: object, known: Iterable[str]) -> list[str]:
    """Up to three of the known names that are spelt like `name`, the nearest first."""
    return difflib.get_close_matches(str(name), list(known), n=3, cutoff=0.6)


class InvalidValue(NamedTuple):
    """The first thing that pydantic finds wrong.

    Attributes
    ----------
    key : str
        Dotted; empty if the values contradict one another.
    what : str
        What is wrong with it, as the end of a sentence; every allowed type where there are several.
    is_unknown_key : bool
        True if there is no such key.
    given : object
        The value.
    is_missing : bool
        True if a key that must be given is not there.
    cause : Exception or None
        What a check of our own raised.
    """

    key: str
    what: str
    is_unknown_key: bool
    given: object
    is_missing: bool = False
    cause: Exception | None = None


def first_invalid(error: "ValidationError") -> InvalidValue:
    """Return what is wrong in plain words, without what pydantic puts around it."""
    errors = error.errors()
    key, given = _dotted(errors[0]["loc"]), errors[0]["input"]
    messages = dict.fromkeys(_plain(e["msg"]) for e in errors if _dotted(e["loc"]) == key)
    what = " or ".join(messages).replace(" or input should be ", " or ")
    kind, cause = errors[0]["type"], errors[0].get("ctx", {}).get("error")
    return InvalidValue(key, what, kind == "extra_forbidden", given, kind in ("missing", "missing_argument"), cause)


def _plain(message: str) -> str:
    own = message.removeprefix("Value error, ")
    return own if own != message else message[0].lower() + message[1:]


def _dotted(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if not _UNION_MEMBER.match(str(part)))
