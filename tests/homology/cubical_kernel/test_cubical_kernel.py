"""Bars of the cubical kernel: by hand, of phantoms, and those of GUDHI to the last bit."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cubical_oracles import as_multiset, assert_same_bars, gudhi_bars
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tdaflow.errors import InputError
from tdaflow.homology import Cubical, cubical, persistence_diagram, threads
from tdaflow.homology.cubical_kernel import UnsupportedVolume, cubical_persistence

CONSTRUCTIONS = ("vertices", "top")


def bars_of(values, construction="vertices", dimensions=None):
    values = np.asarray(values, dtype=np.float64)
    return cubical_persistence(values, range(values.ndim) if dimensions is None else dimensions, construction)


def listed(bars):
    return {k: as_multiset(b).tolist() for k, b in bars.items()}


class TestByHand:
    def test_a_signal_has_a_bar_for_every_valley_but_the_deepest(self):
        assert listed(bars_of([0, 5, 1, 7, 3])) == {0: [[1, 5], [3, 7]]}
        assert listed(bars_of([0, 5, 1, 7, 3], "top")) == {0: [[1, 5], [3, 7]]}

    def test_across_a_corner_cubes_touch_and_vertices_do_not(self):
        image = [[0, 8], [8, 1]]
        assert listed(bars_of(image)) == {0: [[1, 8]], 1: []}
        assert listed(bars_of(image, "top")) == {0: [], 1: []}

    def test_a_diagonal_ring_is_closed_for_cubes_only(self):
        image = [[9, 2, 9], [2, 7, 2], [9, 2, 9]]
        assert listed(bars_of(image, "top")) == {0: [], 1: [[2, 7]]}
        assert listed(bars_of(image)) == {0: [[2, 7], [2, 7], [2, 7]], 1: []}

    def test_a_cavity(self):
        volume = np.full((3, 3, 3), 2)
        volume[1, 1, 1] = 7
        assert listed(bars_of(volume)) == {0: [], 1: [], 2: [[2, 7]]}

    @pytest.mark.parametrize("construction", CONSTRUCTIONS)
    def test_a_hole_through_a_slab_is_a_loop_until_one_side_closes(self, construction):
        volume = np.full((2, 3, 3), 1)
        volume[:, 1, 1] = 5, 4
        assert listed(bars_of(volume, construction)) == {0: [], 1: [[1, 4]], 2: []}

    def test_a_voxel_at_the_border_opens_a_void_for_vertices_as_for_cubes(self):
        volume = np.full((3, 3, 3), 2)
        volume[0, 1, 1] = 7
        for construction in CONSTRUCTIONS:
            assert listed(bars_of(volume, construction)) == {0: [], 1: [], 2: []}

    @pytest.mark.parametrize("shape", [(1,), (7,), (1, 1), (4, 5), (1, 1, 1), (1, 6, 1), (3, 4, 5)])
    @pytest.mark.parametrize("construction", CONSTRUCTIONS)
    def test_a_constant_has_no_bars(self, shape, construction):
        assert listed(bars_of(np.full(shape, -3.5), construction)) == {k: [] for k in range(len(shape))}

    @pytest.mark.parametrize("shape", [(7, 1, 1), (7, 2, 1), (7, 2, 2)], ids=["signal", "image", "volume"])
    @pytest.mark.parametrize("construction", CONSTRUCTIONS)
    def test_zero_has_no_sign(self, shape, construction):
        signal = np.array([-0.0, 1.0, 0.0, 2.0, -0.0, 1.0, -1.0])
        bars = bars_of(np.broadcast_to(signal[:, None, None], shape), construction)
        assert listed(bars) == {0: [[0, 1], [0, 1], [0, 2]], 1: [], 2: []}
        assert not np.signbit(bars[0]).any()


class TestPhantoms:
    """The negated smooth indicator of a shape has one long bar for each of its Betti numbers."""

    z, y, x = np.mgrid[-9:10, -9:10, -9:10].astype(float)

    def long_bars(self, height, construction):
        bars = bars_of(-np.clip(height, -1, 1), construction)
        return [int(np.sum(np.ptp(bars[k], axis=1) > 1)) for k in range(3)]

    @pytest.mark.parametrize("construction", CONSTRUCTIONS)
    @pytest.mark.parametrize(
        ("shape", "expected"),
        [
            ("ball", [0, 0, 0]),
            ("shell", [0, 0, 1]),
            ("torus", [0, 1, 0]),
            ("two balls", [1, 0, 0]),
            ("linked rings", [1, 2, 0]),
        ],
    )
    def test_betti_numbers(self, shape, expected, construction):
        z, y, x = self.z, self.y, self.x
        radius = np.sqrt(z**2 + y**2 + x**2)
        heights = {
            "ball": 6 - radius,
            "shell": 2 - np.abs(radius - 6),
            "torus": 2 - np.hypot(np.hypot(y, x) - 6, z),
            "two balls": 3 - np.minimum(np.hypot(np.hypot(z, y), x - 5), np.hypot(np.hypot(z, y), x + 5)),
            "linked rings": 1.5
            - np.minimum(np.hypot(np.hypot(y, x + 2.5) - 5, z), np.hypot(np.hypot(z, x - 2.5) - 5, y)),
        }
        # The essential component is not among the bars.
        assert self.long_bars(heights[shape], construction) == expected


def volumes(max_dims=3, max_side=6):
    shapes = array_shapes(min_dims=1, max_dims=max_dims, max_side=max_side)
    few_levels = arrays(np.int8, shapes, elements=st.integers(-2, 3)).map(lambda a: a.astype(float))
    many_levels = arrays(np.float64, shapes, elements=st.floats(-1e300, 1e300))
    return few_levels | many_levels


class TestGudhi:
    @settings(max_examples=150, deadline=None)
    @given(volumes(), st.sampled_from(CONSTRUCTIONS))
    def test_any_array(self, values, construction):
        assert_same_bars(bars_of(values, construction), gudhi_bars(values, construction))

    @pytest.mark.parametrize("levels", [2, 3, 5, 20, 256, None])
    @pytest.mark.parametrize("shape", [(500,), (40, 50), (1, 30, 31), (13, 14, 15)])
    @pytest.mark.parametrize("construction", CONSTRUCTIONS)
    def test_noise_with_many_ties_or_none(self, levels, shape, construction):
        rng = np.random.default_rng(0)
        values = rng.normal(size=shape) if levels is None else rng.integers(0, levels, shape).astype(float)
        assert_same_bars(bars_of(values, construction), gudhi_bars(values, construction))

    @pytest.mark.parametrize("construction", CONSTRUCTIONS)
    @pytest.mark.parametrize("sign", [1.0, -1.0])
    @pytest.mark.parametrize("pattern", ["layers", "chessboard", "sponge"])
    def test_patterns_full_of_critical_cells(self, pattern, construction, sign):
        odd = np.indices((9, 10, 11)) % 2
        n_odd = odd.sum(axis=0)
        raised = {"layers": odd[0] == 1, "chessboard": n_odd % 2 == 1, "sponge": n_odd >= 2}[pattern]
        values = sign * (10.0 * raised + np.random.default_rng(4).random(raised.shape))
        assert_same_bars(bars_of(values, construction), gudhi_bars(values, construction))

    def test_values_one_rounding_apart(self):
        rng = np.random.default_rng(1)
        values = 1.0 + rng.integers(0, 5, (9, 9, 9)) * 2.0**-52
        assert_same_bars(bars_of(values), gudhi_bars(values))


class TestDuality:
    @settings(max_examples=60, deadline=None)
    @given(arrays(np.float64, array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=5), elements=st.integers(0, 6)))
    def test_cubes_of_f_are_vertices_of_minus_f_in_a_frame_that_is_there_from_the_start(self, values):
        # Bleile et al. 2022: bars change places, dimension k with 2 - k and birth with minus death.
        framed = bars_of(np.pad(-values, 1, constant_values=-100))
        mirrored = {2 - k: -bars[:, ::-1] for k, bars in framed.items()}
        lowest_component = mirrored[0][:, 1] == 100
        assert lowest_component.sum() == 1
        mirrored[0] = mirrored[0][~lowest_component]
        assert_same_bars(bars_of(values, "top"), mirrored)


class TestInvariances:
    values = np.random.default_rng(2).integers(0, 9, (6, 7, 8)).astype(float)

    @pytest.mark.parametrize(
        "moved",
        [values[::-1], values[:, ::-1], values[:, :, ::-1], values.transpose(2, 0, 1), np.asfortranarray(values)],
        ids=["z", "y", "x", "axes", "memory"],
    )
    @pytest.mark.parametrize("construction", CONSTRUCTIONS)
    def test_reflections_axis_permutations_and_memory_order(self, moved, construction):
        assert_same_bars(bars_of(moved, construction), bars_of(self.values, construction))

    @pytest.mark.parametrize("construction", CONSTRUCTIONS)
    def test_increasing_functions_move_the_ends_of_bars_and_nothing_else(self, construction):
        expected = {k: np.exp(bars) for k, bars in bars_of(self.values, construction).items()}
        assert_same_bars(bars_of(np.exp(self.values), construction), expected)

    @pytest.mark.parametrize("construction", CONSTRUCTIONS)
    @pytest.mark.parametrize("dimensions", [(0,), (1,), (2,), (0, 2), (2, 0), (1, 2)])
    def test_a_dimension_does_not_depend_on_which_others_are_computed(self, dimensions, construction):
        every = bars_of(self.values, construction)
        some = bars_of(self.values, construction, dimensions)
        assert list(some) == list(dimensions)
        assert_same_bars(some, {k: every[k] for k in dimensions})

    def test_the_input_is_left_as_it_is(self):
        values = self.values.copy()
        values.flags.writeable = False
        bars_of(values, "top")
        np.testing.assert_array_equal(values, self.values)

    def test_the_same_bytes_from_several_threads(self):
        expected = [bars.tobytes() for bars in bars_of(self.values).values()]
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda _: bars_of(self.values), range(16)))
        assert all([bars.tobytes() for bars in one.values()] == expected for one in found)


class TestWhatIsLeftOut:
    @pytest.mark.parametrize(("construction", "dimensions"), [("vertices", (0, 2)), ("top", (2, 0)), ("top", (0,))])
    def test_loops_are_not_reduced_where_nobody_asks(self, construction, dimensions, monkeypatch):
        from tdaflow.homology.cubical_kernel.compiled_cache import stage

        monkeypatch.delattr(stage("loops"), "pair_loops")
        bars_of(np.arange(27.0).reshape(3, 3, 3), construction, dimensions)

    def test_a_grid_too_large_to_number_is_refused_before_any_work(self):
        huge = np.lib.stride_tricks.as_strided(np.zeros(1), (2**20, 2**10, 2), (0, 0, 0))
        for construction in CONSTRUCTIONS:
            with pytest.raises(UnsupportedVolume, match="more than 536870911 places"):
                cubical_persistence(huge, (0,), construction)

    def test_then_gudhi_computes_it_and_the_diagram_says_so(self, monkeypatch):
        values = np.random.default_rng(3).random((3, 3, 3))
        monkeypatch.setattr("tdaflow.homology.cubical_kernel.grid.LARGEST_GRID", 100)
        diagram = Cubical().diagram(values, (0, 1, 2))
        assert diagram == Cubical(engine="gudhi").diagram(values, (0, 1, 2))
        assert diagram.metadata["engine"] == "gudhi"
        assert diagram.metadata["fallback"] == "a grid of shape (5, 5, 5) has more than 100 places"


class TestThreads:
    @settings(deadline=None, max_examples=60)
    @given(
        arrays(np.int8, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9), elements=st.integers(-3, 3)),
        st.sampled_from(CONSTRUCTIONS),
        st.integers(2, 5),
    )
    def test_the_bars_and_their_order_do_not_depend_on_them(self, values, construction, threads):
        alone, shared = (
            cubical_persistence(values.astype(float), range(values.ndim), construction, n) for n in (1, threads)
        )
        for k, bars in alone.items():
            np.testing.assert_array_equal(bars, shared[k])

    def test_of_a_large_volume_they_do_not_depend_on_them_either(self, monkeypatch):
        values = np.random.default_rng(0).integers(0, 50, (60, 50, 40)).astype(float)
        monkeypatch.setattr(threads, "_LARGE", 1)
        assert threads.threads_for(8) == 1
        asked = []
        monkeypatch.setattr(cubical, "threads_for", lambda n: asked.append(threads.threads_for(n)) or asked[-1])
        one, two = (persistence_diagram(values, filtration="cubical", threads=n, locations=True) for n in (1, 2))
        assert asked == [1, 2]
        assert one == two
        for k in range(3):
            np.testing.assert_array_equal(one.locations[k], two.locations[k])

    def test_fewer_than_one_are_refused(self):
        with pytest.raises(InputError, match="threads is 0; give at least 1"):
            persistence_diagram(np.zeros((2, 2)), filtration="cubical", threads=0)
