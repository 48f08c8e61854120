"""Curves and statistics on bars that can be worked out by hand, and GUDHI's classes beside them."""

import math

import gudhi.representations as gr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tdaflow.diagrams import NO_BARS, Bars
from tdaflow.errors import InputError
from tdaflow.vectorisations import VECTORISATIONS, Betti, EntropyCurve, Landscape, Silhouette, Statistics
from tdaflow.vectorisations.curves import sample_values

NOTHING = NO_BARS
BOUNDS = (0.0, 4.0)  # four samples lie at 0.5, 1.5, 2.5 and 3.5
TWO = Bars.of([[0.0, 4.0], [1.0, 3.0]])


def test_a_curve_is_sampled_at_the_centres_of_equal_parts():
    assert sample_values(BOUNDS, 4).tolist() == [0.5, 1.5, 2.5, 3.5]
    assert [term.value for term in Betti(4).terms(BOUNDS)] == [0.5, 1.5, 2.5, 3.5]


def test_betti_counts_the_bars_that_live():
    assert Betti(4).vector(TWO, BOUNDS).tolist() == [1, 2, 2, 1]


def test_a_bar_lives_at_its_birth_and_is_dead_at_its_death():
    assert Betti(4).vector(Bars.of([[1.5, 2.5]]), BOUNDS).tolist() == [0, 1, 0, 0]


def test_landscapes_are_the_largest_tents_in_order():
    largest, second, third = Landscape(4, n_landscapes=3).vector(TWO, BOUNDS).reshape(3, 4).tolist()
    assert largest == [0.5, 1.5, 1.5, 0.5]
    assert second == [0, 0.5, 0.5, 0]
    assert third == [0, 0, 0, 0]
    assert [term.name for term in Landscape(1, n_landscapes=2).terms(BOUNDS)] == ["1", "2"]


def test_the_silhouette_weighs_tents_by_a_power_of_length():
    assert Silhouette(4, power=1).vector(TWO, BOUNDS) == pytest.approx([1 / 3, 7 / 6, 7 / 6, 1 / 3])
    assert Silhouette(4, power=0).vector(TWO, BOUNDS) == pytest.approx([0.25, 1, 1, 0.25])


def test_entropy_sums_the_shares_of_the_bars_that_live():
    long, short = (-p * math.log(p) for p in (2 / 3, 1 / 3))
    assert EntropyCurve(4).vector(TWO, BOUNDS) == pytest.approx([long, long + short, long + short, long])


def test_statistics_describe_births_deaths_midpoints_and_lengths():
    values = Statistics().vector(TWO, BOUNDS)
    told = dict(zip((term.name for term in Statistics().terms(BOUNDS)), values, strict=True))
    assert told["count"] == 2
    assert told["entropy"] == pytest.approx(-2 / 3 * math.log(2 / 3) - 1 / 3 * math.log(1 / 3))
    assert told["mean of birth"] == 0.5
    assert told["standard deviation of birth"] == 0.5
    assert told["percentile 25 of persistence"] == 2.5
    assert told["interquartile range of persistence"] == 1
    assert told["range of death"] == 1
    assert told["range of midpoint"] == 0
    assert len(told) == len(values) == 38


@pytest.mark.parametrize("made", [Betti(4), Landscape(4), Silhouette(4), EntropyCurve(4), Statistics()])
def test_no_bars_give_zeros_of_the_same_number(made):
    vector = made.vector(NOTHING, BOUNDS)
    assert vector.shape == (len(made.terms(BOUNDS)),)
    assert (vector == 0).all()


@pytest.mark.parametrize("made", [Betti(4), Landscape(4), Silhouette(4), EntropyCurve(4), Statistics()])
def test_a_range_of_no_width_and_bars_of_no_length_give_numbers(made):
    assert np.isfinite(made.vector(Bars.of([[2.0, 2.0]]), (2.0, 2.0))).all()


@pytest.mark.parametrize(
    ("kind", "options", "match"),
    [
        ("betti", {"resolution": 0}, "resolution=0"),
        ("landscape", {"n_landscapes": 0}, "n_landscapes=0"),
        ("silhouette", {"power": -1}, "power=-1"),
        ("atol", {"n_centres": 0}, "n_centres=0"),
        ("atol", {"seed": -1}, "seed=-1"),
    ],
)
def test_options_outside_their_limits_are_refused(kind, options, match):
    with pytest.raises(InputError, match=match):
        VECTORISATIONS[kind](**options)


def bars():
    """1–30 bars between −8 and 8 of positive length, on quarters so that ties and coincidences occur."""
    corner = st.tuples(st.integers(1, 30)).flatmap(lambda n: arrays(np.int64, (n[0], 2), elements=st.integers(-32, 31)))
    return corner.map(lambda a: np.stack([a.min(axis=1), a.max(axis=1) + 1], axis=1) / 4)


@settings(max_examples=60, deadline=None)
@given(bars())
def test_curves_are_gudhis(pairs):
    mine, bounds, n = Bars.of(pairs), (-8.0, 8.25), 12
    values = sample_values(bounds, n)
    grid = {"resolution": n, "sample_range": [values[0], values[-1]]}
    root = math.sqrt(2)
    np.testing.assert_array_equal(Betti(n).vector(mine, bounds), gr.BettiCurve(predefined_grid=values)(pairs))
    landscape = gr.Landscape(num_landscapes=4, **grid)(pairs)
    np.testing.assert_allclose(root * Landscape(n, n_landscapes=4).vector(mine, bounds), landscape, atol=1e-12)
    silhouette = gr.Silhouette(weight=lambda bar: (bar[1] - bar[0]) ** 2, **grid)(pairs)
    np.testing.assert_allclose(root * Silhouette(n, power=2).vector(mine, bounds), silhouette, atol=1e-12)
    scalar = gr.Entropy()(pairs)
    assert Statistics().vector(mine, bounds)[1] == pytest.approx(scalar.item(), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(bars())
def test_the_entropy_curve_is_gudhis_where_no_bar_ends_on_a_sample(pairs):
    bounds, n = (-8.0, 8.0), 12
    values = sample_values(bounds, n)
    apart = pairs + 1e-3  # GUDHI's indices of ends on samples depend on rounding
    curve = gr.Entropy(mode="vector", normalized=False, resolution=n, sample_range=[values[0], values[-1]])(apart)
    np.testing.assert_allclose(EntropyCurve(n).vector(Bars.of(apart), bounds), curve, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(bars())
def test_statistics_of_repeated_bars_are_numpys_of_all_of_them(pairs):
    repeated = np.repeat(pairs, 1 + np.arange(len(pairs)) % 3, axis=0)
    birth, death = repeated.T
    found = Statistics().vector(Bars.of(repeated), BOUNDS)
    assert found[0] == len(repeated)
    for values, described in zip(
        (birth, death, (birth + death) / 2, death - birth), found[2:].reshape(4, 9), strict=True
    ):
        expected = [values.mean(), values.std(), *np.percentile(values, [10, 25, 50, 75, 90])]
        np.testing.assert_allclose(described[:7], expected, rtol=1e-12, atol=1e-12)
        assert described[8] == np.ptp(values)


def test_a_bar_that_occurs_twice_counts_twice():
    twice = Bars(np.array([[1.0, 3.0]]), np.array([2]))
    assert Betti(4).vector(twice, BOUNDS).tolist() == [0, 2, 2, 0]
    assert Landscape(4, n_landscapes=3).vector(twice, BOUNDS).reshape(3, 4).tolist() == [[0, 0.5, 0.5, 0]] * 2 + [
        [0] * 4
    ]
    assert EntropyCurve(4).vector(twice, BOUNDS) == pytest.approx([0, math.log(2), math.log(2), 0])
    assert Statistics().vector(twice, BOUNDS)[:2] == pytest.approx([2, math.log(2)])
