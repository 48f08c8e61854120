"""Geometry of slices, on numbers that can be checked by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.sources.dicom.geometry import affine_ras, slice_axes, stack_slices

UPRIGHT = slice_axes((1, 0, 0, 0, 1, 0))


def stack_at(*heights):
    return stack_slices(np.array([[0.0, 0.0, h] for h in heights]), UPRIGHT)


def test_axes_are_normal_column_and_row():
    np.testing.assert_array_equal(UPRIGHT, [[0, 0, 1], [0, 1, 0], [1, 0, 0]])
    # A sagittal slice: rows run backwards (P), columns down (I); their normal points to the left of LPS.
    np.testing.assert_array_equal(slice_axes((0, 1, 0, 0, 0, -1)), [[-1, 0, 0], [0, 0, -1], [0, 1, 0]])


@pytest.mark.parametrize(
    "orientation", [(0,) * 6, (1, 0, 0, 1, 0, 0), (1, 0, 0, 0, 1.1, 0), (1, 0, 0, 0.1, 1, 0), (np.nan,) * 6]
)
def test_directions_that_are_not_perpendicular_unit_vectors_have_no_axes(orientation):
    assert slice_axes(orientation) is None


def test_gaps_and_the_usual_one():
    stack = stack_at(5, 0, 2, 9)
    np.testing.assert_array_equal(stack.order, [1, 2, 0, 3])
    np.testing.assert_array_equal(stack.gaps, [2, 3, 4])
    assert stack.usual_gap == 3
    assert stack.even_gap == 3
    assert not stack.is_even
    assert stack_at(0, 2, 4, 7, 10).usual_gap == 2  # a gap that occurs, not 2.5


@pytest.mark.parametrize(
    ("heights", "even"),
    [
        ((0, 1, 2), True),
        ((0, 1.02, 2), True),
        ((0, 1.1, 2), False),
        ((0, 0.6, 1.2, 1.9, 2.5, 3.1, 3.8), True),  # 0.625 mm rounded to a decimal
        ((0, 0.01, 0.02, 0.035), False),  # micrometres: the rounding of clinical scanners is no excuse
        ((0, 5, 10, 15.4), False),
    ],
)
def test_even_within_rounding(heights, even):
    assert stack_at(*heights).is_even is even


@pytest.mark.parametrize(
    ("heights", "holes"),
    [
        ((0, 1, 2, 3), {}),
        ((0, 1, 3, 4, 5), {1: 1}),
        ((0, 1, 2, 6, 7, 9), {2: 3, 4: 1}),
        ((0, 1, 2, 3.5, 4.5), {}),
        ((0, 1, 2, 4, 5.3), {}),
    ],
)
def test_holes_are_multiples_of_the_usual_gap(heights, holes):
    assert stack_at(*heights).holes == holes


def test_duplicates_are_neighbours_at_one_height():
    assert stack_at(4, 0, 2, 2).duplicates == [(1, 2)]


def test_tilt_is_the_angle_between_the_normal_and_the_stack():
    positions = np.array([[0, 0.5 * k, 2.0 * k] for k in range(5)])
    stack = stack_slices(positions, UPRIGHT)
    np.testing.assert_allclose(stack.shifts[:, 0], 0.5 * np.arange(5))
    assert stack.tilt == pytest.approx(np.degrees(np.arctan(0.25)))
    assert not stack.is_upright((0.5, 0.5))
    assert stack.is_upright((4.0, 0.5))


def test_affine_of_an_axial_stack():
    affine = affine_ras(np.array([1.0, 2.0, 3.0]), UPRIGHT, (5.0, 0.5, 0.25))
    np.testing.assert_array_equal(affine, [[-0.25, 0, 0, -1], [0, -0.5, 0, -2], [0, 0, 5, 3], [0, 0, 0, 1]])


@settings(max_examples=50, deadline=None)
@given(
    st.floats(0, 6.28),
    st.floats(0, 3.1),
    st.lists(st.floats(0.1, 9), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_a_stack_does_not_depend_on_direction_or_order(turn, tip, gaps, random):
    row = np.array([np.cos(turn), np.sin(turn), 0])
    column = np.cos(tip) * np.array([-np.sin(turn), np.cos(turn), 0]) + np.sin(tip) * np.array([0, 0, 1])
    axes = slice_axes((*row, *column))
    heights = np.cumsum([0, *gaps])
    positions = np.array([7, -3, 11]) + heights[:, None] * axes[0]
    order = list(range(len(positions)))
    random.shuffle(order)
    stack = stack_slices(positions[order], axes)
    np.testing.assert_allclose(stack.heights, heights, atol=1e-9)
    np.testing.assert_allclose(stack.shifts, 0, atol=1e-9)
    assert [order[k] for k in stack.order] == list(range(len(positions)))
    np.testing.assert_allclose(np.linalg.det(axes[::-1]), 1)
