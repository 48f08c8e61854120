"""Errors and correlations of predicted images, on numbers that can be checked by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from tdaflow.nets.pinet.model.image_errors import BANDS, fidelity, missed_bars, relative_errors

CHANNELS = [
    SimpleNamespace(filtration="a", homology_dimension=k, region="whole", vector=True, death=np.arange(2), birth=[0])
    for k in (0, 1)
]


def test_relative_l2_is_the_root_of_a_ratio_of_sums():
    exact = np.array([[3.0, 4.0, 0, 0], [0.0, 5.0, 0, 0]])
    predicted = exact + np.array([[0.0, 3.0, 0, 0], [4.0, 0.0, 0, 1]])
    mean = np.array([1.5, 4.5, 0, 0])
    first, second = fidelity(predicted, exact, mean, CHANNELS)
    assert (first.channel, second.channel) == ("a H0", "a H1")
    assert first.relative_l2 == pytest.approx(np.sqrt((9 + 16) / 50))
    assert first.relative_l2_median == pytest.approx(0.7)
    assert first.relative_l2_of_mean == pytest.approx(np.sqrt(2 * (1.5**2 + 0.5**2) / 50))
    assert second.n_empty == 2
    assert np.isnan(second.relative_l2)
    assert second.to_dict()["relative_l2"] is None


def test_a_perfect_prediction_correlates_and_the_mean_image_knows_nothing_beyond_itself():
    rng = np.random.default_rng(0)
    exact = rng.random((30, 4))
    mean = exact.mean(axis=0)
    perfect = fidelity(exact, exact, mean, CHANNELS)[0]
    assert (perfect.relative_l2, perfect.correlation) == (0, pytest.approx(1))
    assert perfect.correlation_of_deviations == pytest.approx(1)
    nothing = fidelity(np.tile(mean, (30, 1)), exact, mean, CHANNELS)[0]
    assert nothing.relative_l2 == nothing.relative_l2_of_mean
    assert np.isnan(nothing.correlation_of_deviations)


def test_errors_of_empty_images_are_nan():
    found = relative_errors(np.ones((2, 2)), np.array([[0.0, 0.0], [2.0, 0.0]]))
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(np.sqrt(2) / 2)


IMAGE_CHANNEL = SimpleNamespace(
    filtration="a", homology_dimension=1, region="whole", vector=False, birth=np.arange(2.0), death=np.arange(1.0, 4.0)
)


def images(*rows):
    """One image of three rows and two columns."""
    return np.array(rows, dtype=float).reshape(1, 6)


def test_a_missing_long_bar_is_missed_among_the_long_ones_alone():
    exact = images((2, 2), (4, 0), (0, 4))
    predicted = images((2, 2), (4, 0), (0, 1))
    found = missed_bars(predicted, exact, [IMAGE_CHANNEL])
    assert [band.band for band in found] == list(BANDS)
    assert [(band.low, band.high) for band in found] == [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]
    assert [band.missed for band in found] == [0, 0, 0.75]
    assert [band.invented for band in found] == [0, 0, 0]


def test_a_bar_in_the_wrong_place_is_both_missed_and_invented():
    found = missed_bars(images((2, 2), (0, 4), (0, 4)), images((2, 2), (4, 0), (0, 4)), [IMAGE_CHANNEL])
    assert [(band.missed, band.invented) for band in found] == [(0, 0), (1, 1), (0, 0)]


def test_mass_in_one_row_is_one_band_and_no_mass_is_none():
    [only] = missed_bars(images((0, 0), (0, 0), (1, 1)), images((0, 0), (0, 0), (2, 2)), [IMAGE_CHANNEL])
    assert (only.low, only.high, only.missed) == (3.0, 3.0, 0.5)
    assert missed_bars(images((1, 1), (0, 0), (0, 0)), np.zeros((1, 6)), [IMAGE_CHANNEL]) == []
