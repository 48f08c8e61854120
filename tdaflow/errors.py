"""The errors a user can meet.

Every message is one sentence that names the thing, the place, the limit and the remedy.
"""

import difflib
from collections.abc import Iterable


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
