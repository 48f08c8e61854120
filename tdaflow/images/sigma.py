"""One global standard deviation from the ratio ε of neighbouring pixels.

Zhu et al., "Persistence Image from 3D Medical Image: Superpixel and Optimized Gaussian Coefficient" (2024):
a bar at a pixel's centre shall give its diagonal neighbour ε times that pixel's value.
"""

import math

from tdaflow.errors import InputError
from tdaflow.images.axes import Range, Resolution, checked_range, pixel_axes


def sigma_from_epsilon(epsilon: float, birth_range: Range, death_range: Range, resolution: Resolution) -> float:
    """Compute the standard deviation σ = √(−(Δx² + Δy²) / (2 ln ε)).

    Parameters
    ----------
    epsilon : float
        Ratio of diagonally adjacent pixels, 0 < ε < 1.
    birth_range, death_range : (low, high) float
        [m, M] and [n, N]; the latter of persistence in the birth-persistence plane. One of them may have zero width:
        its axis then takes the other's pixel width (as the image does, see :mod:`tdaflow.images.axes`).
    resolution : int or (rows, columns)
        k: Δx = (M−m)/columns, Δy = (N−n)/rows.

    Returns
    -------
    float
        σ > 0 in the units of the diagram.

    Raises
    ------
    InputError
        (a ValueError) for ε outside (0, 1), a range that is not finite or has low > high, two ranges of zero width,
        and a resolution below 1.
    """
    if not 0 < epsilon < 1:
        raise InputError(f"epsilon is {epsilon!r}, outside (0, 1); use a ratio of neighbouring pixels such as 0.95.")
    births, deaths = checked_range("birth_range", birth_range), checked_range("death_range", death_range)
    if births[0] == births[1] and deaths[0] == deaths[1]:
        raise InputError(
            f"birth_range {births} and death_range {deaths} both have zero width and set no scale for sigma; "
            f"widen one of them."
        )
    columns, rows = pixel_axes(births, deaths, resolution)
    return math.hypot(columns.width, rows.width) / math.sqrt(-2 * math.log(epsilon))
