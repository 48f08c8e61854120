"""The 19 statistics of a frame of a three-axis accelerometer, "SF" in Som et al., "PI-Net" (2019), section 5.1."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.errors import InputError

N_STATISTICS = 19
_PAIRS = ((0, 1), (1, 2), (0, 2))


def frame_statistics(frames: ArrayLike) -> NDArray[np.float64]:
    """Statistics of raw frames.

    Parameters
    ----------
    frames : array_like, shape (n, 3, t)
        Accelerations along x, y and z, in their own unit.

    Returns
    -------
    float64 (n, 19)
        Mean, variance and root mean square of each axis; Pearson's coefficient of x–y, y–z and x–z (0 where an axis is
        constant); range d of each axis; √(dx² + dy²), √(dy² + dz²), √(dx² + dz²) and √(dx² + dy² + dz²).

    Raises
    ------
    InputError
        For another shape, and NaN or infinite values.
    """
    values = np.asarray(frames, dtype=np.float64)
    if values.ndim != 3 or values.shape[1] != 3 or values.shape[2] < 1:
        raise InputError(f"frames must have shape (n, 3, t), x, y and z, got {values.shape}")
    if not np.isfinite(values).all():
        raise InputError("frames hold NaN or infinite values; leave these frames out")
    mean, ranges = values.mean(axis=2), np.ptp(values, axis=2)
    centred = values - mean[..., None]
    norms = np.linalg.norm(centred, axis=2)
    together = [(centred[:, a] * centred[:, b]).sum(axis=1) for a, b in _PAIRS]
    products = [norms[:, a] * norms[:, b] for a, b in _PAIRS]
    correlations = [np.divide(s, p, out=np.zeros_like(s), where=p > 0) for s, p in zip(together, products, strict=True)]
    lengths = [np.linalg.norm(ranges[:, list(axes)], axis=1) for axes in (*_PAIRS, (0, 1, 2))]
    return np.column_stack(
        [mean, values.var(axis=2), np.sqrt(np.square(values).mean(axis=2)), *correlations, ranges, *lengths]
    )
