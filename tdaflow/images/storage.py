"""Choice of the floating-point type in which the images of a channel are stored."""

import math
from typing import Literal

import numpy as np

from tdaflow.errors import InputError
from tdaflow.images.axes import Range
from tdaflow.images.options import ImageOptions
from tdaflow.images.weights import bar_weights

# Sizes of a bar's largest pixel that leave room on both sides: for 10⁶ bars above, for tails below.
_HELD = {"float32": (1e-30, 1e30), "float64": (1e-280, 1e280)}
# The images square σ.
_SIGMA = (1e-140, 1e140)


def stored_dtype(options: ImageOptions, name: str, persistence: Range, sigma: float) -> Literal["float32", "float64"]:
    """Choose the narrowest type from ``options.dtype`` up that holds the images of a channel.

    Parameters
    ----------
    options : ImageOptions
    name : str
        Of the channel, for the error.
    persistence : (low, high) float
        Of its bars, in the filtration's unit.
    sigma : float

    Returns
    -------
    "float32" or "float64"

    Raises
    ------
    InputError
        If float64 would not hold them either.
    """
    size = largest_pixel(options, persistence, sigma)
    if _SIGMA[0] <= sigma <= _SIGMA[1]:
        if options.dtype == "float32" and _HELD["float32"][0] <= size <= _HELD["float32"][1]:
            return "float32"
        if _HELD["float64"][0] <= size <= _HELD["float64"][1]:
            return "float64"
    raise InputError(
        f"the images of {name} would have pixels of about {size:.0e} (σ = {sigma:.3g}), which no float64 holds; "
        "measure the grey values in another unit, such as --set preprocess.preset=mr"
    )


def largest_pixel(options: ImageOptions, persistence: Range, sigma: float) -> float:
    """Size of the pixel under a typical bar, before its image is added to those of others; 0 or inf beyond float64."""
    if options.normalise in ("max", "sum"):
        return 1.0
    lengths = np.array([max(persistence[1], 0.0)])
    with np.errstate(over="ignore", under="ignore"):
        weight = 1.0
        if options.weight != "gaussian":  # whose largest is 1, at length 0
            # A channel whose bars are all of length 0 has no weight to go by.
            weight = float(np.abs(bar_weights(options.weight, lengths, lengths, sigma)).max()) or 1.0
        if options.sampling != "centre":
            return weight
        return math.exp(min(700.0, max(-740.0, math.log(weight) - math.log(2 * math.pi) - 2 * math.log(sigma))))
