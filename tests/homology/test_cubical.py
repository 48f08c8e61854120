"""The cubical filtration: exact small cases, conventions, CubicalRipser, topology of phantoms."""

import cripser
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import label

from tdaflow.errors import InputError
from tdaflow.homology import Cubical, persistence_diagram
from tdaflow.homology.cubical import block_means
from tdaflow.homology.cubical_kernel import ALGORITHM_VERSION


def cubical(volume, dimensions=None, *, min_persistence=0, essential=None, **options):
    return persistence_diagram(
        volume,
        filtration=Cubical(**options),
        homology_dimensions=range(np.ndim(volume)) if dimensions is None else dimensions,
        min_persistence=min_persistence,
        essential=essential,
    )


class TestExactValues:
    def test_a_signal(self):
        np.testing.assert_array_equal(cubical([0, 5, 1, 7, 3])[0], [[0, 7], [1, 5], [3, 7]])

    def test_the_essential_bar_ends_at_the_largest_value_unless_dropped(self):
        signal = [0, 5, 1]
        np.testing.assert_array_equal(cubical(signal)[0], [[0, 5], [1, 5]])
        np.testing.assert_array_equal(cubical(signal, essential="drop")[0], [[1, 5]])
        np.testing.assert_array_equal(cubical(signal, essential=9.0)[0], [[0, 9], [1, 5]])
        assert cubical(signal).essential[0].tolist() == [0.0]

    def test_superlevel_bars_are_those_of_minus_f(self):
        signal = [0, 5, 1, 7, 3]
        diagram = cubical(signal, direction="superlevel")
        np.testing.assert_array_equal(diagram[0], [[-7, 0], [-5, -1]])
        assert diagram.filtration_range == (-7.0, 0.0)
        assert not np.signbit(diagram[0][0, 1])
        assert diagram == cubical(-np.array(signal))
        assert diagram.metadata["filtration"] == "cubical-superlevel"

    def test_a_ring_in_an_image(self):
        image = np.full((5, 5), 9)
        image[1:4, 1:4] = 1
        image[2, 2] = 6
        np.testing.assert_array_equal(cubical(image)[1], [[1, 6]])

    def test_voxels_are_vertices_so_a_diagonal_does_not_connect(self):
        image = [[0, 8], [8, 0]]
        np.testing.assert_array_equal(cubical(image)[0], [[0, 8], [0, 8]])
        np.testing.assert_array_equal(cubical(image, construction="top")[0], [[0, 8]])

    def test_a_cavity(self):
        volume = np.full((5, 5, 5), 2)
        volume[2, 2, 2] = 7
        np.testing.assert_array_equal(cubical(volume)[2], [[2, 7]])

    def test_integers_do_not_wrap(self):
        volume = np.array([0, 255, 0, 200], dtype=np.uint8)
        np.testing.assert_array_equal(cubical(volume, direction="superlevel")[0], [[-255, 0], [-200, 0]])
        np.testing.assert_array_equal(cubical(np.array([True, False, True]))[0], [[0, 1]])

    def test_a_constant_volume_has_no_bars(self):
        diagram = persistence_diagram(np.full((4, 4, 4), 3), filtration="cubical")
        assert [len(diagram[k]) for k in (0, 1, 2)] == [0, 0, 0]
        assert diagram.essential[0].tolist() == [3.0]

    def test_by_name_voxels_are_vertices_and_sublevel(self):
        volume = np.random.default_rng(0).random((4, 4, 4))
        assert persistence_diagram(volume, filtration="cubical", min_persistence=0) == cubical(volume)
        assert persistence_diagram(volume, filtration="cubical").metadata["construction"] == "vertices"

    @pytest.mark.parametrize("shape", [(1,), (1, 5), (5, 1, 4), (1, 1, 1), (3, 1, 1)])
    @pytest.mark.parametrize("construction", ["vertices", "top"])
    def test_axes_of_length_one_change_nothing(self, shape, construction):
        volume = np.random.default_rng(1).random(shape)
        slim = np.atleast_1d(np.squeeze(volume))
        full, squeezed = (cubical(v, construction=construction) for v in (volume, slim))
        for k in range(volume.ndim):
            np.testing.assert_array_equal(full[k], squeezed[k] if k in squeezed else np.zeros((0, 2)))


class TestDownsample:
    def test_blocks_are_averaged_and_the_last_one_over_what_it_holds(self):
        np.testing.assert_array_equal(block_means(np.array([1.0, 3, 5, 7, 100]), 2), [2, 6, 100])
        image = np.arange(12.0).reshape(3, 4)
        np.testing.assert_array_equal(block_means(image, 2), [[2.5, 4.5], [8.5, 10.5]])
        np.testing.assert_array_equal(block_means(image, 9), [[5.5]])

    def test_equals_homology_of_the_block_means(self):
        volume = np.random.default_rng(2).integers(0, 256, (9, 8, 7), dtype=np.uint8)
        small = cubical(volume, downsample=2)
        assert small == cubical(block_means(volume.astype(float), 2))
        assert small.metadata["shape"] == (5, 4, 4)

    @settings(max_examples=30, deadline=None)
    @given(
        arrays(np.int64, array_shapes(min_dims=1, max_dims=3, max_side=7), elements=st.integers(0, 255)),
        st.integers(1, 4),
    )
    def test_means_are_means(self, volume, size):
        means = block_means(volume.astype(float), size)
        for index in np.ndindex(*means.shape):
            block = volume[tuple(slice(i * size, (i + 1) * size) for i in index)]
            assert means[index] == pytest.approx(block.mean(), abs=1e-12)


def cubical_ripser(values, construction="V"):
    """Bars of CubicalRipser by dimension: its essential deaths are DBL_MAX; columns from 3 on are locations."""
    compute = {"V": cripser.computePH, "T": cripser.computePH_T}[construction]
    rows = compute(np.ascontiguousarray(values, dtype=np.float64), maxdim=2)[:, :3]
    rows[rows[:, 2] >= np.finfo(np.float64).max / 2, 2] = values.max()
    rows = rows[rows[:, 2] > rows[:, 1]]
    return {k: (b := rows[rows[:, 0] == k, 1:])[np.lexsort(b.T[::-1])] for k in range(3)}


def assert_like_cubical_ripser(volume, **options):
    for direction, sign in (("sublevel", 1), ("superlevel", -1)):
        expected = cubical_ripser(sign * np.asarray(volume, dtype=np.float64), **options)
        construction = {"V": "vertices", "T": "top"}[options.get("construction", "V")]
        diagram = cubical(volume, direction=direction, construction=construction)
        for k in diagram.dimensions:
            np.testing.assert_array_equal(diagram[k], expected[k])


class TestCubicalRipser:
    @settings(max_examples=30, deadline=None)
    @given(arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=6), elements=st.integers(0, 4)))
    def test_small_integer_volumes_with_many_ties(self, volume):
        assert_like_cubical_ripser(volume)

    @pytest.mark.parametrize("shape", [(30,), (12, 17), (9, 10, 11)])
    @pytest.mark.parametrize("construction", ["V", "T"])
    def test_real_valued_arrays(self, shape, construction):
        assert_like_cubical_ripser(np.random.default_rng(3).normal(size=shape), construction=construction)

    @pytest.mark.realdata
    @pytest.mark.parametrize("name", ["adrenalmnist3d", "organmnist3d"])
    def test_real_volumes(self, data_dir, name):
        with np.load(data_dir / "medmnist" / f"{name}.npz") as archive:
            volumes = archive["val_images"][:6]
        for volume in volumes:
            assert_like_cubical_ripser(volume)


class TestEngines:
    @pytest.mark.parametrize("direction", ["sublevel", "superlevel"])
    @pytest.mark.parametrize("construction", ["vertices", "top"])
    @pytest.mark.parametrize("shape", [(30,), (12, 17), (9, 10, 11)])
    def test_gudhi_computes_the_same_diagram_and_each_is_named(self, shape, direction, construction):
        volume = np.random.default_rng(6).integers(0, 9, shape)
        diagrams = {
            engine: cubical(volume, direction=direction, construction=construction, engine=engine)
            for engine in ("kernel", "gudhi")
        }
        assert diagrams["kernel"] == diagrams["gudhi"]
        assert {name: d.metadata["engine"] for name, d in diagrams.items()} == {"kernel": "kernel", "gudhi": "gudhi"}
        assert diagrams["kernel"].metadata["kernel"] == {"algorithm_version": ALGORITHM_VERSION}


class TestInvariances:
    volume = np.random.default_rng(4).integers(0, 50, (6, 7, 8))

    @pytest.mark.parametrize(
        "moved", [volume[::-1], volume[:, :, ::-1], volume.transpose(2, 0, 1), np.asfortranarray(volume)]
    )
    def test_reflections_and_axis_permutations(self, moved):
        assert cubical(moved) == cubical(self.volume)

    def test_adding_a_constant_shifts(self):
        for k in range(3):
            np.testing.assert_array_equal(cubical(self.volume + 100)[k], cubical(self.volume)[k] + 100)

    def test_input_is_not_modified(self):
        volume = self.volume.astype(np.float64)
        cubical(volume, direction="superlevel", downsample=2)
        np.testing.assert_array_equal(volume, self.volume)

    def test_infinite_homology_is_that_of_a_box(self):
        essential = cubical(self.volume).essential
        assert [len(essential[k]) for k in range(3)] == [1, 0, 0]

    def test_bars_alive_at_a_value_count_the_components_below_it(self):
        bars = cubical(self.volume, essential=1e9)[0]
        for value in range(0, 50, 7):
            alive = np.sum((bars[:, 0] <= value) & (bars[:, 1] > value))
            assert alive == label(self.volume <= value)[1]


class TestPhantoms:
    """Bars longer than half the contrast are the Betti numbers of the bright shape."""

    z, y, x = np.mgrid[-14:14, -14:14, -14:14] + 0.5

    def prominent(self, inside):
        noise = np.random.default_rng(5).integers(0, 40, inside.shape)
        diagram = cubical(np.where(inside, 200, 0) + noise, direction="superlevel")
        return [int(np.sum(np.ptp(diagram[k], axis=1) > 100)) for k in range(3)]

    def test_ball(self):
        assert self.prominent(self.z**2 + self.y**2 + self.x**2 < 100) == [1, 0, 0]

    def test_shell_has_one_cavity(self):
        r2 = self.z**2 + self.y**2 + self.x**2
        assert self.prominent((r2 < 121) & (r2 > 36)) == [1, 0, 1]

    def test_torus_has_one_loop(self):
        ring = np.hypot(self.y, self.x) - 8
        assert self.prominent(ring**2 + self.z**2 < 9) == [1, 1, 0]

    def test_two_linked_rings(self):
        one = (np.hypot(self.y, self.x + 4) - 7) ** 2 + self.z**2
        other = (np.hypot(self.z, self.x - 4) - 7) ** 2 + self.y**2
        assert self.prominent((one < 4) | (other < 4)) == [2, 2, 0]


@pytest.mark.parametrize(
    ("volume", "dimensions", "message"),
    [
        (np.float64(1), (0,), "1 to 3 dimensions"),
        (np.zeros((2, 2, 2, 2)), (0,), "1 to 3 dimensions"),
        (np.zeros((0, 3)), (0,), "hold no values"),
        ([0, np.nan], (0,), "1 NaN or infinite"),
        ([0, -np.inf], (0,), "1 NaN or infinite"),
        (np.zeros((2, 2)), (0, 1, 2), "homology dimension 2 does not exist for an array of 2 dimensions"),
        (np.zeros(3, dtype=complex), (0,), "real numbers"),
    ],
)
def test_bad_volumes_are_refused(volume, dimensions, message):
    with pytest.raises(InputError, match=message):
        cubical(volume, dimensions)


@pytest.mark.parametrize(
    "options",
    [
        {"direction": "up"},
        {"construction": "T"},
        {"downsample": 0},
        {"downsample": 1.5},
        {"downsample": True},
        {"engine": "dipha"},
    ],
)
def test_bad_options_are_refused(options):
    with pytest.raises(InputError, match=next(iter(options))):
        Cubical(**options)
