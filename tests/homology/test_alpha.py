"""The alpha filtration: exact small cases, degenerate clouds, oracles, invariances, engines."""

import sys
import types

import numpy as np
import pytest
from homology_oracles import assert_same_bars, cech_complex, grid_cloud, gudhi_alpha, in_r4, reduced_bars
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.cluster.hierarchy import linkage

from tdaflow.errors import InputError
from tdaflow.homology import Alpha, persistence_diagram

ALL = (0, 1, 2, 3)


def alpha(points, dimensions=ALL, **options):
    return persistence_diagram(points, homology_dimensions=dimensions, **options)


class TestExactValues:
    def test_two_points_meet_at_half_their_distance(self):
        diagram = alpha([[0, 0, 0, 0], [0, 0, 3, 4]])
        np.testing.assert_array_equal(diagram[0], [[0, 2.5]])
        assert [len(diagram[k]) for k in ALL] == [1, 0, 0, 0]

    def test_values_are_radii_not_squares(self):
        square = in_r4([[0, 0], [0, 2], [2, 0], [2, 2]])
        np.testing.assert_allclose(alpha(square)[1], [[1, np.sqrt(2)]])

    def test_the_essential_component_is_dropped_and_remembered(self):
        diagram = alpha([[0, 0, 0, 0], [2, 0, 0, 0]])
        assert len(diagram[0]) == 1
        assert diagram.essential[0].tolist() == [0.0]
        assert diagram.metadata["essential"] == "drop"
        np.testing.assert_array_equal(alpha([[0, 0], [2, 0]], (0,), essential=5.0)[0], [[0, 1], [0, 5]])

    def test_cap_is_half_the_diagonal_of_the_bounding_box(self):
        diagram = alpha([[0, 0], [3, 4]], (0,), essential="cap")
        assert diagram.filtration_range == (0.0, 2.5)
        np.testing.assert_array_equal(diagram[0], [[0, 2.5], [0, 2.5]])

    def test_right_triangle_has_no_loop_and_acute_one_has(self):
        assert len(alpha(in_r4([[0, 0], [3, 0], [0, 4]]))[1]) == 0
        side = alpha(in_r4([[0, 0], [2, 0], [1, np.sqrt(3)]]))[1]
        np.testing.assert_allclose(side, [[1, 2 / np.sqrt(3)]])

    def test_provenance(self):
        metadata = alpha(np.zeros((3, 4))).metadata
        assert metadata["filtration"] == "alpha"
        assert metadata["engine"] == "kernel"
        assert metadata["n_points"] == 1
        assert metadata["min_persistence"] == 0
        assert metadata["rounding"] == metadata["removed"] == dict.fromkeys(ALL, 0)


class TestDegenerateClouds:
    @pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
    def test_few_points(self, n):
        points = np.random.default_rng(n).integers(0, 9, (n, 4))
        diagram = alpha(points)
        assert len(diagram[0]) == n - 1
        assert all(len(diagram[k]) == 0 for k in range(max(n - 1, 1), 4))

    def test_duplicates_count_once(self):
        points = np.random.default_rng(0).integers(0, 9, (40, 4))
        assert alpha(np.concatenate([points, points[::-1], points[:7]])) == alpha(np.unique(points, axis=0))

    def test_all_points_equal(self):
        diagram = alpha(np.full((10, 4), 7.0))
        assert [diagram[k].shape for k in ALL] == [(0, 2)] * 4
        assert diagram.essential[0].tolist() == [0.0]

    @pytest.mark.parametrize("flat", [1, 2, 3])
    def test_flat_clouds_have_the_diagram_of_their_own_space(self, flat):
        points = np.random.default_rng(flat).integers(0, 12, (40, flat))
        here, there = alpha(points, range(flat)), alpha(in_r4(points))
        for k in range(flat):
            assert_same_bars(there[k], here[k])
        assert all(len(there[k]) == 0 for k in range(flat, 4))

    @pytest.mark.parametrize("flat", [1, 2, 3])
    def test_flats_askew_to_the_axes(self, flat):
        generator = np.random.default_rng(flat)
        points = generator.random((25, flat))
        frame, _ = np.linalg.qr(generator.normal(size=(4, 4)))
        askew, straight = alpha(points @ frame[:flat]), alpha(in_r4(points))
        for k in ALL:
            assert_same_bars(askew[k], straight[k])

    def test_no_weight_on_space_leaves_a_few_heights_on_a_line(self):
        heights = np.random.default_rng(0).integers(0, 6, 500)
        points = np.zeros((500, 4))
        points[:, 3] = 10 * heights
        diagram = alpha(points)
        np.testing.assert_array_equal(diagram[0], [[0, 5]] * 5)
        assert len(diagram[1]) == len(diagram[2]) == 0

    def test_constant_intensity_on_a_regular_grid(self):
        grid = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        diagram = alpha(np.column_stack([grid, np.full(len(grid), 40)]))
        np.testing.assert_array_equal(diagram[0], [[0, 0.5]] * 124)
        # Edges of the grid, less those of a spanning tree, each close a loop.
        assert len(diagram[1]) == 3 * 4 * 25 - 124
        np.testing.assert_allclose(diagram[1], [[0.5, np.sqrt(0.5)]] * len(diagram[1]))
        np.testing.assert_allclose(diagram[2], [[np.sqrt(0.5), np.sqrt(0.75)]] * 64)

    def test_a_mask_makes_cospherical_points_and_no_false_bars(self):
        volume = np.zeros((18, 18, 18))
        volume[4:12, 6:14, 3:15] = 255
        points = grid_cloud(volume, 6)
        diagram, exact = alpha(points), gudhi_alpha(points, "exact")
        for k in ALL:
            assert len(diagram[k]) == np.sum(np.ptp(exact[k], axis=1) > 1e-6 * diagram.filtration_range[1])

    def test_min_persistence_removes_the_noise_of_inexact_coordinates(self):
        grid = np.stack(np.meshgrid(*[np.arange(4)] * 4, indexing="ij"), axis=-1).reshape(-1, 4) * np.sqrt(0.6)
        raw, clean = alpha(grid), alpha(grid, min_persistence=1e-6)
        assert sum(map(len, raw.values())) >= sum(map(len, clean.values()))
        # The 4D grid: 3⁴ tesseracts, each closing one void of dimension 3.
        assert len(clean[3]) == 81

    def test_one_dimensional_points(self):
        np.testing.assert_array_equal(alpha([[0], [2], [8]], (0,))[0], [[0, 1], [0, 3]])


small_clouds = st.integers(1, 9).flatmap(
    lambda n: st.integers(1, 4).flatmap(lambda d: arrays(np.int64, (n, d), elements=st.integers(0, 4)))
)


class TestOracles:
    @settings(max_examples=40, deadline=None)
    @given(small_clouds)
    def test_smallest_enclosing_balls_of_all_subsets_of_tiny_lattice_clouds(self, points):
        # Čech and alpha complexes are homotopy equivalent at every radius, so their bars agree.
        points = np.unique(in_r4(points), axis=0)
        expected = reduced_bars(cech_complex(points, 5), ALL)
        diagram = alpha(points)
        for k in ALL:
            assert_same_bars(diagram[k], expected[k])

    @pytest.mark.parametrize("seed", range(4))
    def test_smallest_enclosing_balls_in_general_position(self, seed):
        points = np.random.default_rng(seed).normal(size=(9, 4))
        expected = reduced_bars(cech_complex(points, 5), ALL)
        diagram = alpha(points, min_persistence=0)
        for k in ALL:
            assert_same_bars(diagram[k], expected[k])

    @pytest.mark.parametrize("seed", range(3))
    def test_single_linkage(self, seed):
        points = np.random.default_rng(seed).integers(0, 40, (300, 4))
        merged_at = linkage(np.unique(points, axis=0), "single")[:, 2] / 2
        np.testing.assert_allclose(alpha(points, (0,))[0][:, 1], np.sort(merged_at), rtol=1e-12)

    @pytest.mark.parametrize("precision", ["safe", "exact"])
    @pytest.mark.parametrize("largest", [2, 20, 10000])
    def test_gudhis_own_alpha_complex(self, largest, precision):
        generator = np.random.default_rng(largest)
        points = np.column_stack([generator.integers(0, 6, (150, 3)), generator.integers(0, largest, 150)])
        expected, diagram = gudhi_alpha(np.unique(points, axis=0).astype(float), precision), alpha(points)
        shortest = 1e-6 * diagram.filtration_range[1]
        for k in ALL:
            assert_same_bars(diagram[k], expected[k], atol=shortest)


class TestInvariances:
    points = np.random.default_rng(7).integers(0, 30, (120, 4)).astype(float)

    @pytest.mark.parametrize(
        "moved",
        [
            points + np.array([1000, -77, 3, 500]),
            points * [1, 1, -1, 1],
            255 - points,
            points[:, [3, 1, 0, 2]],
            points[::-1],
        ],
        ids=["translation", "reflection", "inversion", "axis permutation", "point order"],
    )
    def test_rigid_motions_change_nothing(self, moved):
        before, after = alpha(self.points), alpha(moved)
        for k in ALL:
            assert_same_bars(after[k], before[k], atol=1e-8)

    def test_scaling_scales(self):
        before, after = alpha(self.points), alpha(8 * self.points)
        for k in ALL:
            np.testing.assert_allclose(after[k], 8 * before[k])

    def test_the_same_cloud_gives_the_same_bits_and_is_not_modified(self):
        original = self.points.copy()
        first = alpha(self.points)
        alpha(self.points[:50])
        assert alpha(self.points) == first
        np.testing.assert_array_equal(self.points, original)

    def test_fewer_dimensions_are_a_part_of_all(self):
        everything = alpha(self.points)
        for dimensions in ((0,), (1,), (2, 0), (3,)):
            some = alpha(self.points, dimensions)
            assert some.dimensions == tuple(sorted(dimensions))
            for k in dimensions:
                np.testing.assert_array_equal(some[k], everything[k])


class TestEngine:
    def fake_kernel(self, monkeypatch, alpha_persistence):
        class UnsupportedCloud(Exception):
            pass

        module = types.ModuleType("tdaflow.homology.alpha_kernel")
        module.UnsupportedCloud = UnsupportedCloud
        module.alpha_persistence = lambda points, dimensions: alpha_persistence(UnsupportedCloud, points, dimensions)
        monkeypatch.setitem(sys.modules, module.__name__, module)

    def test_a_cloud_the_kernel_refuses_is_computed_by_gudhi_and_says_so(self, monkeypatch):
        def refuse(unsupported, points, dimensions):
            raise unsupported("determinants exceed 2^63")

        self.fake_kernel(monkeypatch, refuse)
        points = np.random.default_rng(0).integers(0, 9, (30, 4))
        diagram = alpha(points, filtration=Alpha(engine="kernel"))
        assert diagram == alpha(points, filtration=Alpha(engine="gudhi"))
        assert diagram.metadata["engine"] == "gudhi"
        assert diagram.metadata["fallback"] == "determinants exceed 2^63"

    def test_the_kernel_gets_the_points_as_they_are_and_its_bars_are_passed_on(self, monkeypatch):
        seen = {}

        def answer(unsupported, points, dimensions):
            seen.update(points=points, dimensions=dimensions)
            return {k: np.array([[1.0, 2.0]]) for k in dimensions}, {"n_points": 2}

        self.fake_kernel(monkeypatch, answer)
        diagram = alpha([[1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], (2, 0), filtration=Alpha("kernel"))
        np.testing.assert_array_equal(seen["points"], [[1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]])
        assert seen["points"].dtype == np.float64
        assert seen["dimensions"] == (0, 2)
        assert diagram.metadata["engine"] == "kernel"
        assert diagram.metadata["kernel"] == {"n_points": 2}
        assert diagram.metadata["n_points"] == 2

    def test_the_kernel_sees_low_dimensional_clouds_as_flats_of_r4_and_no_others(self, monkeypatch):
        shapes = []

        def answer(unsupported, points, dimensions):
            shapes.append(points.shape)
            return {k: np.empty((0, 2)) for k in dimensions}, {"n_points": len(points)}

        self.fake_kernel(monkeypatch, answer)
        alpha([[0, 0], [0, 1]], (0,), filtration=Alpha("kernel"))
        beyond = alpha(np.eye(5), (0,), filtration=Alpha("kernel"))
        assert shapes == [(2, 4)]
        assert beyond.metadata["fallback"] == "points in R^5, not in R^4"
        assert len(beyond[0]) == 4

    def test_no_other_engines(self):
        with pytest.raises(InputError, match="engine='qhull' does not exist; use 'gudhi' or 'kernel'"):
            Alpha(engine="qhull")


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((3, 3, 3)), "superpixel_point_cloud"),
        (np.zeros(4), r"points of shape \(n, d\)"),
        (np.zeros((0, 4)), "at least one point"),
        (np.zeros((3, 0)), r"points of shape \(n, d\)"),
        ([[0, 0, 0, np.nan]], "1 NaN or infinite"),
        ([[0, 0, 0, np.inf], [np.nan, 0, 0, 0]], "2 NaN or infinite"),
        ([[0, 0, 0, 1e200]], "larger unit"),
        ([[0, 0, 0, 1j]], "real numbers"),
        ([["a", "b"]], "real numbers"),
    ],
)
def test_bad_points_are_refused(points, message):
    with pytest.raises(InputError, match=message):
        alpha(points, (0,))
