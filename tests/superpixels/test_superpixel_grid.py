"""Where feature points lie."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.superpixels import nearest_counts, superpixel_grid


def test_the_seeds_integer_step_gives_1000_points_for_600_on_28_cubed():
    grid = superpixel_grid((28, 28, 28), 600, kind="integer-step")
    assert grid.counts == (10, 10, 10)
    assert grid.step == (3.0, 3.0, 3.0)
    assert grid.axis_indices[0].tolist() == [0, 3, 6, 9, 12, 15, 18, 21, 24, 27]


def test_an_exact_cube_root_is_not_lost_to_rounding():
    assert superpixel_grid((30, 30, 30), 1000, kind="integer-step").step == (3.0, 3.0, 3.0)
    assert superpixel_grid((63, 63, 63), 27, kind="integer-step").step == (21.0, 21.0, 21.0)


def test_nearest_meets_600_exactly_on_28_cubed_with_the_most_cube_like_blocks():
    # 600 = 6·10·10 = 5·10·12 = 4·10·15 = …; of the three orders of (6, 10, 10) the one with least points along z
    assert nearest_counts((28, 28, 28), 600) == (6, 10, 10)


def test_points_are_block_centres_rounded_to_voxels():
    grid = superpixel_grid((4, 6, 9), 2 * 2 * 3)
    assert grid.counts == (2, 2, 3)
    # centres 0.5, 2.5 | 1, 4 | 1, 4, 7 in voxel coordinates; halves go up
    assert [a.tolist() for a in grid.axis_indices] == [[1, 3], [1, 4], [1, 4, 7]]
    assert grid.indices[:4].tolist() == [[1, 1, 1], [1, 1, 4], [1, 1, 7], [1, 4, 1]]
    assert grid.axis_edges[2].tolist() == [[0, 3], [3, 6], [6, 9]]


def test_spacing_decides_between_grids_of_one_count():
    # blocks of 8×8×8 mm, whatever the voxels
    assert nearest_counts((32, 32, 32), 256, (1, 1, 4)) == (4, 4, 16)
    assert nearest_counts((32, 32, 32), 256, (1, 4, 1)) == (4, 16, 4)
    assert nearest_counts((8, 32, 32), 64, (4, 1, 1)) == (4, 4, 4)
    assert nearest_counts((8, 32, 32), 256, (4, 1, 1)) == nearest_counts((8, 32, 32), 256, (8, 2, 2))


def test_as_many_points_as_voxels_is_every_voxel():
    for kind in ("nearest", "integer-step"):
        grid = superpixel_grid((3, 2, 5), 30, kind=kind)
        assert grid.indices.tolist() == list(map(list, itertools.product(range(3), range(2), range(5))))


def test_more_points_than_voxels_says_how_many_there_are():
    with pytest.raises(InputError, match=r"n_superpixels is 600 but a volume of shape \(2, 3, 4\) has only 24 voxels"):
        superpixel_grid((2, 3, 4), 600)


def test_a_prime_count_is_not_met_by_needles():
    assert nearest_counts((64, 64, 64), 997) == (10, 10, 10)
    assert nearest_counts((20, 512, 512), 997, (5, 0.7, 0.7)) == (5, 10, 20)


def test_where_only_needles_come_near_they_are_taken():
    assert nearest_counts((1, 1, 40), 30) == (1, 1, 30)
    assert nearest_counts((2, 3, 4), 24, (1, 1, 9)) == (2, 3, 4)


def _all_grids(shape):
    return list(itertools.product(*(range(1, s + 1) for s in shape)))


@settings(max_examples=150, deadline=None)
@given(st.tuples(*[st.integers(1, 13)] * 3), st.data())
def test_no_compact_grid_comes_nearer_and_none_as_near_is_more_cube_like(shape, data):
    n = data.draw(st.integers(1, math.prod(shape)))
    spacing = data.draw(st.tuples(*[st.sampled_from([0.5, 1.0, 2.0, 5.0])] * 3))
    counts = nearest_counts(shape, n, spacing)
    assert all(1 <= c <= s for c, s in zip(counts, shape, strict=True))

    def edges(c):
        return np.array(shape) * spacing / np.array(c)

    def miss(c):
        return abs(math.prod(c) - n)

    rivals = [c for c in _all_grids(shape) if max(edges(c)) <= 2 * min(edges(c)) * (1 + 1e-9)]
    if min(map(miss, rivals), default=n) > 0.1 * n:
        rivals = _all_grids(shape)
    least = min(map(miss, rivals))
    assert miss(counts) == least
    anisotropy = {c: np.var(np.log(edges(c))) for c in rivals if miss(c) == least}
    assert anisotropy[counts] <= min(anisotropy.values()) + 1e-8


@settings(max_examples=100, deadline=None)
@given(st.tuples(*[st.integers(1, 40)] * 3), st.data(), st.sampled_from(["nearest", "integer-step"]))
def test_points_are_distinct_voxels_of_the_volume_in_blocks_that_tile_it(shape, data, kind):
    n = data.draw(st.integers(1, math.prod(shape)))
    grid = superpixel_grid(shape, n, kind=kind)
    for size, count, index, edges in zip(shape, grid.counts, grid.axis_indices, grid.axis_edges, strict=True):
        assert len(index) == count
        assert (np.diff(index) > 0).all()
        assert index[0] >= 0
        assert index[-1] < size
        assert edges[0, 0] == 0
        assert edges[-1, 1] == pytest.approx(size)
        assert np.array_equal(edges[1:, 0], edges[:-1, 1])
        assert ((edges[:, 0] <= index + 0.5 + 1e-9) & (index - 0.5 <= edges[:, 1] + 1e-9)).all()


def test_a_large_volume_is_searched_in_little_time_and_memory():
    counts = nearest_counts((512, 512, 512), 1_000_003)
    assert abs(math.prod(counts) - 1_000_003) <= 5
