"""H₁ by reduction: what an edge is homologous to, followed along the gradient.

An edge that is paired with a square of its star is homologous to the sum of the three other edges of that square, all
earlier. Edges that join two components bound no loop and count as nothing. So every edge is a sum of critical edges
that have created a loop. A *node* stands for one such critical edge (numbered from 1, in filtration order) or for a sum
of lower nodes (numbered after those); most edges are nothing (node 0) or equal to one node, and need none of their own.
Only the edges that some column asks for are followed, each once.

A critical square that closes no void (clearing: Chen, Kerber 2011) ends a loop: that of the latest critical edge in the
sum of its four edges, once all sums in it and critical edges whose loops have ended are replaced by what they stand
for. From then on this critical edge stands for the sum of the others. This is the column reduction of the Morse complex
(Robins, Wood, Sheppard 2011) without writing that down.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.bits import highest_bit
from tdaflow.homology.alpha_kernel.persistence import find
from tdaflow.homology.alpha_kernel.predicates import OPTIONS
from tdaflow.homology.cubical_kernel.links import BRANCHES, N_ROOTS, ROOTS, SQUARES

_OPEN = -1
# An edge that is not followed yet, and one that is a sum of several nodes, which only `pair_loops` numbers.
_UNKNOWN, _SUM = -1, -2
_ONE = np.uint64(1)


class _Gradient(NamedTuple):
    """The grid and its gradient, as in ``pair_loops``; ``path`` is room for a walk: an edge and its terms in a row."""

    values: Any
    strides: Any
    link: Any
    entries: Any
    near: Any
    far: Any
    path: Any


class _Nodes(NamedTuple):
    """What is known of nodes; they may be equal to an earlier one, or to node 0.

    A node from ``n_born`` + 1 on is the sum of three in ``sums``. One before that has its terms, as many as ``size``
    and from ``first`` on, in an array of their own; or it is open.
    """

    of_edge: Any
    equal_to: Any
    sums: Any
    first: Any
    size: Any


class _Column(NamedTuple):
    """A set of nodes, one bit each, and a bit for each word that may not be empty."""

    words: Any
    summary: Any


@njit(**OPTIONS)
def mark_edges(places, link, entries, near, node_of):
    """Count the edges that voxels are paired with, and the critical ones, as nothing.

    Parameters
    ----------
    places : of a ``Grid``, or a part of them
    link, entries : as in ``components``
    near : of ``links.edges_of_squares``
    node_of : (4 · p,) int32, written
        By edge. 0 for edges of a border that is there from the start, else -1.
    """
    for place in places:
        entry = link[place]
        for i in range(entries[entry, N_ROOTS]):
            node_of[4 * np.int64(place) + near[entries[entry, ROOTS + i]]] = 0


@njit(**OPTIONS)
def number_edges(born, near, node_of):
    """Give the critical edges that create a loop their nodes; parameters as in ``pair_loops``."""
    for i in range(born.shape[0]):
        node_of[4 * np.int64(born[i, 0]) + near[born[i, 1]]] = i + 1


@njit(**OPTIONS)
def follow_edges(values, strides, link, entries, near, far, ending, node_of):
    """Find the nodes of the edges of some critical squares that are nothing or one critical edge, which most are.

    What an edge is does not depend on the order in which edges are followed, so several threads may write to one
    `node_of`, each for some of the squares. Parameters are those of ``pair_loops``.
    """
    path = np.empty((3 * values.shape[0] + 1, 4), np.int32)  # memory that is never written costs nothing
    gradient = _Gradient(values, strides, link, entries, near, far, path)
    for s in range(ending.shape[0]):
        here = np.int64(ending[s, 0])
        square = ending[s, 1]
        for i in range(4):
            edge = 4 * here + (near[SQUARES[square, i]] if i < 2 else far[square, i - 2])
            if node_of[edge] == _UNKNOWN:
                _follow_single(edge, gradient, node_of)


@njit(**OPTIONS)
def _follow_single(edge, gradient, node_of):
    """Follow an edge, and what is on the way, as far as they are single nodes; others become `_SUM`."""
    path = gradient.path
    depth = 0
    _write_terms(edge, gradient, depth)
    while depth >= 0:
        a, b, c = (
            np.int64(node_of[path[depth, 1]]),
            np.int64(node_of[path[depth, 2]]),
            np.int64(node_of[path[depth, 3]]),
        )
        if a == _SUM or b == _SUM or c == _SUM:
            node = np.int64(_SUM)
        elif a < 0 or b < 0 or c < 0:
            edge = np.int64(path[depth, 1] if a < 0 else (path[depth, 2] if b < 0 else path[depth, 3]))
            depth += 1
            _write_terms(edge, gradient, depth)
            continue
        elif a == b:
            node = c
        elif a == c:
            node = b
        elif b == c:
            node = a
        else:
            node = np.int64(_SUM)
        node_of[path[depth, 0]] = node
        depth -= 1


@njit(**OPTIONS)
def pair_loops(values, strides, link, entries, near, far, born, ending, node_of, bars):
    """H₁ of the sublevel sets.

    Parameters
    ----------
    values, strides : of a ``Grid``
    link, entries : as in ``components``
    near, far : of ``links.edges_of_squares``
    born, ending : (m, 2) int32
        Critical edges and squares, of ``components``.
    node_of : (4 · p,) int32, written
        By edge, as ``mark_edges`` and ``number_edges`` have left it; ``follow_edges`` spares most of the work.
    bars : (≥ m, 2) int32, written
        Places where a bar of positive length begins and ends.

    Returns
    -------
    int
        How many bars were written.
    """
    n_born = born.shape[0]
    # Three edges a place at most. Memory that is never written costs nothing.
    capacity = n_born + 3 * values.shape[0] + 1
    path = np.empty((capacity, 4), np.int32)
    gradient = _Gradient(values, strides, link, entries, near, far, path)
    nodes = _Nodes(
        node_of,
        np.empty(capacity, np.int32),
        np.empty((capacity, 3), np.int32),
        np.empty(n_born + 1, np.int64),
        np.full(n_born + 1, _OPEN, np.int32),
    )
    column = _Column(np.zeros((capacity >> 6) + 1, np.uint64), np.zeros((capacity >> 12) + 1, np.uint64))
    for i in range(n_born + 1):
        nodes.equal_to[i] = i
    terms = np.empty(n_born + 1024, np.int32)
    state = np.array([ending.shape[0], n_born + 1, 0, 0])  # squares left, nodes, terms, bars
    while True:
        _end_loops(gradient, nodes, column, born, ending, terms, state, bars)
        if state[0] == 0:
            return state[3]
        larger = np.empty(2 * terms.shape[0], np.int32)
        for i in range(state[2]):
            larger[i] = terms[i]
        terms = larger


@njit(**OPTIONS)
def _end_loops(gradient, nodes, column, born, ending, terms, state, bars):
    """Reduce the columns of critical squares until all are done or the terms of one more might not fit.

    Arrays do not grow here: numba counts references to an array that a loop may replace, in every turn.
    """
    left, n_nodes, used, count = state
    n_born = born.shape[0]
    while left > 0 and used + n_born <= terms.shape[0]:
        left -= 1
        here = np.int64(ending[left, 0])
        square = ending[left, 1]
        top = np.int64(-1)
        for i in range(4):
            edge = 4 * here + (gradient.near[SQUARES[square, i]] if i < 2 else gradient.far[square, i - 2])
            if nodes.of_edge[edge] < 0:
                n_nodes = _follow(edge, gradient, nodes, n_nodes)
            top = _add(np.int64(nodes.of_edge[edge]), nodes.equal_to, column, top)
        latest = 0
        begin = used
        while True:
            node, top = _take_latest(column, top)
            if node == 0:
                break
            if node > n_born:
                for k in range(3):
                    _add(np.int64(nodes.sums[node, k]), nodes.equal_to, column, top)
            elif nodes.size[node] != _OPEN:
                for k in range(nodes.first[node], nodes.first[node] + nodes.size[node]):
                    _add(np.int64(terms[k]), nodes.equal_to, column, top)
            elif latest == 0:
                latest = node
            else:
                terms[used] = node
                used += 1
        begins = born[latest - 1, 0]
        if gradient.values[begins] < gradient.values[here]:
            bars[count, 0] = begins
            bars[count, 1] = here
            count += 1
        nodes.first[latest] = begin
        nodes.size[latest] = used - begin
        if used - begin < 2:
            nodes.equal_to[latest] = terms[begin] if used > begin else 0
    state[0] = left
    state[1] = n_nodes
    state[2] = used
    state[3] = count


@njit(**OPTIONS)
def _follow(edge, gradient, nodes, n_nodes):
    """Find the node of an edge, and of all edges on the way there; return the number of nodes."""
    path, of_edge, equal_to = gradient.path, nodes.of_edge, nodes.equal_to
    # The first row asks for the edge and nothing else.
    path[0, 1] = path[0, 2] = path[0, 3] = edge
    depth = 0
    while True:
        a, b, c = (
            np.int64(of_edge[path[depth, 1]]),
            np.int64(of_edge[path[depth, 2]]),
            np.int64(of_edge[path[depth, 3]]),
        )
        if a < 0 or b < 0 or c < 0:
            edge = np.int64(path[depth, 1] if a < 0 else (path[depth, 2] if b < 0 else path[depth, 3]))
            depth += 1
            _write_terms(edge, gradient, depth)
            continue
        if depth == 0:
            return n_nodes
        node = 0
        if a | b | c != 0:
            a, b, c = find(equal_to, a), find(equal_to, b), find(equal_to, c)
            if a == b:
                node = c
            elif a == c:
                node = b
            elif b == c:
                node = a
            else:
                node = n_nodes
                n_nodes += 1
                equal_to[node] = node
                nodes.sums[node, 0] = a
                nodes.sums[node, 1] = b
                nodes.sums[node, 2] = c
        of_edge[path[depth, 0]] = node
        depth -= 1


@njit(**OPTIONS)
def _write_terms(edge, gradient, depth):
    """Write an edge that is paired with a square, and the square's three other edges, in a row of the path."""
    place = edge >> 2
    axis = edge & 3
    # The edge is in the star of its later end.
    direction = 2 * axis
    far_end = place + gradient.strides[axis]
    if gradient.values[far_end] < gradient.values[place]:
        direction += 1
    else:
        place = far_end
    entry = gradient.link[place]
    square = gradient.entries[entry, BRANCHES + 2 * direction]
    gradient.path[depth, 0] = edge
    gradient.path[depth, 1] = 4 * place + gradient.near[gradient.entries[entry, BRANCHES + 2 * direction + 1]]
    gradient.path[depth, 2] = 4 * place + gradient.far[square, 0]
    gradient.path[depth, 3] = 4 * place + gradient.far[square, 1]


@njit(**OPTIONS)
def _add(node, equal_to, column, top):
    """Add a node to a column and return the highest word of its summary."""
    node = find(equal_to, node)
    if node == 0:
        return top
    column.words[node >> 6] ^= _ONE << np.uint64(node & 63)
    column.summary[node >> 12] |= _ONE << np.uint64((node >> 6) & 63)
    return max(top, node >> 12)


@njit(**OPTIONS)
def _take_latest(column, top):
    """Remove the largest node from a column and return it, 0 if there is none, with the summary's highest word."""
    while top >= 0:
        if column.summary[top] == 0:
            top -= 1
            continue
        word = (top << 6) + highest_bit(column.summary[top])
        if column.words[word] == 0:
            column.summary[top] ^= _ONE << np.uint64(word & 63)
            continue
        bit = highest_bit(column.words[word])
        column.words[word] ^= _ONE << np.uint64(bit)
        return (word << 6) + bit, top
    return 0, top
