"""Large volumes go through block by block, with the bits of the whole volume, or are refused with the remedy."""

import math

import dask
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.errors import ConfigError, InputError
from tdaflow.extents import intensity_extent
from tdaflow.homology import Alpha, Cubical
from tdaflow.homology.cubical import block_means
from tdaflow.homology.volume_filtrations.distance import Distance
from tdaflow.homology.volume_filtrations.scale_space import Gaussian
from tdaflow.pipeline.large_volumes import (
    blockwise_downsample,
    blockwise_superpixels,
    check_large,
    filtration_input,
    is_large,
    superpixel_values,
)
from tdaflow.superpixels import SuperpixelOptions, sample, superpixel_plan, superpixels


def stored(voxels, chunks):
    """The voxels as a Zarr array in memory."""
    array = zarr.create_array(zarr.storage.MemoryStore(), shape=voxels.shape, chunks=chunks, dtype=voxels.dtype)
    array[...] = voxels
    return array


class Counted:
    """A stored volume that notes what is read of it."""

    def __init__(self, voxels, chunks):
        self._voxels, self.chunks = voxels, chunks
        self.shape, self.dtype, self.ndim = voxels.shape, voxels.dtype, voxels.ndim
        self.read, self.largest = 0, 0

    def __getitem__(self, index):
        block = self._voxels[index]
        self.read, self.largest = self.read + block.size, max(self.largest, block.size)
        return block


def extent_of(voxels):
    """As the volume table holds it."""
    found = intensity_extent(voxels)
    return found.low, found.high


def noise(shape, dtype, seed=0):
    values = np.random.default_rng(seed).normal(size=shape) * 300
    return (
        values > 0
        if dtype == "bool"
        else np.clip(values, *((0, 255) if dtype == "uint8" else (-999, 999))).astype(dtype)
    )


def assert_same_cloud(found, expected):
    assert found.points.shape == expected.points.shape
    assert found.points.tobytes() == expected.points.tobytes()
    for name in ("grid_shape", "step", "sigma", "radius", "intensity_step", "units", "rounding"):
        assert getattr(found, name) == getattr(expected, name)
    np.testing.assert_array_equal(found.indices, expected.indices)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(3, 23)] * 3),
    chunks=st.tuples(*[st.integers(2, 9)] * 3),
    spacing=st.tuples(*[st.sampled_from([0.5, 0.77, 1.0, 3.0])] * 3),
    dtype=st.sampled_from(["bool", "uint8", "int16", "float32", "float64"]),
    intensity=st.sampled_from(["point", "mean"]),
    grid=st.sampled_from(["nearest", "integer-step"]),
    smoothing=st.sampled_from(["step", None, 0.2, 1.5]),
    scale=st.sampled_from(["auto", "volume", 0.3]),
    share=st.sampled_from([0.02, 0.2, 0.9]),
    memory=st.sampled_from([3_000, 20_000, 200_000, 10**8]),
)
def test_the_cloud_has_the_bits_of_the_whole_volume(
    shape, chunks, spacing, dtype, intensity, grid, smoothing, scale, share, memory
):
    """Odd shapes, chunks and blocks that cut through filter windows, halos wider than blocks, any budget."""
    voxels = noise(shape, dtype)
    options = {"grid": grid, "intensity": intensity, "smoothing": smoothing, "space_weight": 0.3}
    options["intensity_scale"] = scale
    n = max(8, int(share * voxels.size))
    expected = superpixels(voxels, n, spacing=spacing, **options)
    memory = max(memory, 2 * math.prod(chunks) * voxels.dtype.itemsize)
    found = blockwise_superpixels(
        stored(voxels, chunks),
        SuperpixelOptions(n, **options),
        spacing=spacing,
        extent=extent_of(voxels),
        memory=memory,
    )
    assert_same_cloud(found, expected)


@pytest.mark.parametrize("memory", [40_000, 10**8])
def test_values_before_rounding_have_the_same_bits_too(memory):
    voxels = noise((31, 17, 26), "float64")
    plan = superpixel_plan(voxels.shape, SuperpixelOptions(200, intensity="mean"))
    values = superpixel_values(stored(voxels, (8, 8, 8)), plan, memory).compute(scheduler="synchronous")
    assert values.tobytes() == sample(voxels, plan.taps).tobytes()


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", dask.get])
def test_the_scheduler_does_not_matter(scheduler):
    voxels = noise((20, 21, 22), "float32")
    options = {"extent": extent_of(voxels), "memory": 60_000, "scheduler": scheduler}
    found = blockwise_superpixels(stored(voxels, (7, 7, 7)), SuperpixelOptions(100), **options)
    assert_same_cloud(found, superpixels(voxels, 100))


def test_wanted_scale_and_step_arrive():
    voxels = noise((12, 12, 12), "float32")
    options = SuperpixelOptions(50, intensity_scale=2.0, intensity_step=0.5)
    found = blockwise_superpixels(stored(voxels, (5, 5, 5)), options, memory=9_000)
    assert_same_cloud(found, superpixels(voxels, 50, intensity_scale=2.0, intensity_step=0.5))


@pytest.mark.parametrize(("dtype", "memory"), [("int16", 200_000), ("float32", 200_000)])
def test_each_voxel_is_read_once_where_columns_fit(dtype, memory):
    """Its extent is known from the table, and no halo is read twice."""
    voxels = noise((40, 32, 48), dtype)
    volume = Counted(voxels, (8, 8, 8))
    blockwise_superpixels(volume, SuperpixelOptions(100), extent=extent_of(voxels), memory=memory)
    assert volume.read == math.prod(volume.shape)
    assert volume.largest <= volume.read / 8


def test_the_extent_is_wanted_for_a_learnt_scale_and_for_a_step_that_is_not_given():
    integers, floats = (stored(noise((12, 12, 12), dtype), (5, 5, 5)) for dtype in ("int16", "float32"))
    for volume in (integers, floats):
        blockwise_superpixels(volume, SuperpixelOptions(50, intensity_scale=1.0, intensity_step=0.5))
    for volume, options in (
        (integers, SuperpixelOptions(50)),
        (integers, SuperpixelOptions(50, intensity_scale="volume", intensity_step=0.5)),
        (floats, SuperpixelOptions(50, intensity_scale=1.0)),
    ):
        with pytest.raises(InputError, match=r"give extent=\(low, high\)"):
            blockwise_superpixels(volume, options)


def test_blocks_stay_within_the_budget_when_columns_do_not_fit():
    volume = Counted(noise((400, 16, 16), "int16"), (8, 8, 8))
    memory = 60_000
    blockwise_superpixels(volume, SuperpixelOptions(800, intensity_scale=1.0, intensity_step=1.0), memory=memory)
    assert volume.largest * 2 <= memory / 8


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_bad_voxel_is_found(bad):
    voxels = noise((9, 10, 11), "float32")
    voxels[8, 3, 5] = bad
    with pytest.raises(InputError, match="NaN or infinite voxels"):
        blockwise_superpixels(stored(voxels, (4, 4, 4)), SuperpixelOptions(20), extent=(-999, 999), memory=3_000)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 20)] * 3),
    chunks=st.tuples(*[st.integers(1, 7)] * 3),
    factor=st.integers(1, 9),
    dtype=st.sampled_from(["uint8", "int16", "float32", "float64"]),
    memory=st.sampled_from([20_000, 10**8]),
)
def test_block_means_have_the_bits_of_the_whole_volume(shape, chunks, factor, dtype, memory):
    voxels = noise(shape, dtype)
    found = blockwise_downsample(stored(voxels, chunks), factor, memory)
    expected = block_means(voxels.astype(np.float64), factor)
    assert found.shape == expected.shape
    assert found.compute(scheduler="synchronous").tobytes() == expected.tobytes()


def test_a_cubical_filtration_of_a_reduced_volume_has_its_own_bars():
    voxels = noise((13, 14, 15), "int16")
    filtration = Cubical(direction="superlevel", downsample=3)
    reduced, data, _ = filtration_input(stored(voxels, (4, 4, 4)), filtration, memory=20_000)
    assert data.shape == (5, 5, 5)
    whole, blocks = filtration.diagram(voxels, (0, 1)), reduced.diagram(data, (0, 1))
    for dimension in (0, 1):
        assert blocks[dimension].tobytes() == whole[dimension].tobytes()


@pytest.mark.parametrize("factor", [1, 3])
def test_a_reduced_volume_has_the_lengths_of_the_whole(factor):
    voxels, spacing = noise((13, 14, 15), "int16"), (2.0, 1.0, 0.5)
    filtration = Distance(threshold="otsu", downsample=factor)
    reduced, data, size = filtration_input(stored(voxels, (4, 4, 4)), filtration, spacing=spacing, memory=20_000)
    assert size == tuple(factor * s for s in spacing)
    assert reduced.diagram(data, (0, 1), spacing=size) == filtration.diagram(voxels, (0, 1), spacing=spacing)


def test_what_a_large_volume_can_go_through():
    big = (600, 512, 512)
    filtrations = {"alpha": Alpha(), "dark": Cubical(downsample=5)}
    assert is_large(big)
    assert not is_large((128, 128, 128))
    check_large(big, filtrations, "grid")
    check_large((128, 128, 128), {"alpha": Alpha(), "dark": Cubical()}, "slic")
    check_large(big, {"dark": Cubical(downsample=5)}, "slic")  # no superpixels are made
    check_large((20, 20, 20), {"dark": Cubical()}, max_voxels=8000)


@pytest.mark.parametrize(
    ("filtrations", "method", "reason"),
    [
        ({"alpha": Alpha()}, "slic", 'method = "slic" needs a volume of 600 × 512 × 512 voxels, above max_voxels'),
        ({"dark": Cubical()}, "grid", "filtrations.dark at full resolution needs .* set downsample = 5 or more"),
        ({"dark": Cubical(downsample=4)}, "grid", "filtrations.dark with downsample = 4 needs .* downsample = 5"),
        ({"smooth": Gaussian(sigma=2)}, "grid", "filtrations.smooth at full resolution needs .* downsample = 5"),
    ],
)
def test_what_it_cannot_go_through_is_refused_with_the_remedy(filtrations, method, reason):
    with pytest.raises(ConfigError, match=reason):
        check_large((600, 512, 512), filtrations, method)


def test_the_named_factor_is_the_least():
    shape, limit = (97, 33, 50), 4000
    with pytest.raises(ConfigError) as error:
        check_large(shape, {"x": Cubical()}, max_voxels=limit)
    factor = int(str(error.value).split("downsample = ")[1].split()[0])
    check_large(shape, {"x": Cubical(downsample=factor)}, max_voxels=limit)
    with pytest.raises(ConfigError):
        check_large(shape, {"x": Cubical(downsample=factor - 1)}, max_voxels=limit)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda v: blockwise_superpixels(v, SuperpixelOptions(method="slic")), "need the whole volume"),
        (lambda v: blockwise_superpixels(v, SuperpixelOptions(10)), r"extent .* not known; give extent=\(low, high\)"),
        (lambda v: blockwise_superpixels(v, SuperpixelOptions(10), memory=100), "stored in chunks"),
        (lambda v: blockwise_superpixels(v, SuperpixelOptions(10), spacing=(0, 1, 1)), "spacing"),
        (lambda v: blockwise_superpixels(v, SuperpixelOptions(600), extent=(0, 1)), "only 216 voxels"),
        (lambda v: blockwise_downsample(v, 0), "downsample=0"),
        (
            lambda v: blockwise_superpixels(Counted(np.zeros((4, 4)), (2, 2)), SuperpixelOptions(8)),
            "not a 3D grey image",
        ),
    ],
)
def test_what_is_refused(make, reason):
    with pytest.raises(InputError, match=reason):
        make(stored(noise((6, 6, 6), "int16"), (6, 6, 6)))
