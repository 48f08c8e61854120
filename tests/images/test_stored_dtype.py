"""stored_dtype: the type in which images are stored is known before the first is made."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.images import ImageOptions, image_of, stored_dtype

RNG = np.random.default_rng(0)
BIRTHS = RNG.uniform(0, 1, 40)
PAIRS = np.column_stack([BIRTHS, BIRTHS + RNG.uniform(0, 1, 40)])


def decided(unit, **options):
    chosen = ImageOptions(**options)
    sigma = chosen.sigma((0, unit), (0, unit))
    return stored_dtype(chosen, "alpha H1", (0.0, unit), sigma)


def test_images_of_usual_grey_levels_are_float32():
    for unit in (1e-3, 1.0, 255.0, 4096.0, 65535.0):
        assert decided(unit) == "float32"


def test_a_wish_for_float64_is_kept():
    assert decided(1.0, dtype="float64") == "float64"


@pytest.mark.parametrize("unit", [1e-21, 1e25])
def test_densities_that_float32_does_not_hold_are_float64(unit):
    assert decided(unit, sampling="centre") == "float64"
    assert decided(unit, weight="power(2)") == "float64"
    assert decided(unit) == "float32"


@pytest.mark.parametrize("unit", [1e-21, 1e25])
def test_images_divided_by_their_maximum_or_integrated_stay_float32(unit):
    assert decided(unit, normalise="max", sampling="centre") == "float32"
    # The images are made before what to divide them by is known.
    assert decided(unit, normalise="dataset-max", sampling="centre") == "float64"
    assert decided(unit, sampling="integral") == "float32"


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_what_float64_does_not_hold_is_refused_with_a_remedy(unit):
    with pytest.raises(InputError, match=r"the images of alpha H1 would have pixels .* which no float64 holds; "):
        decided(unit)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(-120, 120),
    st.sampled_from(["constant", "gaussian", "linear", "arctan", ("power", 2.0)]),
    st.sampled_from(["birth-death", "birth-persistence"]),
    st.sampled_from(["centre", "integral"]),
)
def test_what_is_said_to_hold_the_images_does(exponent, weight, plane, sampling):
    unit = 10.0**exponent
    options = ImageOptions(weight=weight, plane=plane, sampling=sampling)
    top = 2 * unit if plane == "birth-death" else unit
    sigma = options.sigma((0, unit), (0, top))
    try:
        dtype = stored_dtype(options, "alpha H1", (0.0, top), sigma)
    except InputError:
        return
    with np.errstate(over="raise"):
        image = image_of(options, PAIRS * unit, (0, unit), (0, top), sigma=sigma).astype(dtype)
    assert np.isfinite(image).all()
    assert (image > 0).sum() > image.size / 2
