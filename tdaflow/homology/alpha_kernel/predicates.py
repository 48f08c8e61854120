"""Exact signs for lifted 4D Delaunay triangulation: hyperplanes and in-sphere tests on lattice points.

A point q with index coordinates (x, y, z, w) is lifted to (x, y, z, w, l), l = Σ mₖ² iₖ² its squared metric length
(Edelsbrunner, Seidel 1986). Five points span a hyperplane of the lifted space,

    s(q) = h₀x + h₁y + h₂z + h₃w + h₄l + h₅,

whose coefficients are 4×4 minors; oriented so that h₄ < 0, s(q) > 0 exactly if q is strictly inside their sphere.
A cell with the vertex at infinity spans a hyperplane of R⁴ (h₄ = 0), s(q) > 0 outside the hull.

Exactness. Let Dₖ = 2Rₖ, Π = ΠDₖ, L = Σ mₖ²Rₖ². s at points of the box is a 6×6 determinant with l in [0, L]: at most
5ΠL (Hadamard's bound for 0/1 matrices of order 5). All partial sums of (h₅ + h₄l + (h₀x + h₁y)) + (h₂z + h₃w), and of
h₅ itself, are values of s at points of the box or sums of two products hₖiₖ of at most 1.5ΠL each, so the same bound
holds; other products and minors stay below 6ΠL. Hence with 7.5ΠL < 2⁵³ float64 (fused or not) computes every sign
exactly.

Filter. With u = 2⁻⁵³, l has error uL, a difference of lifts 3uL, a 2×2 minor with a lift 10u·DᵢL, a 4×4 minor
264u·ΠL/Dₖ, h₅ 1000u·ΠL and s 2100u·ΠL (first order, crude terms): ``error`` of ``lattice.Predicates`` is 8192u·ΠL.
Where |s| ≤ error the true integer is below 2·error < 2⁶³, therefore equal to its value modulo 2⁶⁴, which wrapping
int64 arithmetic gives. h₄ and the hyperplanes at infinity are exact float64 integers in both cases (24Π < 2⁵³).
"""

from numba import njit

# Cells whose hyperplanes are computed together: two AVX-512 registers, four AVX2 ones.
LANES = 16
# Ids are unsigned: a signed index costs a test for counting from the end at each access.
NONE = 0xFFFFFFFF
OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract"}}


@njit(inline="always", **OPTIONS)
def lifted_minors(a0, a1, a2, a3, a4, b0, b1, b2, b3, b4, c0, c1, c2, c3, c4, d0, d1, d2, d3, d4):
    """Cofactors h₀…h₄ of the last row in det[a; b; c; d; ·] (5×5), by Laplace expansion in 2×2 minors."""
    p01 = a0 * b1 - a1 * b0
    p02 = a0 * b2 - a2 * b0
    p03 = a0 * b3 - a3 * b0
    p04 = a0 * b4 - a4 * b0
    p12 = a1 * b2 - a2 * b1
    p13 = a1 * b3 - a3 * b1
    p14 = a1 * b4 - a4 * b1
    p23 = a2 * b3 - a3 * b2
    p24 = a2 * b4 - a4 * b2
    p34 = a3 * b4 - a4 * b3
    q01 = c0 * d1 - c1 * d0
    q02 = c0 * d2 - c2 * d0
    q03 = c0 * d3 - c3 * d0
    q04 = c0 * d4 - c4 * d0
    q12 = c1 * d2 - c2 * d1
    q13 = c1 * d3 - c3 * d1
    q14 = c1 * d4 - c4 * d1
    q23 = c2 * d3 - c3 * d2
    q24 = c2 * d4 - c4 * d2
    q34 = c3 * d4 - c4 * d3
    h0 = p12 * q34 - p13 * q24 + p14 * q23 + p23 * q14 - p24 * q13 + p34 * q12
    h1 = -(p02 * q34 - p03 * q24 + p04 * q23 + p23 * q04 - p24 * q03 + p34 * q02)
    h2 = p01 * q34 - p03 * q14 + p04 * q13 + p13 * q04 - p14 * q03 + p34 * q01
    h3 = -(p01 * q24 - p02 * q14 + p04 * q12 + p12 * q04 - p14 * q02 + p24 * q01)
    h4 = p01 * q23 - p02 * q13 + p03 * q12 + p12 * q03 - p13 * q02 + p23 * q01
    return h0, h1, h2, h3, h4


@njit(inline="always", **OPTIONS)
def evaluate(planes, cell, x, y, z, w, lift):
    """s(q), in the order of summation that the bound assumes."""
    s = planes[cell, 5] + planes[cell, 4] * lift
    t = planes[cell, 0] * x + planes[cell, 1] * y
    u = planes[cell, 2] * z + planes[cell, 3] * w
    return (s + t) + u


@njit(**OPTIONS)
def finite_planes(differences, planes_block, e0, e1, e2, e3, e4):
    """Oriented coefficients of ``LANES`` cells that share their last vertex e, written so that LLVM vectorises it.

    Parameters
    ----------
    differences : (20 · LANES,) float64
        Lifted coordinates of the four other vertices minus those of e: row 5·vertex + coordinate, one lane a cell.
    planes_block : (6 · LANES,) float64, written
        h₀…h₅, one lane a cell.
    e0, e1, e2, e3, e4 : float
        Lifted coordinates of e.
    """
    d = differences
    for i in range(LANES):
        h0, h1, h2, h3, h4 = lifted_minors(
            d[i], d[LANES + i], d[2 * LANES + i], d[3 * LANES + i], d[4 * LANES + i],
            d[5 * LANES + i], d[6 * LANES + i], d[7 * LANES + i], d[8 * LANES + i], d[9 * LANES + i],
            d[10 * LANES + i], d[11 * LANES + i], d[12 * LANES + i], d[13 * LANES + i], d[14 * LANES + i],
            d[15 * LANES + i], d[16 * LANES + i], d[17 * LANES + i], d[18 * LANES + i], d[19 * LANES + i],
        )  # fmt: skip
        sign = -1.0 if h4 > 0.0 else 1.0
        h0 *= sign
        h1 *= sign
        h2 *= sign
        h3 *= sign
        h4 *= sign
        planes_block[i] = h0
        planes_block[LANES + i] = h1
        planes_block[2 * LANES + i] = h2
        planes_block[3 * LANES + i] = h3
        planes_block[4 * LANES + i] = h4
        planes_block[5 * LANES + i] = -(h0 * e0 + h1 * e1 + h2 * e2 + h3 * e3 + h4 * e4)


@njit(**OPTIONS)
def plane_at_infinity(planes, cell, points, a, b, c, e):
    """Write the hyperplane of R⁴ through points a, b, c, e, positive outside the hull.

    Points 1…5 span a simplex of the triangulation's start, so none is outside and one is not on the hyperplane.
    """
    e0, e1, e2, e3 = points[e, 0], points[e, 1], points[e, 2], points[e, 3]
    a0, a1, a2, a3 = points[a, 0] - e0, points[a, 1] - e1, points[a, 2] - e2, points[a, 3] - e3
    b0, b1, b2, b3 = points[b, 0] - e0, points[b, 1] - e1, points[b, 2] - e2, points[b, 3] - e3
    c0, c1, c2, c3 = points[c, 0] - e0, points[c, 1] - e1, points[c, 2] - e2, points[c, 3] - e3
    p01 = a0 * b1 - a1 * b0
    p02 = a0 * b2 - a2 * b0
    p03 = a0 * b3 - a3 * b0
    p12 = a1 * b2 - a2 * b1
    p13 = a1 * b3 - a3 * b1
    p23 = a2 * b3 - a3 * b2
    h0 = -(p12 * c3 - p13 * c2 + p23 * c1)
    h1 = p02 * c3 - p03 * c2 + p23 * c0
    h2 = -(p01 * c3 - p03 * c1 + p13 * c0)
    h3 = p01 * c2 - p02 * c1 + p12 * c0
    h5 = -(h0 * e0 + h1 * e1 + h2 * e2 + h3 * e3)
    for v in range(1, 6):
        s = h5 + h0 * points[v, 0] + h1 * points[v, 1] + h2 * points[v, 2] + h3 * points[v, 3]
        if s != 0.0:
            if s > 0.0:
                h0, h1, h2, h3, h5 = -h0, -h1, -h2, -h3, -h5
            break
    planes[cell, 0] = h0
    planes[cell, 1] = h1
    planes[cell, 2] = h2
    planes[cell, 3] = h3
    planes[cell, 4] = 0.0
    planes[cell, 5] = h5


@njit(**OPTIONS)
def inside_sphere_exact(integers, vertices, cell, q):
    """Whether point q is strictly inside the sphere of a finite cell, from the value of s(q) modulo 2⁶⁴.

    Parameters
    ----------
    integers : (n + 1, 5) int64 lifted points, the lift modulo 2⁶⁴
    vertices : flat uint32, eight to a cell (``delaunay``)
    """
    row = 8 * cell
    g, a, b, c, e = vertices[row], vertices[row + 1], vertices[row + 2], vertices[row + 3], vertices[row + 4]
    e0, e1, e2, e3, e4 = integers[e, 0], integers[e, 1], integers[e, 2], integers[e, 3], integers[e, 4]
    h0, h1, h2, h3, h4 = lifted_minors(
        integers[g, 0] - e0, integers[g, 1] - e1, integers[g, 2] - e2, integers[g, 3] - e3, integers[g, 4] - e4,
        integers[a, 0] - e0, integers[a, 1] - e1, integers[a, 2] - e2, integers[a, 3] - e3, integers[a, 4] - e4,
        integers[b, 0] - e0, integers[b, 1] - e1, integers[b, 2] - e2, integers[b, 3] - e3, integers[b, 4] - e4,
        integers[c, 0] - e0, integers[c, 1] - e1, integers[c, 2] - e2, integers[c, 3] - e3, integers[c, 4] - e4,
    )  # fmt: skip
    s = h0 * (integers[q, 0] - e0) + h1 * (integers[q, 1] - e1) + h2 * (integers[q, 2] - e2)
    s += h3 * (integers[q, 3] - e3) + h4 * (integers[q, 4] - e4)
    return s < 0 if h4 > 0 else s > 0


@njit(inline="always", **OPTIONS)
def inside_sphere(s, error, integers, vertices, cell, q):
    """Decide s(q) > 0 from its float value: at once beyond ``error``, exactly within it; on the sphere is outside."""
    if s > error:
        return True
    if error == 0.0 or s < -error:
        return False
    return inside_sphere_exact(integers, vertices, cell, q)
