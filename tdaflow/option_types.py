"""Types of options as they are declared, checked where options come from Python and no configuration was read."""

import types
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from tdaflow.errors import InputError

_WORDS = {int: "an integer", float: "a number", str: "a string", bool: "True or False", type(None): "None"}


def check_fields(options: Any) -> None:
    """Raise InputError for a field of a dataclass whose value is not of the declared type.

    Limits of numbers and the choices of a string are left to whoever knows them.

    Parameters
    ----------
    options : dataclass instance
    """
    declared: Any = type(options)
    hints = _hints(declared)
    check_types({field.name: (getattr(options, field.name), hints[field.name]) for field in fields(options)})


def check_arguments(instance: Any) -> None:
    """Raise InputError for an attribute of an object whose value is not of the type that its constructor declares."""
    hints = _hints(type(instance).__init__)
    check_types({name: (getattr(instance, name), hint) for name, hint in hints.items() if name != "return"})


def check_types(values: Mapping[str, tuple[Any, Any]]) -> None:
    """Raise InputError for the first of some (value, type) by name that do not go together."""
    for name, (value, hint) in values.items():
        if not _is_of(value, hint):
            raise InputError(f"{name}={value!r} is of type {type(value).__name__}; it must be {_in_words(hint)}")


@lru_cache(maxsize=256)
def _hints(declared: Hashable) -> dict[str, Any]:
    return get_type_hints(declared)


def _is_of(value: Any, hint: Any) -> bool:
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any or getattr(hint, "_is_protocol", False):
        return True
    if origin in (Union, types.UnionType):
        return any(_is_of(value, part) for part in parts)
    if origin is Literal:
        return any(type(value) is type(part) or (isinstance(value, str) and isinstance(part, str)) for part in parts)
    if origin is Callable:
        return callable(value)
    if origin in (tuple, Sequence):
        # Sequences of another type (lists, arrays of one axis) say the same.
        if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str | bytes) or np.ndim(value) > 1:
            return False
        if origin is tuple and Ellipsis not in parts:
            return len(value) == len(parts) and all(map(_is_of, value, parts))
        return all(_is_of(element, parts[0]) for element in value)
    if hint is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if hint is float:
        return isinstance(value, Real) and not isinstance(value, bool)
    return isinstance(value, hint)


def _in_words(hint: Any) -> str:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        words = list(dict.fromkeys(_in_words(part) for part in parts))
        return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    if origin is Literal:
        return ", ".join(map(repr, parts[:-1])) + (" or " if parts[1:] else "") + repr(parts[-1])
    if origin is Callable:
        return "a function"
    if origin is tuple and Ellipsis not in parts:
        return f"({', '.join(_in_words(part) for part in parts)})"
    if origin in (tuple, Sequence):
        return f"a sequence, each {_in_words(parts[0])}"
    return _WORDS.get(hint) or f"a {getattr(hint, '__name__', hint)}"
