"""Scales come from quantiles: one voxel, whatever it holds, moves none of them by more than 1 %."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm

from tdaflow.errors import InputError
from tdaflow.extents import intensity_extent, robust_bounds
from tdaflow.preprocessing import Preprocessing, Rescale, RobustZScore, order_statistics, percentiles
from tdaflow.preprocessing.robust import bounds, extent, quartiles

MM = (1.0, 1.0, 1.0)
FLT_MAX = float(np.finfo(np.float32).max)


def row(*values, dtype="int16"):
    return np.array([[values]], dtype=dtype)


def cut(volume, parts, order):
    blocks = [volume]
    for axis, sections in enumerate(parts):
        blocks = [b for block in blocks for b in np.array_split(block, sections, axis=axis) if b.size]
    shuffled = [blocks[i] for i in np.random.default_rng(order).permutation(len(blocks))]
    return lambda: iter(shuffled)


def refusal(function):
    try:
        function()
    except InputError as error:
        return str(error)
    return ""


def tissue(share, dtype, seed=0, side=100, centre=100.0, spread=30.0):
    """Normal grey values, evenly spaced in probability, in a share of the voxels; the rest is zero."""
    n = max(1, round(share * side**3))
    volume = np.zeros(side**3, dtype=dtype)
    values = np.maximum(norm.ppf((np.arange(n) + 0.5) / n) * spread + centre, 1)
    at = np.random.default_rng(seed).choice(side**3, n, replace=False)
    volume[at] = values if np.dtype(dtype).kind == "f" else np.rint(values)
    return volume.reshape(side, side, side)


few = hnp.arrays(
    st.sampled_from([np.dtype(d) for d in ("bool", "uint8", "int16", "int32", "float16", "float32", "float64")]),
    hnp.array_shapes(min_dims=3, max_dims=3, max_side=7),
    elements=st.sampled_from([0, 0, 0, 1]),
    fill=st.just(0),
)
many = hnp.arrays(
    st.sampled_from([np.dtype(d) for d in ("int8", "int16", "float32", "float64")]),
    hnp.array_shapes(min_dims=3, max_dims=3, max_side=7),
    elements=st.integers(-9, 99),
)
parts = st.tuples(*[st.integers(1, 3)] * 3)


@settings(max_examples=150, deadline=None)
@given(few | many, parts, st.integers(0, 5), st.sampled_from([0, 1 << 20]))
def test_blocks_have_the_extent_of_the_array(volume, sections, order, few_enough):
    """Whether the volume is small enough to be sorted or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_statistics, "_SORTED", few_enough)
        _same_extent(volume, sections, order)


def _same_extent(volume, sections, order):
    blocks = cut(volume, sections, order)
    found = intensity_extent(volume)
    assert extent(blocks) == (found.low, found.high)
    assert bounds(blocks) == robust_bounds(volume)
    assert bounds(blocks, (0.2, 0.7)) == robust_bounds(volume, (0.2, 0.7))
    if volume.any():
        assert bounds(blocks, over="nonzero") == robust_bounds(volume[volume != 0])
        assert quartiles(blocks, "nonzero") == quartiles(lambda: [volume], "nonzero")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1), st.sampled_from(["float32", "float64", "int16", "uint8"]), parts)
def test_larger_volumes_too(seed, share, dtype, sections):
    rng = np.random.default_rng(seed)
    volume = (rng.gamma(2, 20, (9, 14, 11)) * (rng.random((9, 14, 11)) < share)).astype(dtype)
    volume[rng.random(volume.shape) < rng.random()] = rng.integers(0, 90)
    found = intensity_extent(volume)
    assert extent(cut(volume, sections, seed)) == (found.low, found.high)


def test_both_zeros_are_one_background():
    volume = row(*[0.0, -0.0] * 20, 5, 6, dtype="float32")
    assert extent(lambda: [volume]) == (0.0, 6.0)


def test_a_volume_of_nine_voxels():
    volume = row(*range(1, 10), dtype="float64")
    assert quartiles(lambda: [volume]) == (3, 5, 7)
    scale = 4 * 0.741301109252801
    result, _ = RobustZScore().apply(volume, MM)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result.ravel(), ((np.arange(1, 10) - 5) / scale).astype(np.float32))
    assert RobustZScore().fixed(lambda: [volume]) == RobustZScore(centre=5.0, scale=scale)
    fixed = RobustZScore(centre=1, scale=2)
    assert fixed.pointwise
    assert fixed.apply(row(0, 1, 9), MM)[0].ravel().tolist() == [-0.5, 0, 4]


def test_normal_noise_gets_the_spread_1_by_either_range():
    volume = tissue(1, "float64", side=40)
    assert RobustZScore().apply(volume, MM)[0].std() == pytest.approx(1, abs=0.01)
    low, high = norm.ppf([0.01, 0.99])
    flat = np.zeros(1000)
    flat[:100], flat[-100:] = low, high
    assert RobustZScore("all").fixed(lambda: [flat[None, None]]).scale == pytest.approx(1, rel=1e-12)


def test_a_mask_has_a_spread_over_all_voxels():
    mask = np.zeros((10, 10, 10), bool)
    mask[:3] = True
    fixed = RobustZScore("all").fixed(lambda: [mask])
    # three tenths reach the smoothed upper quartile
    assert fixed.centre == 0
    assert np.unique(fixed.apply(mask, MM)[0]).size == 2
    mask[:, :, :] = False
    mask[0, :2] = True
    assert RobustZScore("all").fixed(lambda: [mask]).scale == pytest.approx(0.2149291624)


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from([0.001, 0.01, 0.1, 0.3, 0.5, 0.75, 0.9, 0.99]) | st.floats(0.001, 0.99),
    st.sampled_from(["float32", "int16", "uint8"]),
    st.integers(0, 10**6),
    st.sampled_from(["hottest", "coldest", 1e6, -1e6, 0.0, 101.0]),
)
def test_one_voxel_changes_no_scale(share, dtype, seed, held):
    """The law, for a foreground of any size; the voxel may be of the tissue or of the background."""
    kind = np.dtype(dtype)
    limits = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    value = {"hottest": limits.max, "coldest": limits.min}.get(held, held)
    volume = tissue(share, dtype, seed)
    stray = volume.copy()
    stray[tuple(np.random.default_rng(seed).integers(0, 100, 3))] = min(max(value, limits.min), limits.max)
    one, other = (RobustZScore().fixed(lambda v=v: [v]) for v in (volume, stray))
    assert other.scale == pytest.approx(one.scale, rel=0.01)
    assert other.centre == pytest.approx(one.centre, abs=0.01 * one.scale)
    one, other = (Rescale().fixed(lambda v=v: [v]) for v in (volume, stray))
    width = one.from_high - one.from_low
    assert other.from_high - other.from_low == pytest.approx(width, rel=0.01)
    assert other.from_low == pytest.approx(one.from_low, abs=0.01 * width)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(8, 12), st.booleans())
def test_whole_numbers_do_not_jump_by_a_level(seed, levels, hot):
    """Quartiles at the edge between two levels: a plain percentile moves by one, 1/40 of the scale."""
    per_level = 200
    volume = np.repeat(np.arange(1, 8 * levels + 1), per_level).astype(np.uint8)
    volume[0] = 1 if hot else 255
    stray = volume.copy()
    stray[np.random.default_rng(seed).integers(0, stray.size)] = 255 if hot else 1
    one, other = (RobustZScore().fixed(lambda v=v: [v.reshape(1, 8, -1)]) for v in (volume, stray))
    assert other.scale == pytest.approx(one.scale, rel=0.01)
    assert abs(other.centre - one.centre) <= 0.01 * one.scale


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(-60, 60), st.floats(-1e4, 1e4), st.sampled_from(["float32", "float64"]))
def test_the_unit_and_the_zero_of_the_volume_do_not_matter(seed, power, shift, dtype):
    volume = np.random.default_rng(seed).normal(50, 20, (6, 7, 8)).astype(dtype)
    for step in (RobustZScore("all"), Rescale(dtype="float32")):
        first = step.apply(volume, MM)[0]
        unit = step.apply(volume * np.array(2.0**power, dtype), MM)[0]
        assert unit.tobytes() == first.tobytes()
        moved = step.apply(volume.astype(np.float64) + shift, MM)[0]
        np.testing.assert_allclose(moved, first, atol=1e-8 * max(1, 255))


@settings(max_examples=60, deadline=None)
@given(
    few | many,
    parts,
    st.sampled_from(
        [RobustZScore(), RobustZScore("all"), Rescale(), Rescale(percentiles=(0, 100)), Rescale(percentiles=(5, 80))]
    ),
)
def test_blocks_in_any_cut_give_the_bits_of_the_whole(volume, sections, step):
    made = Preprocessing([step])
    refused = refusal(lambda: made.apply(volume, MM))
    assert refusal(lambda: made.fixed(cut(volume, sections, 1))) == refused
    if refused:
        return
    whole, _, facts = made.apply(volume, MM)
    fixed, same = made.fixed(cut(volume, sections, 1))
    assert same == facts
    for axis, number in enumerate(sections):
        pieces = [b for b in np.array_split(volume, number, axis=axis) if b.size]
        again = np.concatenate([fixed.apply(piece, MM)[0] for piece in pieces], axis=axis)
        assert (again.dtype, again.tobytes()) == (whole.dtype, whole.tobytes())


def test_values_are_not_limited():
    volume = tissue(0.5, "float32", side=20)
    volume[0, 0, :2] = FLT_MAX, -FLT_MAX
    result, _, _ = Preprocessing(preset="mr").apply(volume, MM)
    assert np.isfinite(result).all()
    fixed = RobustZScore().fixed(lambda: [volume])
    np.testing.assert_allclose(result[0, 0, :2], np.array([FLT_MAX, -FLT_MAX]) / fixed.scale, rtol=1e-6)


@pytest.mark.parametrize(
    ("volume", "held"),
    [
        (tissue(0.5, "float64", side=20), 1e308),
        (tissue(0.5, "float64", side=20), -1e308),
        (tissue(0.5, "float32", side=20, centre=1.0, spread=0.01), FLT_MAX),
    ],
)
def test_what_float32_cannot_hold_is_refused_before_a_block_is_written(volume, held):
    volume[-1, 3, 3] = held
    made = Preprocessing(preset="mr")
    for act in (lambda: made.apply(volume, MM), lambda: made.fixed(lambda: [volume[:10], volume[10:]])):
        with pytest.raises(InputError, match=r"further from the centre .* than float32 holds.*clip step"):
            act()
    with pytest.raises(InputError, match="than float32 holds"):
        RobustZScore(centre=0, scale=1e-3).apply(row(held, dtype="float64"), MM)


@pytest.mark.parametrize(
    ("step", "volume", "reason"),
    [
        (RobustZScore(), row(0, 4, 4), "98 % or more of the voxels that are not zero are 4.*over = 'all'"),
        (RobustZScore("all"), row(4, 4), "98 % or more of the voxels are 4, which has no spread; leave"),
        (RobustZScore(), row(0, 0), "no voxel that is not zero"),
        (Rescale(percentiles=(1, 50)), row(0, 0, 0, 0, 9), "are both 0; take wider ones"),
        (Rescale(percentiles=(0, 100)), row(3, 3), "every voxel is 3"),
        (RobustZScore(), np.ma.masked_array(np.ones((1, 1, 2))), "masked array"),
    ],
)
def test_volumes_that_a_step_cannot_do(step, volume, reason):
    with pytest.raises(InputError, match=reason):
        step.apply(volume, MM)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: RobustZScore("most"), "over is 'most'"),
        (lambda: RobustZScore(centre=1), "give both centre and scale"),
        (lambda: RobustZScore(centre=1, scale=-1), "must be above 0"),
        (lambda: RobustZScore(centre=float("nan"), scale=1), "must be finite"),
        (lambda: Rescale(from_low=0, from_high=1, percentiles=(1, 99)), "exclude percentiles"),
        (lambda: Rescale(percentiles=(99, 1)), "the first must be the smaller"),
        (lambda: Rescale(percentiles=(0, 101)), "must lie in"),
        (lambda: Rescale(percentiles=7), "give two"),
    ],
)
def test_options_are_checked(make, reason):
    with pytest.raises(InputError, match=reason):
        make()


def test_rescale_limits_what_lies_outside_and_can_be_asked_for_the_extremes():
    volume = np.arange(1000, dtype=np.int16).reshape(10, 10, 10)
    volume[5, 5, 5] = 30000
    step = Rescale(0, 1)
    assert step.fixed(lambda: [volume]) == Rescale(0, 1, 10.0, 990.0)
    assert (step.apply(volume, MM)[0] == 1).sum() == 11
    extremes = Rescale(0, 1, percentiles=[0, 100])
    assert extremes.fixed(lambda: [volume]) == Rescale(0, 1, 0.0, 30000.0)
    assert Preprocessing(Preprocessing([extremes]).tables()).steps == (extremes,)


def test_a_small_organ_keeps_its_range():
    """Both percentiles of all voxels are the background."""
    volume = tissue(0.004, "int16", side=50)
    assert percentiles(lambda: [volume], (1, 99)) == (0, 0)
    result, _ = Rescale().apply(volume, MM)
    assert np.unique(result[volume > 0]).size > 80


@pytest.fixture(scope="module")
def cohort(data_dir):
    from tdaflow.sources import Nifti

    return [volume.voxels for volume in Nifti(data_dir / "hippocampus" / "images").volumes()]


def iqr(voxels):
    low, high = np.percentile(voxels, [25, 75])
    return high - low


@pytest.mark.realdata
def test_the_mr_preset_gives_real_volumes_one_scale(cohort):
    made = Preprocessing(preset="mr")
    before = [iqr(v[v != 0]) for v in cohort]
    after = [iqr(made.apply(v, MM)[0][v != 0]) for v in cohort]
    middle = [np.median(made.apply(v, MM)[0][v != 0]) for v in cohort]
    assert max(before) / min(before) > 1000
    assert max(after) / min(after) < 1.1
    assert np.median(after) == pytest.approx(1.349, rel=0.02)
    assert np.abs(middle).max() < 0.05


@pytest.mark.realdata
@pytest.mark.parametrize("held", [1e6, -1e6, FLT_MAX, -FLT_MAX])
def test_one_voxel_changes_no_real_volume(cohort, held):
    rng = np.random.default_rng(0)
    for voxels in cohort:
        limits = np.iinfo(voxels.dtype) if voxels.dtype.kind in "iu" else np.finfo(voxels.dtype)
        stray = voxels.copy()
        stray[tuple(rng.integers(0, voxels.shape))] = min(max(held, limits.min), limits.max)
        one, other = (RobustZScore().fixed(lambda v=v: [v]) for v in (voxels, stray))
        assert other.scale == pytest.approx(one.scale, rel=0.01)
        assert abs(other.centre - one.centre) < 0.01 * one.scale
