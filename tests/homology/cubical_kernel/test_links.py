"""The catalogue: every possible lower link, each with a gradient as small as its homology allows."""

import itertools

import numpy as np
import pytest

from tdaflow.homology.cubical_kernel.compiled_cache import stage


@pytest.fixture(scope="module")
def links():
    return stage("links")


@pytest.fixture(scope="module")
def catalogue(links):
    keys, numbers, entries = links.catalogue()
    taken = keys != -1
    return dict(zip(keys[taken].tolist(), entries[numbers[taken]], strict=True))


def cells_of(link, links):
    """Vertices, edges and triangles of a subcomplex of the octahedron's surface."""
    return (
        [v for v in range(6) if link >> v & 1],
        [s for s in range(12) if link >> (links.FIRST_SQUARE + s) & 1],
        [c for c in range(8) if link >> (links.FIRST_CUBE + c) & 1],
    )


def n_components(nodes, joins):
    parent = {node: node for node in nodes}

    def root(node):
        while parent[node] != node:
            node = parent[node]
        return node

    for a, b in joins:
        parent[root(a)] = root(b)
    return sum(parent[node] == node for node in nodes)


def test_it_holds_every_subcomplex_once(catalogue, links):
    assert len(catalogue) == 15935
    for link in catalogue:
        vertices, squares, cubes = cells_of(link, links)
        assert all(set(links.SQUARES[s]) <= set(vertices) for s in squares)
        assert all(set(links.SQUARES_OF_CUBES[c]) <= set(squares) for c in cubes)


def test_critical_cells_are_as_few_as_betti_numbers(catalogue, links):
    for link, entry in catalogue.items():
        if link in (0, links.WHOLE):
            continue
        vertices, squares, cubes = cells_of(link, links)
        components = n_components(vertices, links.SQUARES[squares].tolist())
        loops = components - (len(vertices) - len(squares) + len(cubes))  # no voids: not the whole sphere
        assert entry[links.N_ROOTS] == components
        assert entry[links.N_LOOPS] == loops


def test_a_minimum_has_no_cells_and_a_maximum_no_critical_ones_but_its_cube(catalogue, links):
    assert not catalogue[0].any()
    whole = catalogue[links.WHOLE]
    assert (whole[links.N_ROOTS], whole[links.N_LOOPS]) == (1, 0)


def test_every_edge_is_a_root_or_reached_across_a_square_from_one_nearer_to_a_root(catalogue, links):
    for link, entry in catalogue.items():
        vertices, squares, _ = cells_of(link, links)
        roots = entry[links.ROOTS : links.ROOTS + entry[links.N_ROOTS]].tolist()
        branches = dict(enumerate(entry[links.BRANCHES : links.BRANCHES + 12].reshape(6, 2).tolist()))
        assert [v for v in vertices if branches[v][0] == links.NO_SQUARE] == roots
        for edge in set(vertices) - set(roots):
            steps = 0
            while edge not in roots:
                square, origin = branches[edge]
                assert square in squares
                assert set(links.SQUARES[square].tolist()) == {edge, origin}
                edge, steps = origin, steps + 1
                assert steps < len(vertices)


def test_critical_squares_connect_what_the_link_separates(catalogue, links):
    """The components of the sphere without L are β₁ + 1; the critical squares are the edges of a tree on them."""
    sides = [[c for c in range(8) if s in links.SQUARES_OF_CUBES[c]] for s in range(12)]
    around = [list(itertools.combinations([c for c in range(8) if v in links.CUBES[c]], 2)) for v in range(6)]
    for link, entry in catalogue.items():
        vertices, squares, cubes = cells_of(link, links)
        outside = set(range(8)) - set(cubes)
        joins = [sides[s] for s in range(12) if s not in squares]
        joins += [pair for v in range(6) if v not in vertices for pair in around[v]]
        loops = entry[links.LOOPS : links.LOOPS + 3 * entry[links.N_LOOPS]].reshape(-1, 3).tolist()
        ends = [(a, b) for _, a, b in loops]
        assert all(square in squares and {a, b} <= outside for square, a, b in loops)
        if outside:
            assert n_components(outside, joins) == len(ends) + 1
            assert n_components(outside, joins + ends) == 1


def test_corners_of_a_cube_are_the_seven_other_voxels(links):
    steps = links.NEIGHBOUR_STEPS
    for cube, corners in zip(links.CUBES, links.CORNERS_OF_CUBES, strict=True):
        direction = steps[cube].sum(axis=0)
        expected = {tuple(direction * np.array(on)) for on in itertools.product((0, 1), repeat=3)} - {(0, 0, 0)}
        assert {tuple(steps[bit]) for bit in range(26) if corners >> bit & 1} == expected
