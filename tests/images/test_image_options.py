"""Options as one checked record, and the published presets."""

import pickle

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.images import PRESETS, ImageOptions, persistence_image, sigma_from_epsilon

PAIRS = np.array([[0.2, 0.9], [0.5, 0.6]])


def test_options_are_canonical_hashable_and_picklable():
    options = ImageOptions(resolution=20, weight="power(2)")
    assert options.resolution == (20, 20)
    assert options.weight == ("power", 2.0)
    assert options == ImageOptions(resolution=(20, 20), weight=("power", 2))
    assert hash(options) == hash(pickle.loads(pickle.dumps(options)))


def test_the_report_preset_is_definition_1_over_its_maximum():
    sigma = sigma_from_epsilon(0.95, (0, 1), (0, 1), 100)
    expected = persistence_image(
        PAIRS, birth_range=(0, 1), death_range=(0, 1), sigma=sigma, resolution=100, normalise="max"
    )
    assert np.array_equal(PRESETS["report"].image(PAIRS, (0, 1), (0, 1)), expected)
    assert expected.max() == 1


def test_the_adams_preset_is_linear_integral_birth_persistence():
    expected = persistence_image(
        PAIRS,
        birth_range=(0, 1),
        death_range=(0, 1),
        sigma=0.1,
        resolution=100,
        weight="linear",
        plane="birth-persistence",
        sampling="integral",
    )
    assert np.array_equal(PRESETS["adams"].image(PAIRS, (0, 1), (0, 1), sigma=0.1), expected)


@pytest.mark.parametrize(
    "option",
    [
        {"resolution": 0},
        {"epsilon": 1.0},
        {"weight": "square"},
        {"plane": "death"},
        {"sampling": "mean"},
        {"outside": "wrap"},
        {"normalise": "mean"},
    ],
)
def test_bad_options_are_refused_when_made(option):
    with pytest.raises(InputError, match=next(iter(option))):
        ImageOptions(**option)
