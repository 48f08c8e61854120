"""Weights of bars."""

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.images import bar_weights

BIRTH = np.array([0.0, 1.0, 1.0])
PERSISTENCE = np.array([0.0, 1.0, 4.0])


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        ("gaussian", np.exp([0, -1 / 8, -16 / 8])),
        ("linear", [0, 1, 4]),
        ("arctan", np.arctan([0, 1, 4])),
        ("constant", [1, 1, 1]),
        ("power(2)", [0, 1, 16]),
        ("power(0.5)", [0, 1, 2]),
        (("power", 2), [0, 1, 16]),
        (["power", 0], [1, 1, 1]),
        (lambda birth, persistence: birth + 10 * persistence, [0, 11, 41]),
        (lambda birth, persistence: 3.0, [3, 3, 3]),
    ],
)
def test_each_weight_by_its_formula(weight, expected):
    assert bar_weights(weight, BIRTH, PERSISTENCE, sigma=2.0) == pytest.approx(np.array(expected, float), rel=1e-15)


def test_the_gaussian_weight_lets_long_bars_count_less():
    weights = bar_weights("gaussian", BIRTH, np.array([0.0, 1.0, 1e200]), sigma=1.0)
    assert weights[0] == 1
    assert weights[2] == 0


@pytest.mark.parametrize("weight", ["quadratic", "power", "power(x)", "power(-1)", ("power", float("nan")), None, 3])
def test_unknown_weights_are_refused(weight):
    with pytest.raises(InputError, match=r"weight is .*; use 'gaussian'"):
        bar_weights(weight, BIRTH, PERSISTENCE, 1.0)


def test_a_function_must_give_one_finite_number_a_bar():
    with pytest.raises(InputError, match="one number a bar"):
        bar_weights(lambda birth, persistence: np.ones(7), BIRTH, PERSISTENCE, 1.0)
    with pytest.raises(InputError, match="not finite"):
        bar_weights(lambda birth, persistence: np.full(3, np.nan), BIRTH, PERSISTENCE, 1.0)
    with pytest.raises(InputError, match="not finite"):
        bar_weights("power(400)", BIRTH, PERSISTENCE * 1e6, 1.0)
