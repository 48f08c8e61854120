"""Every row is in one batch, and the last batches are small enough that workers end together."""

import heapq
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdaflow.config import RunConfig
from tdaflow.pipeline.batch_sizes import (
    balanced_ranges,
    batch_ranges,
    n_batches,
    smallest_batch,
    volume_costs,
    volumes_a_batch,
)
from tdaflow.pipeline.recipe import diagram_recipe

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


@given(edges, st.integers(1, 9), st.randoms(use_true_random=False))
def test_every_row_is_in_one_batch_whatever_it_costs(edges, workers, random):
    gaps = list(zip(edges[::2], edges[1::2], strict=False))
    costs = np.array([random.choice([1e3, 2e5, 3e5, 5e6, 9e9]) for _ in range(max(edges, default=0))])
    ranges = balanced_ranges(gaps, costs, workers)
    assert sorted(r for part in ranges for r in range(*part)) == [r for gap in gaps for r in range(*gap)]
    assert all(any(first <= start < stop <= last for first, last in gaps) for start, stop in ranges)


@given(edges, st.floats(1e3, 1e8), st.integers(1, 9))
def test_volumes_alike_are_batched_by_number(edges, cost, workers):
    gaps = list(zip(edges[::2], edges[1::2], strict=False))
    n = sum(last - first for first, last in gaps)
    largest = volumes_a_batch(cost, n, workers)
    ranges = balanced_ranges(gaps, np.full(max(edges, default=0), cost), workers)
    assert ranges == batch_ranges(gaps, largest, smallest_batch("auto", largest), workers)


def steps(preset):
    config = RunConfig.model_validate({"preset": preset, "superpixels": {"intensity_scale": 1.0}})
    return diagram_recipe(config, {}).steps


def lost(costs, ranges, workers):
    """Share of the workers' time that passes while another still works, each taking the next batch when it is free."""
    free = [0.0] * workers
    for start, stop in ranges:
        heapq.heapreplace(free, free[0] + costs[start:stop].sum())
    return 1 - costs.sum() / (workers * max(free))


@pytest.mark.parametrize("preset", ["default", "wide"])
@pytest.mark.parametrize("few", [5, 12, 40])
@pytest.mark.parametrize("edge", [64, 128])
def test_a_few_large_volumes_at_the_end_are_not_waited_for(preset, few, edge):
    voxels = np.array([28**3] * 600 + [edge**3] * few)
    costs = volume_costs(voxels, steps(preset))
    ranges = balanced_ranges([(0, len(costs))], costs, 2)
    assert lost(costs, ranges, 2) < 0.05
    # and where the estimate is off: each volume takes up to half more
    true = costs * np.random.default_rng(0).uniform(1, 1.5, len(costs))
    assert lost(true, ranges, 2) < 0.05
    assert (ranges[0] == (600, 601)) == (preset == "wide")  # where a filtration of voxels makes them dear


def test_large_volumes_of_a_resumed_run_come_first_and_nothing_is_done_twice():
    costs = volume_costs(np.array([28**3] * 50 + [128**3] * 4), steps("wide"))
    ranges = balanced_ranges([(10, 20), (45, 52)], costs, 2)
    assert ranges[:2] == [(50, 51), (51, 52)]
    assert sorted(row for part in ranges[2:] for row in range(*part)) == [*range(10, 20), *range(45, 50)]
