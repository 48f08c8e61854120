"""Declared types of options, checked at run time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.option_types import check_fields, check_types


@pytest.mark.parametrize(
    ("hint", "good", "bad", "words"),
    [
        (int, [0, np.int64(3)], [True, 1.0, "1", None], "an integer"),
        (float, [0, 1.5, np.float32(2), float("nan")], [False, "1.5", None, 1j], "a number"),
        (float | None, [None, 2], ["x"], "a number or None"),
        (Literal["a", "b"], ["a", "c"], [1, ["a"]], "'a' or 'b'"),
        (Literal["a"] | float, ["a", 1.0], [None, []], "'a' or a number"),
        (
            tuple[float, float],
            [(1, 2), [1.0, 2.0], np.ones(2)],
            [(1,), "ab", 1.0, ("a", "b"), np.ones((2, 2))],
            "(a number, a number)",
        ),
        (Sequence[int], [(0, 1), [2], range(3), ()], ["01", 5, [None], [[1]]], "a sequence, each an integer"),
        (Callable[[int], int], [abs], [3], "a function"),
        (Any, [object()], [], ""),
    ],
)
def test_values_go_with_their_type(hint: Any, good: list[Any], bad: list[Any], words: str) -> None:
    for value in good:
        check_types({"option": (value, hint)})
    for value in bad:
        with pytest.raises(InputError) as told:
            check_types({"option": (value, hint)})
        assert str(told.value) == f"option={value!r} is of type {type(value).__name__}; it must be {words}"


def test_fields_of_a_dataclass_are_checked_by_name() -> None:
    @dataclass
    class Options:
        size: int = 3
        name: str = "a"

    check_fields(Options())
    with pytest.raises(InputError, match="name=4 is of type int; it must be a string"):
        check_fields(Options(name=4))  # type: ignore[arg-type]
