"""Every row is in one batch, and the last batches are small enough that workers end together."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tdaflow.pipeline.batch_sizes import batch_ranges, n_batches

edges = st.lists(st.integers(0, 500), unique=True, max_size=8).map(sorted)


def test_batches_shrink_to_half_of_a_workers_share_of_what_is_left():
    sizes = [stop - start for start, stop in batch_ranges([(0, 100)], 16, 4, 2)]
    assert sizes == [16, 16, 16, 13, 10, 8, 6, 4, 4, 4, 3]


def test_batches_of_one_size_when_the_smallest_is_the_largest():
    assert batch_ranges([(0, 10), (20, 23)], 4, 4, 8) == [(0, 4), (4, 8), (8, 10), (20, 23)]


@given(edges, st.integers(1, 40), st.integers(1, 40), st.integers(1, 9))
def test_every_row_is_in_one_batch_and_no_batch_is_out_of_bounds(edges, a, b, workers):
    gaps = list(zip(edges[::2], edges[1::2], strict=False))
    smallest, largest = sorted((a, b))
    ranges = batch_ranges(gaps, largest, smallest, workers)
    assert [row for start, stop in ranges for row in range(start, stop)] == [r for gap in gaps for r in range(*gap)]
    assert all(1 <= stop - start <= largest for start, stop in ranges)
    ends = {stop for _, stop in gaps}
    assert all(stop - start >= smallest for start, stop in ranges if stop not in ends)
    inside = [stop - start for start, stop in ranges if stop not in ends]
    assert all(earlier >= later for earlier, later in pairwise(inside))


@given(st.integers(0, 5000), st.integers(1, 40), st.integers(1, 40), st.integers(1, 9))
def test_batches_are_counted_without_being_made(n_rows, a, b, workers):
    smallest, largest = sorted((a, b))
    assert n_batches(n_rows, largest, smallest, workers) == len(batch_ranges([(0, n_rows)], largest, smallest, workers))
