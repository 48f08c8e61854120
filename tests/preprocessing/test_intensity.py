"""Steps on grey values: exact small results, no wrapping, blocks equal the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tdaflow.errors import InputError
from tdaflow.preprocessing import Clip, Rescale, Window, ZScore

MM = (1.0, 1.0, 1.0)


def row(*values, dtype="int16"):
    return np.array([[values]], dtype=dtype)


def done(step, volume):
    """Result of a step as a list, its dtype, and that spacing and input stayed."""
    before = volume.copy()
    result, spacing = step.apply(volume, (3.0, 2.0, 1.0))
    assert spacing == (3.0, 2.0, 1.0)
    np.testing.assert_array_equal(volume, before)
    return result.ravel().tolist(), result.dtype.name


@pytest.mark.parametrize(
    ("step", "volume", "expected"),
    [
        (Window(-160, 240), row(-1024, -160, 0, 240, 3000), ([-160, -160, 0, 240, 240], "int16")),
        (Window(-160, 240), row(0, 100, 255, dtype="uint8"), ([0, 100, 240], "uint8")),
        (Window(0.5, 2.5), row(0, 1, 2, 3, 4), ([0, 1, 2, 2, 2], "int16")),
        (Window(0.5, 2.5), row(0, 1, 4, dtype="float32"), ([0.5, 1, 2.5], "float32")),
        (Window(percentiles=(25, 75)), row(0, 1, 2, 3, 4), ([1, 1, 2, 3, 3], "int16")),
        (Window(percentiles=(0, 50), over="nonzero"), row(0, 0, 0, 1, 2, 5), ([1, 1, 1, 1, 2, 2], "int16")),
        (Clip(low=0), row(-5, 0, 5), ([0, 0, 5], "int16")),
        (Clip(high=3), row(-5, 0, 5), ([-5, 0, 3], "int16")),
        (Clip(-1, 1e9), row(-5, 0, 5, dtype="float16"), ([-1, 0, 5], "float16")),
        (Rescale(), row(10, 20, 30), ([0, 127.5, 255], "float32")),
        (Rescale(dtype="uint8"), row(10, 20, 30), ([0, 128, 255], "uint8")),
        (
            Rescale(from_low=0, from_high=100, dtype="uint8"),
            row(-900, 0, 50, 100, 900),
            ([0, 0, 128, 255, 255], "uint8"),
        ),
        (
            Rescale(-1000, 1000, from_low=0, from_high=1, dtype="int16"),
            row(0, 0.25, 7, dtype="float64"),
            ([-1000, -500, 1000], "int16"),
        ),
        (
            ZScore(over="all"),
            row(0, 2, 4, 6, dtype="float64"),
            ([np.float32(v / np.sqrt(5)) for v in (-3, -1, 1, 3)], "float32"),
        ),
        (ZScore(), row(0, 0, 2, 4), ([-3, -3, -1, 1], "float32")),
        (ZScore(mean=1, std=2), row(1, 3, 7), ([0, 1, 3], "float32")),
    ],
)
def test_small_volumes(step, volume, expected):
    assert done(step, volume) == expected


@pytest.mark.parametrize(
    ("step", "volume", "filled"),
    [
        (Window(percentiles=(25, 75)), row(0, 1, 2, 3, 4), Window(1.0, 3.0)),
        (Rescale(dtype="uint8"), row(3, 5), Rescale(from_low=3.0, from_high=5.0, dtype="uint8")),
        (ZScore(), row(0, 2, 4), ZScore(mean=3.0, std=1.0)),
    ],
)
def test_fixed_steps_know_their_bounds(step, volume, filled):
    assert not step.pointwise
    assert step.fixed(lambda: [volume]) == filled
    assert filled.pointwise
    assert done(filled, volume) == done(step, volume)


def _refusal(function):
    try:
        function()
    except InputError as error:
        return str(error)
    return ""


grey = hnp.arrays(
    st.sampled_from([np.dtype(d) for d in ("uint8", "int16", "int32", "float32")]),
    st.tuples(*[st.integers(2, 7)] * 3),
    elements=st.integers(0, 200),
)
steps = st.sampled_from(
    [
        Window(10, 100.5),
        Window(percentiles=(3, 90)),
        Clip(low=20),
        Rescale(dtype="uint8"),
        Rescale(-7, 13, from_low=5, from_high=77, dtype="int16"),
        ZScore(over="all"),
        ZScore(),
    ]
)


@settings(max_examples=80, deadline=None)
@given(grey, steps, st.integers(1, 6), st.integers(0, 2))
def test_blocks_give_the_whole(volume, step, at, axis):
    """The bits of every voxel depend on it and on the fixed bounds alone."""
    blocks = [b for b in np.split(volume, [at], axis=axis) if b.size]
    refused = _refusal(lambda: step.apply(volume, MM))
    assert _refusal(lambda: step.fixed(lambda: blocks)) == refused
    if refused:
        return
    whole, _ = step.apply(volume, MM)
    fixed = step.fixed(lambda: blocks)
    parts = np.concatenate([fixed.apply(b, MM)[0] for b in blocks], axis=axis)
    assert parts.dtype == whole.dtype
    assert parts.tobytes() == whole.tobytes()


@settings(max_examples=50, deadline=None)
@given(grey, st.sampled_from(["uint8", "int16", "float32"]))
def test_rescaling_keeps_the_order_and_the_range(volume, dtype):
    if volume.min() == volume.max():
        return
    result, _ = Rescale(0, 200, dtype=dtype).apply(volume, MM)
    order = np.argsort(volume, axis=None)
    assert np.all(np.diff(result.ravel()[order].astype(np.float64)) >= 0)
    assert (result.min(), result.max()) == (0, 200)


def test_huge_ranges_do_not_overflow():
    volume = np.array([[[-1.7e308, 0, 1.7e308]]])
    assert done(Rescale(), volume)[0] == [0, 127.5, 255]


@pytest.mark.parametrize(
    ("step", "volume", "reason"),
    [
        (Rescale(), row(4, 4), "every voxel is 4"),
        (ZScore(), row(0, 4, 4), "every voxel that is not zero is 4"),
        (ZScore(), row(0, 0), "no voxel that is not zero"),
        (Window(percentiles=(1, 50)), row(0, 0, 0, 0, 9), "are both 0; take wider ones"),
        (Window(-900, -100), row(0, 9, dtype="uint8"), "lie outside the 0 to 255 that uint8"),
        (Clip(low=300), row(0, 9, dtype="uint8"), "check the volume's units"),
    ],
)
def test_volumes_that_a_step_cannot_do(step, volume, reason):
    with pytest.raises(InputError, match=reason):
        step.apply(volume, MM)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Window(), "give both low and high"),
        (lambda: Window(low=1), "give both low and high"),
        (lambda: Window(2, 1), "the first must be the smaller"),
        (lambda: Window(0, float("inf")), "must be finite"),
        (lambda: Window("a", 1), "must be a number"),
        (lambda: Window(True, 2), "must be a number"),
        (lambda: Window(0, 1, percentiles=(1, 99)), "exclude percentiles"),
        (lambda: Window(percentiles=(99, 1)), "the first must be the smaller"),
        (lambda: Window(percentiles=(-1, 99)), "must lie in"),
        (lambda: Window(percentiles=5), "give two"),
        (lambda: Window(0, 1, over="most"), "over is 'most'"),
        (lambda: Clip(), "give low, high or both"),
        (lambda: Clip(5, 5), "the first must be the smaller"),
        (lambda: Rescale(0, 300, dtype="uint8"), "wider than uint8 holds"),
        (lambda: Rescale(dtype="uint16"), "dtype is 'uint16'"),
        (lambda: Rescale(from_low=1), "give both from_low and from_high"),
        (lambda: Rescale(from_low=1, from_high=1), "the first must be the smaller"),
        (lambda: ZScore(mean=1), "give both mean and std"),
        (lambda: ZScore(mean=1, std=0), "must be above 0"),
    ],
)
def test_options_are_checked(make, reason):
    with pytest.raises(InputError, match=reason):
        make()
