"""The reduction knows no geometry: complexes by hand, and random ones against the textbook."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.homology.alpha_kernel.compiled_cache import stage

NONE = 0xFFFFFFFF


def sort(values):
    values = np.asarray(values, float)
    n = len(values)
    order, rank = np.empty(n, np.uint32), np.empty(n, np.uint32)
    stage("sorting").sort_by_value(values, order, rank, np.empty(n, np.int64), np.empty(n, np.int64))
    return order, rank


def reduce(faces, order, rank, skip=None):
    owner = np.empty(len(rank), np.uint32)
    skip = np.full(len(order), NONE, np.uint32) if skip is None else skip
    stage("persistence").reduce_columns(np.asarray(faces, np.uint32), order, skip, rank, owner, np.empty_like(owner))
    return owner


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(0, 1e300), max_size=60))
def test_sort_orders_any_non_negative_floats(values):
    order, rank = sort(values)
    assert [values[i] for i in order] == sorted(values)
    np.testing.assert_array_equal(order[rank], np.arange(len(values)))


def test_sort_separates_values_one_rounding_apart():
    base = np.repeat([1.0, 1e-9, 12345.678], 500)
    values = base * (1 + np.random.default_rng(0).integers(0, 5, len(base)) * 2.0**-52)
    order, _ = sort(values)
    np.testing.assert_array_equal(values[order], np.sort(values))


def test_components_of_a_path():
    edges = np.array([[0, 1], [1, 2], [0, 2]], np.uint32)
    joins, joined = stage("persistence").merge_components(edges, np.array([2, 0, 1], np.uint32), 3)
    np.testing.assert_array_equal(joins, [2, 0])
    np.testing.assert_array_equal(joined, [2, 1])


def test_a_filled_triangle_is_one_loop():
    # Edges in order of length 1, 2, 3: the last closes the loop, the triangle fills it.
    owner = reduce([[0, 1, 2]], np.zeros(1, np.uint32), np.arange(3, dtype=np.uint32))
    np.testing.assert_array_equal(owner, [NONE, NONE, 0])


def test_a_hollow_tetrahedron_has_three_loops_and_leaves_a_void():
    edges = {e: i for i, e in enumerate(itertools.combinations(range(4), 2))}
    triangles = list(itertools.combinations(range(4), 3))
    faces = [[edges[e] for e in itertools.combinations(t, 2)] for t in triangles]
    owner = reduce(faces, np.arange(4, dtype=np.uint32), np.arange(6, dtype=np.uint32))
    assert np.count_nonzero(owner != NONE) == 3


def test_voids_by_duality():
    # Two cells, 5 and 9, share facet 0 (value 4); facets 1 and 2 (values 1, 2) lead outside.
    cofaces = np.array([[0, 1], [0, NONE], [1, NONE]], np.uint32)
    killer = np.empty(3, np.uint32)
    stage("persistence").merge_voids(cofaces, np.array([1, 2, 0], np.uint32), np.array([5.0, 9.0]), killer)
    # From above: at 4 the cells join and the younger, cell 0, dies; at 2 their union joins the outside and cell 1 dies.
    np.testing.assert_array_equal(killer, [NONE, 1, 0])


def textbook(faces, order, rank):
    pivots = {}
    for column in order:
        entries = set()
        for face in faces[column]:
            entries ^= {int(rank[face])}
        while entries and max(entries) in pivots:
            entries ^= pivots[max(entries)][0]
        if entries:
            pivots[max(entries)] = (entries, column)
    owner = np.full(len(rank), NONE, np.uint32)
    for row, (_, column) in pivots.items():
        owner[row] = column
    return owner


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.sampled_from([8, 100, 5000]))
def test_any_boundary_matrix_reduces_as_in_the_textbook(seed, k, n_rows):
    rng = np.random.default_rng(seed)
    m = int(rng.integers(1, 120))
    faces = np.stack([rng.choice(n_rows, k, replace=False) for _ in range(m)]).astype(np.uint32)
    order, rank = rng.permutation(m).astype(np.uint32), rng.permutation(n_rows).astype(np.uint32)
    np.testing.assert_array_equal(reduce(faces, order, rank), textbook(faces, order, rank))


def test_cleared_columns_are_left_out():
    faces = [[0, 1, 2], [0, 1, 2]]
    owner = reduce(faces, np.arange(2, dtype=np.uint32), np.arange(3, dtype=np.uint32), np.array([5, NONE], np.uint32))
    np.testing.assert_array_equal(owner, [NONE, NONE, 1])


@pytest.mark.parametrize("exponent", [0, -3])
def test_bars_are_unsquared_sorted_and_not_of_length_zero(exponent):
    bars = stage("persistence").collect_bars(
        np.array([0, 1, 2, NONE, 3], np.uint32),
        np.arange(5, dtype=np.uint32),
        np.array([1.0, 1.0, 4.0, 5.0, 9.0]),
        np.array([16.0, 9.0, 4.0, 25.0]),
        exponent,
        np.empty((5, 2)),
    )
    np.testing.assert_array_equal(bars, np.array([[1, 3], [1, 4], [3, 5]]) * 2.0**exponent)
