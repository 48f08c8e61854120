"""What pydantic finds wrong is told in plain words, the same everywhere."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

import tdaflow
from tdaflow.errors import first_invalid


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int | tuple[int, int] = 1


class Outer(BaseModel):
    inner: Inner = Inner()
    low: float = 0.0
    high: float = 1.0

    @model_validator(mode="after")
    def _check(self) -> "Outer":
        if self.low > self.high:
            raise ValueError("Low must not exceed high")
        return self


@pytest.mark.parametrize(
    ("given", "key", "what", "is_unknown"),
    [
        ({"low": "x"}, "low", "input should be a valid number, unable to parse string as a number", False),
        (
            {"inner": {"size": "x"}},
            "inner.size",
            "input should be a valid integer, unable",
            False,
        ),
        ({"inner": {"sise": 3}}, "inner.sise", "extra inputs are not permitted", True),
        ({"low": 2}, "", "Low must not exceed high", False),
    ],
)
def test_the_first_thing_that_is_wrong_has_a_key_and_a_sentence(given, key, what, is_unknown):
    with pytest.raises(ValidationError) as raised:
        Outer.model_validate(given)
    found = first_invalid(raised.value)
    assert (found.key, found.is_unknown_key) == (key, is_unknown)
    assert found.what.startswith(what)


def test_all_types_of_a_value_are_told():
    with pytest.raises(ValidationError) as raised:
        Outer.model_validate({"inner": {"size": "x"}})
    found = first_invalid(raised.value)
    assert found.what.endswith(" or a valid tuple")
    assert found.given == "x"


def test_nobody_else_takes_such_an_error_apart():
    package = Path(tdaflow.__file__).parent
    by_hand = re.compile(r"Value error, |\.errors\(\)")
    found = [p.name for p in package.rglob("*.py") if by_hand.search(p.read_text(encoding="utf-8"))]
    assert found == ["errors.py"]
