"""What is wrong with a configuration, in one sentence that names keys as they are typed."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from tdaflow.errors import ConfigError, UnknownOption, first_invalid, nearest

_FIRST = re.compile(r"^([a-z][a-z0-9_]*)(?= is | are | must |=)")

_NO_OPTIONS = ("there", "this", "it")


def sentence(error: Exception, section: str = "", options: Iterable[str] = ()) -> str:
    """Say the first thing that is wrong; a value that may be of several types is told all of them.

    Parameters
    ----------
    error : Exception
        A ValidationError of pydantic, or what a room raised about an option of its own.
    section : str
        Dotted key of the table that was checked.
    options : iterable of str
        Names of the options of that table, which the message may name without the table.
    """
    if isinstance(error, UnknownOption):
        return _unknown(error, section)
    if not isinstance(error, ValidationError):
        return as_typed(str(error), section, options)
    wrong = first_invalid(error)
    where = ".".join(part for part in (section, wrong.key) if part)
    if isinstance(wrong.cause, UnknownOption):
        return _unknown(wrong.cause, where)
    if isinstance(wrong.cause, ConfigError):
        return str(wrong.cause)
    told = as_typed(wrong.what, where, options)
    if told != wrong.what or not where:
        return told
    given = "" if isinstance(wrong.given, dict) else f" (got {wrong.given!r})"
    return f"configuration {where}: {told}{given}"


def as_typed(message: str, section: str, options: Iterable[str] = ()) -> str:
    """Put the section before the names of its options: ``sigma=0 must be …`` becomes ``filtrations.log.sigma=0 …``."""
    if not section:
        return message
    options = tuple(options)
    first = _FIRST.match(message)
    if first and first[1] == section.rpartition(".")[2]:
        message = section + message[first.end() :]
    elif first and (first[1] in options if options else first[1] not in _NO_OPTIONS):
        message = f"{section}.{message}"
    for name in options:
        # English words that are options as well stay what they are, unless quoted or given a value.
        plain = rf"\b{name}\b" if "_" in name else rf"\b{name}(?==)|(?<=')\b{name}(?=')"
        message = re.sub(rf"(?<![.\w-])(?:{plain})(?!\w)", f"{section}.{name}", message)
    return message


@contextmanager
def typed(section: str, options: Iterable[str] = ()) -> Iterator[None]:
    """Let what is wrong with the options of a table be told by their keys as they are typed; see `sentence`."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(sentence(error, section, options)) from None


def _unknown(error: UnknownOption, section: str) -> str:
    prefix = f"{section}." if section else ""
    near = nearest(error.option, error.known)
    hint = (
        f"did you mean {' or '.join(repr(prefix + name) for name in near)}?"
        if near
        else f"known are {', '.join(error.known)}"
    )
    return f"unknown configuration key {prefix + error.option!r}; {hint} (`tdaflow config` lists every key)"
