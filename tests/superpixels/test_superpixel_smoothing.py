"""Filtered intensities at the feature points, against the filtered volume."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from tdaflow.superpixels import SuperpixelOptions, sample, superpixel_grid, superpixel_plan
from tdaflow.superpixels.smoothing import axis_taps, filter_widths

SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 24), st.integers(2, 24))


def _volume(shape, seed, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(dtype)


def test_the_filter_is_half_a_step_wide_and_cut_at_three_deviations():
    grid = superpixel_grid((28, 28, 28), 600, kind="integer-step")
    assert filter_widths(grid, 0.5) == ((1.5, 1.5, 1.5), (5, 5, 5))


def test_an_axis_of_one_voxel_is_not_filtered():
    grid = superpixel_grid((1, 16, 16), 64)
    assert filter_widths(grid, 0.5) == ((0.0, 1.0, 1.0), (0, 3, 3))


def test_no_filter_reads_the_voxel_itself():
    volume = _volume((5, 6, 7), 0)
    grid = superpixel_grid(volume.shape, 20)
    values = sample(volume, axis_taps(grid, 0.0))
    assert np.array_equal(values, volume[np.ix_(*grid.axis_indices)])


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.integers(0, 2**16), st.sampled_from([0.2, 0.5, 1.0]), st.data())
def test_it_equals_the_full_gaussian_filter_at_the_points(shape, seed, multiple, data):
    volume = _volume(shape, seed)
    grid = superpixel_grid(shape, data.draw(st.integers(1, volume.size)), (1.0, 2.0, 1.0))
    sigma, _ = filter_widths(grid, multiple)
    # scipy refuses nothing here, but filters axes of one voxel too: by a kernel whose sum is 1 up to rounding
    full = gaussian_filter(volume.astype(float), sigma, mode="nearest", truncate=3.0)
    values = sample(volume, axis_taps(grid, multiple))
    assert np.allclose(values, full[np.ix_(*grid.axis_indices)], rtol=1e-12, atol=1e-12 * 255)


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.integers(0, 2**16), st.data(), st.sampled_from(["nearest", "integer-step"]))
def test_the_block_mean_is_the_mean_of_the_filtered_volume_over_the_block(shape, seed, data, kind):
    volume = _volume(shape, seed)
    grid = superpixel_grid(shape, data.draw(st.integers(1, volume.size)), kind=kind)
    full = gaussian_filter(volume.astype(float), filter_widths(grid, 0.5)[0], mode="nearest", truncate=3.0)
    for axis, edges in enumerate(grid.axis_edges):
        # integral of the step function between two edges, from its running sum
        running = np.insert(np.cumsum(full, axis=axis), 0, 0.0, axis=axis)

        def integral(position, running=running, axis=axis, size=shape[axis]):
            low = np.minimum(np.floor(position).astype(int), size - 1)
            shares = (position - low).reshape([-1 if k == axis else 1 for k in range(3)])
            return running.take(low, axis) * (1 - shares) + running.take(low + 1, axis) * shares

        widths = (edges[:, 1] - edges[:, 0]).reshape([-1 if k == axis else 1 for k in range(3)])
        full = (integral(edges[:, 1]) - integral(edges[:, 0])) / widths
    values = sample(volume, axis_taps(grid, 0.5, "mean"))
    assert np.allclose(values, full, rtol=1e-10, atol=1e-8)


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.integers(0, 2**16), st.data(), st.sampled_from(["point", "mean"]))
def test_a_block_with_its_halo_gives_the_bits_of_the_whole_volume(shape, seed, data, intensity):
    volume = np.random.default_rng(seed).normal(size=shape)
    n = data.draw(st.integers(8, max(8, volume.size)))
    if volume.size < 8:
        return
    plan = superpixel_plan(shape, SuperpixelOptions(min(n, volume.size), intensity=intensity))
    whole = sample(volume, plan.taps)
    cuts = [data.draw(st.integers(0, c)) for c in plan.grid.counts]
    for corner in np.ndindex(2, 2, 2):
        runs = tuple(slice(0, c) if side == 0 else slice(c, None) for c, side in zip(cuts, corner, strict=True))
        if 0 in whole[runs].shape:
            continue
        taps = tuple(t.select(r) for t, r in zip(plan.taps, runs, strict=True))
        origin = tuple(t.span[0] for t in taps)
        block = volume[tuple(slice(*t.span) for t in taps)]
        assert sample(block, taps, origin).tobytes() == whole[runs].tobytes()


def test_a_block_without_its_halo_is_refused():
    plan = superpixel_plan((16, 16, 16), SuperpixelOptions(64))
    taps = tuple(t.select(slice(2, None)) for t in plan.taps)
    with pytest.raises(IndexError, match="pass the block with its halo"):
        sample(np.zeros((8, 8, 8)), taps, (8, 8, 8))


def test_memory_order_and_strides_change_no_bit():
    volume = np.random.default_rng(0).normal(size=(12, 15, 17))
    taps = axis_taps(superpixel_grid(volume.shape, 100), 0.5)
    expected = sample(volume, taps).tobytes()
    assert sample(np.asfortranarray(volume), taps).tobytes() == expected
    assert sample(np.repeat(volume, 2, axis=2)[:, :, ::2], taps).tobytes() == expected
