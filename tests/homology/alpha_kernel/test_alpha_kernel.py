import threading

import numpy as np
import pytest
from alpha_oracles import assert_same_bars, gudhi_bars
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.homology.alpha_kernel import ALGORITHM_VERSION, UnsupportedCloud, alpha_persistence

ALL = (0, 1, 2, 3)


def bars_of(points, dimensions=ALL):
    return alpha_persistence(np.asarray(points, float), dimensions)[0]


def in_r4(points):
    points = np.asarray(points, float)
    return np.pad(points, ((0, 0), (0, 4 - points.shape[1])))


def corners(dimension):
    return np.stack(np.meshgrid(*[[0.0, 1.0]] * dimension), axis=-1).reshape(-1, dimension)


def test_two_points_join_at_half_their_distance():
    bars, info = alpha_persistence([[0, 0, 0, 0], [0, 3, 0, 4]])
    np.testing.assert_array_equal(bars[0], [[0, 2.5]])
    assert bars[1].shape == bars[2].shape == (0, 2)
    assert info == {
        "engine": "kernel",
        "algorithm_version": ALGORITHM_VERSION,
        "predicates": "filtered",
        "n_points": 2,
        "n_cells": 0,
        "essential": {0: [0.0]},
    } | {"predicates": info["predicates"]}


def test_one_point_has_no_finite_bar():
    assert {k: len(b) for k, b in bars_of([[1, 2, 3, 4]]).items()} == {0: 0, 1: 0, 2: 0, 3: 0}


@pytest.mark.parametrize("dimension", [2, 3, 4])
def test_a_cube_has_one_sphere_of_its_dimension(dimension):
    bars = bars_of(in_r4(corners(dimension)))
    np.testing.assert_array_equal(bars[0], [[0, 0.5]] * (2**dimension - 1))
    # The last face to fill is the cube itself: born with its facets, dead at its centre.
    top = bars[dimension - 1]
    np.testing.assert_allclose(top, [[np.sqrt(dimension - 1) / 2, np.sqrt(dimension) / 2]], rtol=1e-15)


def test_an_obtuse_triangle_has_no_loop_and_an_acute_one_has():
    assert len(bars_of(in_r4([[0, 0], [4, 1], [8, 0]]))[1]) == 0
    acute = bars_of(in_r4([[0, 0], [4, 3], [1, 4]]))[1]
    # Longest side 5; circumradius abc / (4 area) of sides 5, √10, √17 and area 6.5.
    np.testing.assert_allclose(acute, [[2.5, 5 * np.sqrt(170) / 26]], rtol=1e-15)


def test_duplicates_count_once():
    points = np.random.default_rng(0).integers(0, 9, (20, 4))
    twice, info = alpha_persistence(np.concatenate([points, points]), ALL)
    assert info["n_points"] == len(np.unique(points, axis=0))
    for k, bars in bars_of(points).items():
        np.testing.assert_array_equal(twice[k], bars)


def test_only_the_asked_dimensions_in_the_asked_order():
    points = np.random.default_rng(0).integers(0, 9, (20, 4))
    everything = bars_of(points)
    for dimensions in [(0,), (1,), (3,), (2, 0), ALL]:
        some = bars_of(points, dimensions)
        assert tuple(some) == dimensions
        for k in dimensions:
            np.testing.assert_array_equal(some[k], everything[k])


@pytest.mark.parametrize(
    ("points", "dimensions", "message"),
    [
        (np.zeros((3, 3)), (0,), r"shape \(n, 4\), got \(3, 3\)"),
        (np.zeros((0, 4)), (0,), "no points"),
        (np.full((2, 4), np.nan), (0,), "NaN or infinite"),
        (np.zeros((2, 4)), (0, 4), "distinct ones of 0, 1, 2 and 3"),
        (np.zeros((2, 4)), (1, 1), "distinct ones of 0, 1, 2 and 3"),
        (np.zeros((2, 4)), (), "distinct ones of 0, 1, 2 and 3"),
    ],
)
def test_bad_input_is_named(points, dimensions, message):
    with pytest.raises(InputError, match=message):
        alpha_persistence(points, dimensions)


def test_points_off_any_lattice_are_unsupported():
    with pytest.raises(UnsupportedCloud):
        alpha_persistence(np.random.default_rng(0).random((20, 4)))


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
    st.integers(1, 5),
    st.sampled_from(["full", "constant", "slanted", "planar", "collinear"]),
)
def test_tiny_cospherical_and_flat_clouds_equal_gudhi_exact(seed, n, span, shape):
    rng = np.random.default_rng(seed)
    points = rng.integers(0, span, (n, 4)).astype(float)
    if shape == "constant":
        points[:, 3] = 7
    elif shape == "slanted":
        points[:, 3] = points[:, 1] + points[:, 2]
    elif shape == "planar":
        points[:, 2:] = points[:, :2] @ rng.integers(-2, 3, (2, 2))
    elif shape == "collinear":
        points = points[:, :1] * rng.integers(1, 4, 4)
    points *= rng.choice([1, 0.5, 3, 0.25], 4)
    assert_same_bars(bars_of(points), gudhi_bars(points, ALL))


@pytest.mark.parametrize("radius_squared", [25, 50, 65])
def test_integer_points_on_a_sphere(radius_squared):
    grid = np.stack(np.meshgrid(*[np.arange(-8, 9)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    sphere = grid[(grid**2).sum(axis=1) == radius_squared]
    points = np.random.default_rng(0).permutation(sphere)[:150].astype(float)
    bars = bars_of(points)
    assert_same_bars(bars, gudhi_bars(points, ALL))
    assert bars[3][-1, 1] == pytest.approx(np.sqrt(radius_squared), rel=1e-14)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 60), st.sampled_from(["uniform", "mask", "noisy mask"]))
def test_sixteen_bit_intensities_equal_gudhi_exact(seed, n, kind):
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 300, (n, 4)).astype(float)
    mask = rng.random(n) < 0.5
    points[:, 3] = {
        "uniform": rng.integers(0, 65536, n),
        "mask": 65535 * mask,
        "noisy mask": np.where(mask, 65535 - rng.integers(0, 3, n), rng.integers(0, 3, n)),
    }[kind]
    # Twelve significant bits an axis, as superpixel_point_cloud gives for anisotropic spacing.
    points *= [0.73828125, 0.73828125, 2.5, 0.6328125]
    bars, info = alpha_persistence(points, ALL)
    assert info["predicates"] == "filtered"
    assert_same_bars(bars, gudhi_bars(points, ALL))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_order_translation_reflection_and_permutation_change_no_bit(seed, flat):
    rng = np.random.default_rng(seed)
    points = rng.integers(0, [8, 8, 8, 256], (60, 4)).astype(float) * [1, 1, 2.5, 0.5]
    if flat:
        points[:, 3] = points[:, 0] - points[:, 1]
    expected = bars_of(points)
    for moved in (
        rng.permutation(points),
        points + np.array([3, -700, 0.5, 2**20]),
        points * rng.choice([-1, 1], 4),
        points[:, rng.permutation(4)],
    ):
        bars = bars_of(moved)
        for k in ALL:
            np.testing.assert_array_equal(bars[k], expected[k])


def test_scaling_by_a_power_of_two_scales_every_bar():
    points = np.random.default_rng(5).integers(0, 9, (50, 4)).astype(float)
    expected = bars_of(points)
    for scale in (2.0**-400, 2.0**400):
        for k, bars in bars_of(points * scale).items():
            np.testing.assert_array_equal(bars, expected[k] * scale)


def test_bars_are_sorted_and_positive():
    for bars in bars_of(np.random.default_rng(1).integers(0, 30, (200, 4))).values():
        assert (bars[:, 0] < bars[:, 1]).all()
        np.testing.assert_array_equal(bars, bars[np.lexsort(bars.T[::-1])])


def test_threads_agree_with_one_another():
    clouds = [np.random.default_rng(i).integers(0, [9, 9, 9, 99], (150, 4)).astype(float) for i in range(6)]
    expected = [bars_of(cloud) for cloud in clouds]
    wrong = []

    def work(shift):
        for _ in range(3):
            for i in range(len(clouds)):
                j = (i + shift) % len(clouds)
                bars = bars_of(clouds[j])
                wrong.extend(k for k in ALL if not np.array_equal(bars[k], expected[j][k]))

    threads = [threading.Thread(target=work, args=(shift,)) for shift in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_worst_case_with_quadratically_many_simplices():
    """Two skew lines in a 3-flat: every segment of one makes a tetrahedron with every segment of the other."""
    i = np.arange(100.0)
    zero = 0 * i
    lines = np.concatenate([np.stack([i, zero, zero, zero], 1), np.stack([zero, i, zero + 50, zero], 1)])
    bars, info = alpha_persistence(lines)
    assert info["n_cells"] == 0
    assert len(bars[0]) == 199
