"""Errors and correlations of predicted images, on numbers that can be checked by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from tdaflow.nets.pinet.fidelity import fidelity, relative_errors

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
