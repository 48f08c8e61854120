"""Intraclass correlations: the published example, its interval, and what a correlation of agreement must do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.evaluation.stress.reliability.icc import agreement, image_agreement

# Table 2 of Shrout and Fleiss 1979: six targets, four judges. ICC(2,1) is .29 there; the interval is that of R's psych.
RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


def column(ratings):
    return np.asarray(ratings)[:, :, None]


def simulated(seed, n=12, k=4, p=5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1, p)) + rng.normal(size=(n, k, p)) * rng.uniform(0.1, 2, p)


def test_the_example_of_shrout_and_fleiss():
    value, low, high = agreement(column(RATINGS))
    assert value == pytest.approx(0.29, abs=0.005)
    assert low == pytest.approx(0.019, abs=0.0005)
    assert high == pytest.approx(0.761, abs=0.0005)


def test_numbers_that_always_come_out_alike_have_one_and_constant_ones_none():
    same = np.repeat(np.arange(5.0)[:, None], 3, axis=1)
    for found in (*agreement(column(same)), *image_agreement(column(same))):
        assert found == pytest.approx(1)
    for found in (*agreement(np.full((5, 3, 1), 0.1)), *image_agreement(np.full((5, 3, 1), 0.1))):
        assert np.isnan(found)


@given(st.integers(0, 2**32 - 1))
def test_an_interval_holds_its_estimate_whatever_the_order_and_the_unit(seed):
    values = simulated(seed)
    found = agreement(values)
    assert (found.low <= found.value).all()
    assert (found.value <= found.high).all()
    for other in (values[::-1], values[:, ::-1], 1000 * values + 7):
        np.testing.assert_allclose(agreement(other), found, rtol=1e-7, atol=1e-7)


def test_what_a_retest_changes_alike_is_disagreement():
    values = simulated(0)
    moved = values.copy()
    moved[:, 0] += 3
    assert (agreement(moved).value < agreement(values).value).all()
    assert image_agreement(moved).value < image_agreement(values).value


def test_the_interval_covers():
    rng = np.random.default_rng(0)
    n, k, p = 30, 5, 400
    truth = 1 / (1 + 0.1 + 0.2)
    values = rng.normal(size=(n, 1, p)) + 0.1**0.5 * rng.normal(size=(1, k, p)) + 0.2**0.5 * rng.normal(size=(n, k, p))
    found = agreement(values)
    assert found.value.mean() == pytest.approx(truth, abs=0.02)
    assert ((found.low <= truth) & (truth <= found.high)).mean() == pytest.approx(0.95, abs=0.025)


def test_an_image_of_one_pixel_is_a_number_and_its_pixels_count_by_their_variance():
    values = simulated(1)
    for pixel in range(values.shape[2]):
        one = values[:, :, [pixel]]
        assert image_agreement(one).value == pytest.approx(agreement(one).value[0])
    whole = image_agreement(values)
    assert whole.low <= whole.value <= whole.high
    assert agreement(values).value.min() < whole.value < agreement(values).value.max()
    assert image_agreement(values) == whole
    # A copy of all pixels changes nothing, one of noise that is a thousand times larger decides.
    assert image_agreement(np.concatenate([values, values], axis=2)).value == pytest.approx(whole.value)
    noise = 1000 * np.random.default_rng(2).normal(size=(*values.shape[:2], 1))
    assert image_agreement(np.concatenate([values, noise], axis=2)).value == pytest.approx(
        agreement(noise).value[0], abs=1e-3
    )


@pytest.mark.parametrize(
    "bad", [np.zeros((3, 3)), np.zeros((1, 3, 2)), np.zeros((3, 1, 2)), np.full((3, 3, 1), np.nan)]
)
def test_other_shapes_and_what_is_not_finite_are_refused(bad):
    with pytest.raises(InputError, match="values"):
        agreement(bad)
