"""ATOL: centres of bars that lie in heaps, GUDHI's numbers from the same centres, and a sample that no cut changes."""

import itertools

import numpy as np
import pytest
from gudhi.representations.vector_methods import Atol as GudhiAtol
from sklearn.cluster import KMeans

from tdaflow.diagrams import NO_BARS, Bars
from tdaflow.vectorisations import Atol, BarSample, FittedAtol, fit_atol, merge_samples

HEAPS = np.array([[0.0, 1.0], [1.0, 9.0], [5.0, 6.0]])


@pytest.fixture
def bars() -> np.ndarray:
    """Sixty bars around three points."""
    rng = np.random.default_rng(0)
    return np.concatenate([heap + 0.1 * rng.random((20, 2)) for heap in HEAPS])


def test_centres_are_the_heaps_and_inertias_half_the_distance_to_the_nearest(bars):
    fitted = fit_atol(Atol(n_centres=3), bars)
    np.testing.assert_allclose(fitted.centres, HEAPS + 0.05, atol=0.03)
    expected = np.array([np.hypot(5, 5), 5, 5]) / 2
    np.testing.assert_allclose(fitted.inertias, expected, atol=0.03)
    assert [term.name for term in fitted.terms((0, 1))] == ["centre 1", "centre 2", "centre 3"]


def test_the_numbers_are_gudhis_for_the_same_centres(bars):
    fitted = fit_atol(Atol(n_centres=3), bars)
    theirs = GudhiAtol(quantiser=KMeans(n_clusters=3, init=fitted.centres, n_init=1)).fit([bars])
    order = np.lexsort(theirs.centers.T[::-1])
    np.testing.assert_allclose(theirs.centers[order], fitted.centres, rtol=1e-12)
    for some in (bars, bars[:7], bars[:1]):
        np.testing.assert_allclose(fitted.vector(Bars.of(some), (0, 1)), theirs(some)[order], rtol=1e-9)


def test_fewer_distinct_bars_than_centres_leave_zeros():
    fitted = fit_atol(Atol(n_centres=4), np.array([[0.0, 2.0], [0.0, 2.0], [0.0, 4.0]]))
    assert fitted.centres.tolist() == [[0, 2], [0, 4]]
    assert fitted.vector(Bars.of([[0.0, 2.0]]), (0, 1)) == pytest.approx([1, np.exp(-4), 0, 0])
    assert fit_atol(Atol(n_centres=2), np.zeros((0, 2))).vector(Bars.of(HEAPS), (0, 1)).tolist() == [0, 0]
    assert fit_atol(Atol(n_centres=2), HEAPS[:1]).vector(Bars.of(HEAPS[:1]), (0, 1)).tolist() == [1, 0]


def test_no_bars_give_zeros():
    assert FittedAtol(Atol(n_centres=1), HEAPS[:1], np.ones(1)).vector(NO_BARS, (0, 1)).tolist() == [0]


def test_a_fit_has_the_same_bits_twice(bars):
    one, other = (fit_atol(Atol(n_centres=5, seed=3), bars) for _ in range(2))
    assert one.as_dict() == other.as_dict()


def test_a_sample_does_not_depend_on_order_cut_or_repetition():
    rng = np.random.default_rng(1)
    volumes = [rng.random((n, 2)) for n in (0, 3, 50, 1, 20)]
    samples = [
        {("alpha", 1): BarSample.from_pairs(pairs, (row, "alpha", 1), size=10, seed=0)}
        for row, pairs in enumerate(volumes)
    ]
    expected = merge_samples(samples)["alpha", 1]
    assert len(expected.bars) == 10
    for order in itertools.islice(itertools.permutations(samples), 0, 120, 17):
        halves = [merge_samples(order[:2]), merge_samples(order[1:]), merge_samples(order[:2])]
        found = merge_samples(halves)["alpha", 1]
        assert found.bars.tolist() == expected.bars.tolist()
        assert found.priorities.tolist() == expected.priorities.tolist()


def test_every_bar_is_as_likely_to_be_drawn():
    pairs = np.column_stack([np.zeros(40), np.arange(1.0, 41)])
    drawn = [BarSample.from_pairs(pairs, (row, "x", 0), size=10, seed=7).bars[:, 1] for row in range(400)]
    counts = np.bincount(np.concatenate(drawn).astype(int), minlength=41)[1:]
    assert abs(counts - 100).max() < 5 * np.sqrt(100 * 0.75)


def test_another_seed_or_another_volume_draws_another_sample():
    pairs = np.random.default_rng(2).random((100, 2))
    draws = [
        BarSample.from_pairs(pairs, key, size=5, seed=s).bars.tolist() for key, s in (((0,), 0), ((1,), 0), ((0,), 1))
    ]
    assert draws[0] != draws[1]
    assert draws[0] != draws[2]
