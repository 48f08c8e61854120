"""The errors a user can meet.

Every message is one sentence that names the thing, the place, the limit and the remedy.
"""

import difflib
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
