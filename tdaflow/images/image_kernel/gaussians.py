"""Gaussians of many bars along one axis."""

import math

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract"}}

# Added to a number below 2^51, it leaves the nearest integer in the last bits of the sum.
_ROUNDER = 1.5 * 2.0**52
_LN2, _PER_LN2 = math.log(2), 1 / math.log(2)


@intrinsic
def _bits_of(typing_context, number):
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def _number_of(typing_context, bits):
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@njit(inline="always", **OPTIONS)
def exponential(x):
    """e^x for |x| ≤ 708, several at once, which the library's is not; within 5e-16, far from 1 within 3e-14.

    It is 2^n·e^r with |r| ≤ ln 2/2, of which Taylor's series is cut at 2e-16.
    """
    shifted = x * _PER_LN2 + _ROUNDER
    r = x - (shifted - _ROUNDER) * _LN2
    p = 1 / 479001600.0
    p = p * r + 1 / 39916800.0
    p = p * r + 1 / 3628800.0
    p = p * r + 1 / 362880.0
    p = p * r + 1 / 40320.0
    p = p * r + 1 / 5040.0
    p = p * r + 1 / 720.0
    p = p * r + 1 / 120.0
    p = p * r + 1 / 24.0
    p = p * r + 1 / 6.0
    p = p * r + 0.5
    p = p * (r * r) + r
    return _number_of(_bits_of(p + 1.0) + (_bits_of(shifted) << 52))


@njit(**OPTIONS)
def _first_of_several(place, weights, centre, sharpness, limit, gaussian, ratio):
    """w·exp(−t²) and exp(−2t·sharpness), t the distance of a pixel's centre and a bar."""
    for bar in range(len(place)):
        t = min(max((centre - place[bar]) * sharpness, -limit), limit)
        gaussian[bar] = weights[bar] * exponential(-t * t)
        ratio[bar] = exponential(-2 * sharpness * t)


@njit(**OPTIONS)
def _next_of_several(gaussian, ratio, factor, row):
    for bar in range(len(row)):
        product = gaussian[bar] * ratio[bar]
        gaussian[bar] = product
        row[bar] = product * factor


@njit(**OPTIONS)
def _directly(place, weights, centre, sharpness, limit, row):
    for bar in range(len(row)):
        t = min(max((centre - place[bar]) * sharpness, -limit), limit)
        row[bar] = weights[bar] * exponential(-t * t)


@njit(**OPTIONS)
def _integrated(place, centre, sharpness, limit, series, row):
    """Multiply by the series in x = −t² (Horner's rule); its error is small beside a bar's peak, but may be below 0."""
    c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11 = series
    for bar in range(len(row)):
        t = min(max((centre - place[bar]) * sharpness, -limit), limit)
        x = -t * t
        p = c11 * x + c10
        p = p * x + c9
        p = p * x + c8
        p = p * x + c7
        p = p * x + c6
        p = p * x + c5
        p = p * x + c4
        p = p * x + c3
        p = p * x + c2
        p = p * x + c1
        p = p * x + c0
        row[bar] *= max(p, 0.0)


@njit(**OPTIONS)
def fill(values, weights, start, width, sharpness, count, first, limit, least, group, mode, series, out):
    """Write the Gaussians of bars, times their weights, at pixels of an axis.

    Parameters
    ----------
    values, weights : (n,) float64
    start, width : float
        Of the axis' first pixel, in the unit of the values.
    sharpness : float
        Width of a pixel over √2·σ.
    count, first : int
        Pixels of the axis, and the first that is written.
    limit : float
        Distances, in units of √2·σ, beyond this one (≤ √708) count as this one.
    least : float
        Weights that are smaller, in absolute value, count as 0.
    group : int
        Of so many pixels in a row, exp(−t²) is computed of the first alone: those of the next ones are
        exp(−(t + m·s)²) = exp(−t²)·exp(−2t·s)^m·exp(−m²·s²).
    mode : 0, 1 or 2
        exp(−t²) at pixel centres; its integral over each pixel by `series`, or by the error function.
    series : tuple of 12 floats
        Coefficients of `tdaflow.images.profiles.pixel_series`.
    out : (pixels, n) float64, written
    """
    n, n_pixels = len(values), len(out)
    place, kept, gaussian, ratio = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    for bar in range(n):
        place[bar] = (values[bar] - start) / width
        kept[bar] = weights[bar] if abs(weights[bar]) >= least else 0.0
    for pixel in range(n_pixels):
        centre, m = first + pixel + 0.5, pixel % group
        if mode == 2:
            break
        if group == 1:
            _directly(place, kept, centre, sharpness, limit, out[pixel])
        elif m > 0:
            _next_of_several(gaussian, ratio, math.exp(-((m * sharpness) ** 2)), out[pixel])
        else:
            _first_of_several(place, kept, centre, sharpness, limit, gaussian, ratio)
            out[pixel] = gaussian
        if mode == 1:
            _integrated(place, centre, sharpness, limit, series, out[pixel])
    if mode == 0:
        return
    for bar in range(n):
        if mode == 2 or place[bar] < 0 or place[bar] > count:
            # Differences of erfc(|t|) on the side where the pixel lies: the distribution function would lose all
            # digits in the upper tail, where both of its values round to 1. In the pixel that holds the mean: all but
            # both tails.
            before = math.erfc(abs((first - place[bar]) * sharpness))
            for pixel in range(n_pixels):
                edge = first + pixel + 1
                after = math.erfc(abs((edge - place[bar]) * sharpness))
                share = 2 - before - after if edge - 1 <= place[bar] and place[bar] < edge else abs(before - after)
                out[pixel, bar] = 0.5 * kept[bar] * share
                before = after


@njit(**OPTIONS)
def inspect(birth, death, persistence):
    """Return whether bars are finite and none dies before its birth, and whether equal ones follow each other.

    `persistence` is written.
    """
    finite, ordered, repeated = True, True, False
    for bar in range(len(birth)):
        length = death[bar] - birth[bar]
        persistence[bar] = length
        # of a difference without end or number at least one end is none either, or both are huge
        finite &= math.isfinite(birth[bar]) and math.isfinite(death[bar])
        ordered &= not length < 0
        repeated |= bar > 0 and birth[bar] == birth[bar - 1] and death[bar] == death[bar - 1]
    return finite, ordered, repeated


@njit(**OPTIONS)
def sizes(weights):
    """Return the largest absolute value and the sum of them."""
    largest, total = 0.0, 0.0
    for weight in weights:
        largest = max(largest, abs(weight))
        total += abs(weight)
    return largest, total
