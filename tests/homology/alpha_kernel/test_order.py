import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.homology.alpha_kernel.order import affine_frame, insertion_order, morton_keys


def test_morton_keys_interleave_bits():
    points = np.array(
        [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [2, 0, 0, 0], [3, 3, 3, 3]]
    )
    np.testing.assert_array_equal(morton_keys(points), [0, 1, 2, 4, 8, 16, 255])


def test_large_coordinates_are_scaled_to_twelve_bits():
    keys = morton_keys(np.array([[0, 0, 0, 0], [2**30, 0, 0, 2**30]]))
    assert 0 < keys[1] < 2**48


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 100, 1000])
def test_every_point_is_inserted_once(n):
    points = np.random.default_rng(n).integers(0, 99, (n, 4))
    np.testing.assert_array_equal(np.sort(insertion_order(points)), np.arange(n))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4))
def test_the_frame_spans_the_cloud_and_apexes_complete_it(seed, dimension):
    rng = np.random.default_rng(seed)
    basis = rng.integers(-3, 4, (dimension, 4))
    points = np.unique(rng.integers(-5, 6, (30, dimension)) @ basis + rng.integers(-9, 9, 4), axis=0)
    rank = np.linalg.matrix_rank(points - points[0])
    chosen, apexes = affine_frame(points, insertion_order(points))
    assert len(chosen) == rank + 1
    assert len(apexes) == 4 - rank
    frame = np.concatenate([points[chosen], apexes])
    assert abs(np.linalg.det((frame[1:] - frame[0]).astype(float))) > 0.5
