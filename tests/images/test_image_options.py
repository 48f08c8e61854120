"""Options as one checked record, whose defaults are those of every function."""

import inspect
import pickle
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.images import ImageOptions, image_of, outside_count, persistence_image, sigma_from_epsilon

PAIRS = np.array([[0.2, 0.9], [0.5, 0.6]])
ZHU = ImageOptions(
    resolution=100, weight="gaussian", plane="birth-death", normalise="max", quantiles=(0, 1), constant_birth="image"
)
ADAMS = ImageOptions(resolution=50, weight="linear", plane="birth-persistence", sampling="integral")


def test_the_defaults():
    options = ImageOptions()
    assert (options.resolution, options.epsilon, options.weight) == (32, 0.95, "constant")
    assert (options.plane, options.sampling, options.outside) == ("birth-persistence", "midpoint", "tails")
    assert (options.normalise, options.quantiles) == (None, (0.02, 0.98))
    assert (options.constant_birth, options.dtype) == ("vector", "float32")


@pytest.mark.parametrize("function", [persistence_image, outside_count])
def test_the_functions_have_the_same_defaults(function):
    declared = {field.name: field.default for field in fields(ImageOptions)}
    for name, parameter in inspect.signature(function).parameters.items():
        # Those that concern one diagram are no options of a run.
        if parameter.default is not parameter.empty and name not in ("counts", "dimension"):
            assert parameter.default == declared[name], name


def test_options_are_frozen_hashable_and_picklable():
    options = ImageOptions(resolution=(20, 10), weight=("power", 2), quantiles=[0.1, 1])
    assert options.shape == (20, 10)
    assert options.quantiles == (0.1, 1.0)
    assert hash(options) == hash(pickle.loads(pickle.dumps(options)))
    with pytest.raises(FrozenInstanceError):
        options.epsilon = 0.5


def test_a_resolution_of_one_number_is_rows_and_columns():
    assert ImageOptions(resolution=20).shape == (20, 20)
    assert ImageOptions().with_shape(20, 1) == ImageOptions(resolution=(20, 1))


def test_the_published_image_is_definition_1_over_its_maximum():
    sigma = sigma_from_epsilon(0.95, (0, 1), (0, 1), 100)
    expected = persistence_image(
        PAIRS, birth_range=(0, 1), death_range=(0, 1), sigma=sigma, resolution=100, weight="gaussian",
        plane="birth-death", normalise="max",
    )  # fmt: skip
    assert np.array_equal(image_of(ZHU, PAIRS, (0, 1), (0, 1)), expected)
    assert expected.max() == 1
    assert ZHU.sigma((0, 1), (0, 1)) == sigma


def test_the_image_of_adams_is_linear_integral_birth_persistence():
    expected = persistence_image(
        PAIRS,
        birth_range=(0, 1),
        death_range=(0, 1),
        sigma=0.1,
        resolution=50,
        weight="linear",
        plane="birth-persistence",
        sampling="integral",
    )
    assert np.array_equal(image_of(ADAMS, PAIRS, (0, 1), (0, 1), sigma=0.1), expected)


def test_a_maximum_of_the_cohort_divides_where_it_is_asked_for():
    plain = image_of(ImageOptions(), PAIRS, (0, 1), (0, 1))
    divided = image_of(ImageOptions(normalise="dataset-max"), PAIRS, (0, 1), (0, 1), normalise=4.0)
    assert np.array_equal(divided, plain / 4)
    assert np.array_equal(image_of(ImageOptions(normalise="dataset-max"), PAIRS, (0, 1), (0, 1)), plain)


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
        {"normalise": 3.0},
        {"quantiles": None},
        {"quantiles": (0.9, 0.1)},
        {"quantiles": (0, 1.5)},
        {"quantiles": (0, 0.5, 1)},
        {"constant_birth": "column"},
        {"dtype": "float16"},
    ],
)
def test_bad_options_are_refused_when_made(option):
    with pytest.raises(InputError, match=next(iter(option))):
        ImageOptions(**option)
