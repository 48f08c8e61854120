"""Noisy photographs: the grid of Table 4 of Som et al. 2019."""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

BLUR, TRANSLATION, GAUSSIAN = (2, 3, 4, 5, 6), (0.1, 0.15, 0.2, 0.25, 0.3), (0.02, 0.04, 0.06, 0.08, 0.1)


def noise_grid(images: np.ndarray, seed: int = 0) -> Iterator[tuple[str, float, np.ndarray]]:
    """Yield kind, severity and the changed images.

    Parameters
    ----------
    images : float array (n, height, width, channels)
        Values in [0, 1]; so are those of the changed images.
    seed : int
        Of directions and noise; severities of a kind share their random numbers.

    Yields
    ------
    ("blur", side, images)
        Mean over side×side pixels, edges repeat.
    ("translation", share, images)
        Each image moved by the share of its sides, up or down and left or right at random; black enters.
    ("gaussian", standard deviation, images)
    """
    rng = np.random.default_rng(seed)
    signs = rng.choice((-1, 1), (len(images), 2))
    noise = rng.standard_normal(images.shape)
    for side in BLUR:
        yield "blur", side, ndimage.uniform_filter(images, size=(1, side, side, 1), mode="nearest")
    for share in TRANSLATION:
        steps = np.rint(share * np.array(images.shape[1:3])).astype(int)
        moved = [
            ndimage.shift(image, (*(sign * steps), 0), order=0, mode="constant", cval=0.0, prefilter=False)
            for image, sign in zip(images, signs, strict=True)
        ]
        yield "translation", share, np.stack(moved)
    for deviation in GAUSSIAN:
        yield "gaussian", deviation, np.clip(images + deviation * noise, 0, 1)
