"""Signs against determinants in Python's integers."""

import itertools

import numpy as np
import pytest

from tdaflow.homology.alpha_kernel.compiled_cache import stage
from tdaflow.homology.alpha_kernel.lattice import choose_predicates


def determinant(rows):
    """Exact determinant of a small integer matrix (Leibniz by cofactors)."""
    if len(rows) == 1:
        return rows[0][0]
    minors = ([row[:j] + row[j + 1 :] for row in rows[1:]] for j in range(len(rows)))
    return sum((-1) ** j * rows[0][j] * determinant(m) for j, m in enumerate(minors) if rows[0][j])


def inside(simplex, query, unit):
    """Whether the query is strictly inside the sphere through five points; exact."""
    lifted = [
        [int(x) for x in p] + [sum((int(x) * int(m)) ** 2 for x, m in zip(p, unit, strict=True))] for p in simplex
    ]
    q = [int(x) for x in query] + [sum((int(x) * int(m)) ** 2 for x, m in zip(query, unit, strict=True))]
    rows = [[a - b for a, b in zip(row, q, strict=True)] for row in lifted]
    orientation = determinant([[a - b for a, b in zip(r[:4], lifted[0][:4], strict=True)] for r in lifted[1:]])
    return orientation, determinant(rows)


def kernel_inside(points, unit):
    """Sign by the kernel for the sixth point against the sphere of the first five."""
    predicates = choose_predicates(points, unit)
    wrapped = np.zeros((7, 5), np.int64)
    wrapped[1:, :4] = points
    lengths = points * unit
    with np.errstate(over="ignore"):
        wrapped[1:, 4] = (lengths * lengths).sum(axis=1)
    lifted = wrapped.astype(float)
    lifted[1:, 4] = (lengths.astype(float) ** 2).sum(axis=1)
    delaunay = stage("delaunay")
    vertices, neighbours = np.zeros(64, np.uint32), np.zeros(64, np.uint32)
    planes = np.zeros((8, 6))
    delaunay._start(lifted, vertices, neighbours, planes)
    inside = delaunay.in_conflict(0, 6, lifted, wrapped, predicates.error, vertices, neighbours, planes)
    return predicates.name, inside


@pytest.mark.parametrize(
    ("spans", "unit", "name"),
    [
        ((3, 3, 3, 3), (1, 1, 1, 1), "float64"),
        ((27, 27, 27, 255), (1, 1, 1, 1), "float64"),
        ((27, 27, 27, 65535), (1, 1, 1, 1), "filtered"),
        ((500, 500, 500, 65535), (2871, 2871, 4000, 3), "filtered"),
    ],
)
def test_random_signs(spans, unit, name):
    rng = np.random.default_rng(1)
    unit = np.array(unit)
    decided = 0
    for _ in range(200):
        points = rng.integers(0, np.array(spans) + 1, (6, 4)) - (np.array(spans) + 1) // 2
        orientation, sign = inside(points[:5], points[5], unit)
        if orientation == 0:
            continue
        chosen, got = kernel_inside(points, unit)
        decided += chosen == name
        # det[p0-q; …; p4-q] and the orientation of (p1-p0, …): the query is inside iff their product is positive.
        assert got == (sign * orientation > 0)
    assert decided > 100


@pytest.mark.parametrize("radius", [3, 400, 1700])
def test_ties_and_the_nearest_misses(radius):
    """On a sphere is outside; one lattice step inwards is inside, even where float64 cannot tell."""
    axes = np.concatenate([np.eye(4, dtype=np.int64), -np.eye(4, dtype=np.int64)]) * radius
    unit = np.array([1, 1, 1, 1])
    for five in itertools.combinations(range(8), 5):
        rest = next(i for i in range(8) if i not in five)
        for step, expected in ((0, False), (-1, True), (1, False)):
            query = axes[rest] + step * np.sign(axes[rest])
            points = np.concatenate([axes[list(five)], [query]])
            if inside(points[:5], query, unit)[0] != 0:
                assert kernel_inside(points, unit)[1] == expected
