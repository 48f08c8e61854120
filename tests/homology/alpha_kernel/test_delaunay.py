"""The triangulation itself, on clouds small enough to check everything in exact integers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from tdaflow.errors import InputError
from tdaflow.homology.alpha_kernel.complex import alpha_complex, triangulate
from tdaflow.homology.alpha_kernel.lattice import recover_lattice

NONE = 0xFFFFFFFF


def triangulated(points):
    return triangulate(recover_lattice(np.asarray(points, float)))


def cells(t):
    """Codes' rows of finite cells, and of cells at infinity."""
    rows = t.vertices[: 8 * t.n_slots].reshape(-1, 8)[:, :5].astype(np.int64)
    used = np.flatnonzero(rows[:, 0] != NONE)
    return rows, used[rows[used, 0] > 0], used[rows[used, 0] == 0]


def assert_delaunay(t):
    rows, finite, infinite = cells(t)
    assert len(finite) == t.n_cells
    assert len(infinite) == t.n_hull
    neighbours = t.neighbours[: 8 * t.n_slots].astype(np.int64)
    for cell in [*finite, *infinite]:
        assert (np.diff(rows[cell]) > 0).all()
        for f in range(5):
            other = neighbours[8 * cell + f]
            assert neighbours[other] == 8 * cell + f
            shared = set(rows[cell]) - {rows[cell, f]}
            assert shared == set(rows[other >> 3]) - {rows[other >> 3, other & 7]}
    planes = t.planes[finite].astype(np.int64)  # of small clouds, so integers do not overflow
    assert (planes == t.planes[finite]).all()
    assert (planes[:, :5] @ t.wrapped[1:].T + planes[:, 5:] <= 0).all()
    n = len(t.metric) - 1
    alpha = alpha_complex(t)
    sizes = [n, *(len(values) for values in alpha.values)]
    assert sum((-1) ** k * size for k, size in enumerate(sizes)) == 1
    volume = sum(abs(np.linalg.det(np.diff(t.lifted[rows[cell], :4], axis=0))) for cell in finite) / math.factorial(4)
    assert volume == pytest.approx(ConvexHull(t.lifted[1:, :4]).volume, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(6, 40))
def test_random_and_cospherical_clouds(seed, span, n):
    points = np.random.default_rng(seed).integers(0, span + 1, (n, 4))
    if np.linalg.matrix_rank(points - points[0]) == 4:
        assert_delaunay(triangulated(points))


def test_a_simplex_is_one_cell():
    t = triangulated([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    assert (t.n_cells, t.n_hull, t.n_hull_vertices) == (1, 5, 5)


def test_all_points_on_one_sphere():
    grid = np.stack(np.meshgrid(*[[-1, 1]] * 4), axis=-1).reshape(-1, 4)
    assert_delaunay(triangulated(grid))


@pytest.mark.parametrize("flat", [1, 2, 3])
def test_flat_clouds_get_apexes(flat):
    rng = np.random.default_rng(flat)
    t = triangulated(rng.integers(0, 9, (20, flat)) @ rng.integers(1, 5, (flat, 4)))
    assert t.n_apexes == 4 - flat


def test_room_grows_until_the_triangulation_fits(monkeypatch):
    import tdaflow.homology.alpha_kernel.complex as room

    points = np.random.default_rng(0).integers(0, 50, (60, 4))
    expected = triangulated(points)
    monkeypatch.setattr(room, "_CELLS_PER_POINT", 1)
    grown = triangulated(points)
    rows, finite, _ = cells(grown)
    expected_rows, expected_finite, _ = cells(expected)
    np.testing.assert_array_equal(rows[finite], expected_rows[expected_finite])


def test_too_many_cells_are_refused_with_the_limit():
    points = np.random.default_rng(0).integers(0, 50, (60, 4)).astype(float)
    with pytest.raises(InputError, match=r"60 points exceeds 200 cells; use fewer superpixels"):
        triangulate(recover_lattice(points), max_cells=200)


def test_too_many_points_are_refused_before_any_work(monkeypatch):
    import tdaflow.homology.alpha_kernel.complex as room

    monkeypatch.setattr(room, "MAX_POINTS", 10)
    with pytest.raises(InputError, match=r"limit of 10; use fewer superpixels"):
        triangulated(np.random.default_rng(0).integers(0, 50, (60, 4)))


def test_a_boundary_of_more_than_64_vertices_is_hashed():
    """Points of a plane's circle against points of the orthogonal plane's: every new point sees a whole circle."""
    t = np.arange(100) * 2 * np.pi / 100
    circle, zero = np.rint(500 * np.stack([np.cos(t), np.sin(t)], axis=1)), np.zeros((100, 2))
    both = triangulated(np.concatenate([np.hstack([circle, zero]), np.hstack([zero, circle])]))
    alpha = alpha_complex(both)
    assert both.n_cells > 5000
    sizes = [200, *(len(values) for values in alpha.values)]
    assert sum((-1) ** k * size for k, size in enumerate(sizes)) == 1
