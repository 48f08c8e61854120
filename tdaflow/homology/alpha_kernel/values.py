"""Alpha filtration values: squared radii of the smallest empty spheres through the simplices.

The value of a simplex is its own squared circumradius if its smallest circumscribed ball holds no other point
(Gabriel), else the minimum over its cofaces (Edelsbrunner, Mücke 1994). Here it is the minimum over its cofaces, and
its own radius as well if it is Gabriel: monotone whatever the rounding, and a simplex that enters with a coface has
that coface's value bit for bit, so its bar of length zero is dropped exactly.

A facet σ of τ, opposite vertex v, is Gabriel with respect to τ if the circumcentre of τ lies strictly on v's side of σ.
If the circumcentre lies in σ both radii agree, so near it either answer is right to second order: a relative
``_TIE`` in distance costs the square of it in the value, and keeps rounding from inventing bars.

Radii come from wedge products of edge vectors, which do not cancel when one axis dominates (16-bit intensities) as
Gram determinants do. With W = |a|² b∧c + |b|² c∧a + |c|² a∧b and T = a∧b∧c the circumcentre o of (0, a, b, c) has
o⌟T = W/2, so R² = |W|²/(4|T|²), and its barycentric coordinate at a is ⟨W, b∧c⟩/(2|T|²).
"""

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.predicates import LANES, NONE, OPTIONS, lifted_minors

_TIE = 1e-10
# The wrapped 64-bit value of a minor is the true one below this (predicates.py).
_INTEGER_SAFE = 2.0**62


@njit(inline="always", **OPTIONS)
def _minor(real, wrapped):
    """A minor's true value: the integer if the rounded one shows that it fits."""
    return np.float64(wrapped) if abs(real) < _INTEGER_SAFE else real


@njit(**OPTIONS)
def cell_spheres(points, integers, unit, exact, vertices, planes, slots, values, centres):
    """Squared circumradius and circumcentre of cells.

    With the origin moved to its first vertex p the lifted hyperplane of a cell is Σ gₖ(iₖ − pₖ) + h₄|x − x(p)|² = 0,
    gₖ = hₖ + 2h₄mₖ²pₖ, so the centre is x(p) − g/(2h₄m) and R² = Σ (gₖ/mₖ)²/(4h₄²).

    Parameters
    ----------
    points, integers : (n + 1, 5) float64 and int64 lifted index points
    unit : (4,) float64
    exact : bool
        Whether ``planes`` are exact; else g is computed anew from differences, as integers where they fit.
    vertices, planes, slots :
        The triangulation and its finite cells.
    values : (cells,) float64, written
        Squared radii in units².
    centres : (cells, 4) float64, written
        Metric coordinates.
    """
    n = slots.shape[0]
    m0, m1, m2, m3 = unit[0], unit[1], unit[2], unit[3]
    i0, i1, i2, i3 = np.int64(m0) ** 2, np.int64(m1) ** 2, np.int64(m2) ** 2, np.int64(m3) ** 2
    for cell in range(n):
        slot = np.int64(slots[cell])
        row = 8 * slot
        p = vertices[row]
        h4 = planes[slot, 4]
        p0, p1, p2, p3 = points[p, 0], points[p, 1], points[p, 2], points[p, 3]
        if exact:
            g0 = planes[slot, 0] + 2.0 * h4 * (m0 * m0 * p0)
            g1 = planes[slot, 1] + 2.0 * h4 * (m1 * m1 * p1)
            g2 = planes[slot, 2] + 2.0 * h4 * (m2 * m2 * p2)
            g3 = planes[slot, 3] + 2.0 * h4 * (m3 * m3 * p3)
        else:
            a, b, c, d = vertices[row + 1], vertices[row + 2], vertices[row + 3], vertices[row + 4]
            a0, a1, a2, a3 = points[a, 0] - p0, points[a, 1] - p1, points[a, 2] - p2, points[a, 3] - p3
            b0, b1, b2, b3 = points[b, 0] - p0, points[b, 1] - p1, points[b, 2] - p2, points[b, 3] - p3
            c0, c1, c2, c3 = points[c, 0] - p0, points[c, 1] - p1, points[c, 2] - p2, points[c, 3] - p3
            d0, d1, d2, d3 = points[d, 0] - p0, points[d, 1] - p1, points[d, 2] - p2, points[d, 3] - p3
            g0, g1, g2, g3, h4 = lifted_minors(
                a0, a1, a2, a3, (m0 * a0) ** 2 + (m1 * a1) ** 2 + (m2 * a2) ** 2 + (m3 * a3) ** 2,
                b0, b1, b2, b3, (m0 * b0) ** 2 + (m1 * b1) ** 2 + (m2 * b2) ** 2 + (m3 * b3) ** 2,
                c0, c1, c2, c3, (m0 * c0) ** 2 + (m1 * c1) ** 2 + (m2 * c2) ** 2 + (m3 * c3) ** 2,
                d0, d1, d2, d3, (m0 * d0) ** 2 + (m1 * d1) ** 2 + (m2 * d2) ** 2 + (m3 * d3) ** 2,
            )  # fmt: skip
            j0, j1, j2, j3 = np.int64(a0), np.int64(a1), np.int64(a2), np.int64(a3)
            k0, k1, k2, k3 = np.int64(b0), np.int64(b1), np.int64(b2), np.int64(b3)
            l0, l1, l2, l3 = np.int64(c0), np.int64(c1), np.int64(c2), np.int64(c3)
            n0, n1, n2, n3 = np.int64(d0), np.int64(d1), np.int64(d2), np.int64(d3)
            w0, w1, w2, w3, _ = lifted_minors(
                j0, j1, j2, j3, i0 * j0 * j0 + i1 * j1 * j1 + i2 * j2 * j2 + i3 * j3 * j3,
                k0, k1, k2, k3, i0 * k0 * k0 + i1 * k1 * k1 + i2 * k2 * k2 + i3 * k3 * k3,
                l0, l1, l2, l3, i0 * l0 * l0 + i1 * l1 * l1 + i2 * l2 * l2 + i3 * l3 * l3,
                n0, n1, n2, n3, i0 * n0 * n0 + i1 * n1 * n1 + i2 * n2 * n2 + i3 * n3 * n3,
            )  # fmt: skip
            g0, g1, g2, g3 = _minor(g0, w0), _minor(g1, w1), _minor(g2, w2), _minor(g3, w3)
        g0, g1, g2, g3 = g0 / m0, g1 / m1, g2 / m2, g3 / m3
        values[cell] = (g0 * g0 + g1 * g1 + g2 * g2 + g3 * g3) / (4.0 * h4 * h4)
        half = -0.5 / h4
        centres[cell, 0] = m0 * p0 + half * g0
        centres[cell, 1] = m1 * p1 + half * g1
        centres[cell, 2] = m2 * p2 + half * g2
        centres[cell, 3] = m3 * p3 + half * g3


@njit(**OPTIONS)
def _spheres(d, out):
    """Normal, |T|², R² and circumcentre numerators of ``LANES`` tetrahedra, written so that LLVM vectorises it.

    Parameters
    ----------
    d : (12 · LANES,) float64
        Edge vectors a, b, c: row 4·vector + coordinate, one lane a tetrahedron.
    out : (9 · LANES,) float64, written
        Rows: the normal dual to T (4), |T|², R², ⟨W, b∧c⟩, ⟨W, c∧a⟩, ⟨W, a∧b⟩.
    """
    for i in range(LANES):
        a0, a1, a2, a3 = d[i], d[LANES + i], d[2 * LANES + i], d[3 * LANES + i]
        b0, b1, b2, b3 = d[4 * LANES + i], d[5 * LANES + i], d[6 * LANES + i], d[7 * LANES + i]
        c0, c1, c2, c3 = d[8 * LANES + i], d[9 * LANES + i], d[10 * LANES + i], d[11 * LANES + i]
        aa = a0 * a0 + a1 * a1 + a2 * a2 + a3 * a3
        bb = b0 * b0 + b1 * b1 + b2 * b2 + b3 * b3
        cc = c0 * c0 + c1 * c1 + c2 * c2 + c3 * c3
        x01, x02, x03 = b0 * c1 - b1 * c0, b0 * c2 - b2 * c0, b0 * c3 - b3 * c0  # b∧c
        x12, x13, x23 = b1 * c2 - b2 * c1, b1 * c3 - b3 * c1, b2 * c3 - b3 * c2
        y01, y02, y03 = c0 * a1 - c1 * a0, c0 * a2 - c2 * a0, c0 * a3 - c3 * a0  # c∧a
        y12, y13, y23 = c1 * a2 - c2 * a1, c1 * a3 - c3 * a1, c2 * a3 - c3 * a2
        z01, z02, z03 = a0 * b1 - a1 * b0, a0 * b2 - a2 * b0, a0 * b3 - a3 * b0  # a∧b
        z12, z13, z23 = a1 * b2 - a2 * b1, a1 * b3 - a3 * b1, a2 * b3 - a3 * b2
        w01 = aa * x01 + bb * y01 + cc * z01
        w02 = aa * x02 + bb * y02 + cc * z02
        w03 = aa * x03 + bb * y03 + cc * z03
        w12 = aa * x12 + bb * y12 + cc * z12
        w13 = aa * x13 + bb * y13 + cc * z13
        w23 = aa * x23 + bb * y23 + cc * z23
        t0 = z12 * c3 - z13 * c2 + z23 * c1
        t1 = z03 * c2 - z02 * c3 - z23 * c0
        t2 = z01 * c3 - z03 * c1 + z13 * c0
        t3 = z02 * c1 - z01 * c2 - z12 * c0
        out[i] = t0
        out[LANES + i] = t1
        out[2 * LANES + i] = t2
        out[3 * LANES + i] = t3
        tt = t0 * t0 + t1 * t1 + t2 * t2 + t3 * t3
        out[4 * LANES + i] = tt
        ww = w01 * w01 + w02 * w02 + w03 * w03 + w12 * w12 + w13 * w13 + w23 * w23
        out[5 * LANES + i] = 0.25 * ww / tt
        out[6 * LANES + i] = w01 * x01 + w02 * x02 + w03 * x03 + w12 * x12 + w13 * x13 + w23 * x23
        out[7 * LANES + i] = w01 * y01 + w02 * y02 + w03 * y03 + w12 * y12 + w13 * y13 + w23 * y23
        out[8 * LANES + i] = w01 * z01 + w02 * z02 + w03 * z03 + w12 * z12 + w13 * z13 + w23 * z23


@njit(**OPTIONS)
def tetrahedron_values(metric, tetrahedra, cofaces, opposite, cell_values, centres, values, gabriel):
    """Alpha values of tetrahedra, and which of their triangles are Gabriel with respect to them.

    Parameters
    ----------
    metric : (n + 1, 4) float64 metric coordinates
    tetrahedra : (m, 4) uint32
    cofaces, opposite : (m, 2) uint32
        Cells on both sides (``NONE`` for none) and their remaining vertices. In a 3-flat: all ``NONE``.
    cell_values, centres :
        From ``cell_spheres``.
    values : (m,) float64, written
    gabriel : (m,) uint8, written
        Bit j is set if the triangle opposite vertex j is Gabriel with respect to the tetrahedron.
    """
    n = tetrahedra.shape[0]
    d = np.zeros(12 * LANES, np.float64)
    out = np.empty(9 * LANES, np.float64)
    for block in range(0, n, LANES):
        used = min(LANES, n - block)
        for i in range(used):
            t = block + i
            p = tetrahedra[t, 0]
            p0, p1, p2, p3 = metric[p, 0], metric[p, 1], metric[p, 2], metric[p, 3]
            for j in range(1, 4):
                q = tetrahedra[t, j]
                at = 4 * LANES * (j - 1) + i
                d[at] = metric[q, 0] - p0
                d[at + LANES] = metric[q, 1] - p1
                d[at + 2 * LANES] = metric[q, 2] - p2
                d[at + 3 * LANES] = metric[q, 3] - p3
        _spheres(d, out)
        for i in range(used):
            t = block + i
            t0, t1, t2, t3 = out[i], out[LANES + i], out[2 * LANES + i], out[3 * LANES + i]
            tt, squared = out[4 * LANES + i], out[5 * LANES + i]
            alpha, beta, gamma = out[6 * LANES + i], out[7 * LANES + i], out[8 * LANES + i]
            tie = _TIE * tt
            flags = np.int64(alpha > tie) << 1 | np.int64(beta > tie) << 2 | np.int64(gamma > tie) << 3
            gabriel[t] = flags | np.int64(2.0 * tt - alpha - beta - gamma > tie)
            p = tetrahedra[t, 0]
            p0, p1, p2, p3 = metric[p, 0], metric[p, 1], metric[p, 2], metric[p, 3]
            value = np.inf
            own = True
            for j in range(2):
                cell = cofaces[t, j]
                if cell == NONE:
                    continue
                v = opposite[t, j]
                radius = cell_values[cell]
                value = min(value, radius)
                centre_side = t0 * (centres[cell, 0] - p0) + t1 * (centres[cell, 1] - p1)
                centre_side += t2 * (centres[cell, 2] - p2) + t3 * (centres[cell, 3] - p3)
                vertex_side = t0 * (metric[v, 0] - p0) + t1 * (metric[v, 1] - p1)
                vertex_side += t2 * (metric[v, 2] - p2) + t3 * (metric[v, 3] - p3)
                own &= (centre_side > 0.0) == (vertex_side > 0.0)
                own &= centre_side * centre_side > _TIE * _TIE * tt * radius
            values[t] = min(value, squared if own else np.inf)


@njit(**OPTIONS)
def triangle_values(metric, triangles, faces, tetrahedron_values, gabriel, values, own, edge_gabriel):
    """Alpha values of triangles and which of their edges are Gabriel with respect to them.

    Parameters
    ----------
    metric : (n + 1, 4) float64
    triangles : (m, 3) uint32
    faces : (tetrahedra, 4) uint32
        Triangle opposite each vertex of each tetrahedron; empty in a plane.
    tetrahedron_values, gabriel :
        From ``tetrahedron_values``.
    values : (m,) float64, written
    own : (m,) uint8
        Room to work.
    edge_gabriel : (m,) uint8, written
        Bit j is set if the angle at vertex j is acute: the opposite edge is Gabriel with respect to the triangle.
    """
    n = triangles.shape[0]
    for t in range(n):
        values[t] = np.inf
        own[t] = 1
    for t in range(faces.shape[0]):
        value = tetrahedron_values[t]
        flags = gabriel[t]
        for j in range(4):
            face = faces[t, j]
            values[face] = min(values[face], value)
            own[face] &= (flags >> j) & 1
    for t in range(n):
        p, q, r = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        a0, a1 = metric[q, 0] - metric[p, 0], metric[q, 1] - metric[p, 1]
        a2, a3 = metric[q, 2] - metric[p, 2], metric[q, 3] - metric[p, 3]
        b0, b1 = metric[r, 0] - metric[p, 0], metric[r, 1] - metric[p, 1]
        b2, b3 = metric[r, 2] - metric[p, 2], metric[r, 3] - metric[p, 3]
        aa = a0 * a0 + a1 * a1 + a2 * a2 + a3 * a3
        bb = b0 * b0 + b1 * b1 + b2 * b2 + b3 * b3
        ab = a0 * b0 + a1 * b1 + a2 * b2 + a3 * b3
        c0, c1, c2, c3 = a0 - b0, a1 - b1, a2 - b2, a3 - b3
        cc = c0 * c0 + c1 * c1 + c2 * c2 + c3 * c3
        at_q = a0 * c0 + a1 * c1 + a2 * c2 + a3 * c3
        at_r = -(b0 * c0 + b1 * c1 + b2 * c2 + b3 * c3)
        flags = 1 if ab > _TIE * cc else 0
        flags |= 2 if at_q > _TIE * bb else 0
        flags |= 4 if at_r > _TIE * aa else 0
        edge_gabriel[t] = flags
        if own[t]:
            z01, z02, z03 = a0 * b1 - a1 * b0, a0 * b2 - a2 * b0, a0 * b3 - a3 * b0
            z12, z13, z23 = a1 * b2 - a2 * b1, a1 * b3 - a3 * b1, a2 * b3 - a3 * b2
            area = z01 * z01 + z02 * z02 + z03 * z03 + z12 * z12 + z13 * z13 + z23 * z23
            values[t] = min(values[t], aa * bb * cc / (4.0 * area))


@njit(**OPTIONS)
def edge_values(metric, edges, faces, triangle_values, gabriel, values, own):
    """Alpha values of edges: |e|²/4 if no triangle has a right or obtuse angle opposite, else the triangles' minimum.

    Parameters
    ----------
    metric : (n + 1, 4) float64
    edges : (m, 2) uint32
    faces : (triangles, 3) uint32
        Edge opposite each vertex of each triangle; empty on a line.
    triangle_values, gabriel :
        From ``triangle_values``.
    values : (m,) float64, written
    own : (m,) uint8
        Room to work.
    """
    n = edges.shape[0]
    for e in range(n):
        values[e] = np.inf
        own[e] = 1
    for t in range(faces.shape[0]):
        value = triangle_values[t]
        flags = gabriel[t]
        for j in range(3):
            face = faces[t, j]
            values[face] = min(values[face], value)
            own[face] &= (flags >> j) & 1
    for e in range(n):
        if own[e]:
            p, q = edges[e, 0], edges[e, 1]
            a0, a1 = metric[q, 0] - metric[p, 0], metric[q, 1] - metric[p, 1]
            a2, a3 = metric[q, 2] - metric[p, 2], metric[q, 3] - metric[p, 3]
            values[e] = min(values[e], 0.25 * (a0 * a0 + a1 * a1 + a2 * a2 + a3 * a3))
