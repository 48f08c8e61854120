"""Weights of pixels given back to bars: each bar has the share that its own image has."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.images import ImageOptions, bar_scores, image_of


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-3, 12), st.integers(0, 12)), max_size=12),
    st.builds(
        ImageOptions,
        resolution=st.sampled_from([4, (5, 3), (6, 1)]),
        plane=st.sampled_from(["birth-death", "birth-persistence"]),
        weight=st.sampled_from(["constant", "linear", "gaussian", "arctan", "power(2)"]),
        sampling=st.sampled_from(["midpoint", "integral", "centre"]),
        outside=st.sampled_from(["tails", "clip", "drop"]),
    ),
    st.sampled_from([0.4, 3.0]),
    st.sampled_from([(0.0, 9.0), (2.0, 2.0)]),
)
def test_a_score_is_the_sum_of_the_pixels_of_the_bars_own_image(numbers, options, sigma, births):
    bars = np.array([(b, b + length) for b, length in numbers], float).reshape(-1, 2)
    pixels = np.random.default_rng(0).normal(size=options.shape)
    ranges = births, (0.0, 10.0)
    scores = bar_scores(pixels, bars, *ranges, options=options, sigma=sigma)
    own = [(pixels * image_of(options, [bar], *ranges, sigma=sigma)).sum() for bar in bars]
    np.testing.assert_allclose(scores, np.array(own).reshape(-1), rtol=1e-9, atol=1e-12)


def test_many_bars_are_scored_in_pieces():
    rng = np.random.default_rng(0)
    bars = np.sort(rng.random((1001, 2)), axis=1)
    options, pixels = ImageOptions(resolution=8), rng.normal(size=(8, 8))
    scores = bar_scores(pixels, bars, (0, 1), (0, 1), options=options, sigma=0.1)
    total = (pixels * image_of(options, bars, (0, 1), (0, 1), sigma=0.1)).sum()
    np.testing.assert_allclose(scores.sum(), total, rtol=1e-10)
