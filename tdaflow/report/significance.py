"""Test which pixels differ between classes by a bootstrap over patients, corrected for multiple pixels."""

from dataclasses import dataclass

import numpy as np

# Least number of units of a class, to estimate its spread.
FEWEST = 8
N_RESAMPLES = 1000
# Elements of one block of resampled means, which bounds the memory.
_BLOCK = 4_000_000


@dataclass(frozen=True)
class Differences:
    """Differences of class means.

    Attributes
    ----------
    means : float64 array (class, pixel)
    differences : float64 array (contrast, pixel)
        See `contrast_weights`.
    p_values : float64 array (contrast, pixel) or None
        Adjusted by the largest studentised difference (max-T) over all contrasts and pixels; 1 where nothing varies.
        None if a class has fewer than `FEWEST` units, or there is one class only.
    """

    means: np.ndarray
    differences: np.ndarray
    p_values: np.ndarray | None


def class_means(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the mean of every class, float64 (class, pixel).

    Parameters
    ----------
    pixels : float array (n, pixel)
    labels : int array (n,)
        Class index, 0 … n_classes − 1, each with one volume at least.
    """
    return np.stack([pixels[labels == k].mean(axis=0, dtype=np.float64) for k in range(int(labels.max()) + 1)])


def class_differences(
    pixels: np.ndarray, labels: np.ndarray, groups: np.ndarray, *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Differences:
    """Compare class means pixel by pixel.

    The null hypothesis is that classes do not differ. A unit is a patient's volumes of one class, or a volume whose
    patient is unknown. In each resample every class draws as many units as it has, with replacement, from the units of
    all classes (Efron and Tibshirani 1993, algorithm 16.1), and each contrast is divided by its standard error in that
    resample. An observed difference is compared with the largest one of every resample over all pixels and contrasts
    (single-step max-T, Westfall and Young 1993), which bounds the chance of even one false pixel.

    Drawing each class from its own units, the usual bootstrap of a difference, underestimates the largest of thousands
    of pixels strongly with the 10 to 50 volumes per class of typical studies.

    Parameters
    ----------
    pixels : float array (n, pixel)
        Finite.
    labels : int array (n,)
        Class index, 0 … n_classes − 1, each with one volume at least.
    groups : array of str (n,)
        Patients; "" where unknown.
    n_resamples : int
        The smallest p-value is 1/(n_resamples + 1).
    seed : int

    Returns
    -------
    Differences
        Differences of means over volumes; patients enter the p-values only.
    """
    means = class_means(pixels, labels)
    weights = contrast_weights(len(means))
    differences = weights @ means
    values, of_class = _units(pixels, labels, groups)
    counts = np.bincount(of_class)
    if len(means) < 2 or counts.min() < FEWEST:
        return Differences(means, differences, None)
    spread = values.std(axis=0)
    varies = spread > 1e-9 * max(float(np.abs(means).max()), np.finfo(float).tiny)
    p_values = np.ones(differences.shape)
    if varies.any():
        standard = ((values - values.mean(axis=0))[:, varies] / spread[varies]).astype(np.float32)
        own = np.stack([(of_class == k).astype(np.float32) for k in range(len(means))])
        observed = np.abs(_studentised(own[None], standard, counts, weights))[0]
        largest = _largest(standard, counts, weights, n_resamples, seed)
        above = n_resamples - np.searchsorted(np.sort(largest), observed, side="left")
        p_values[:, varies] = (1 + above) / (1 + n_resamples)
    return Differences(means, differences, p_values)


def contrast_weights(n_classes: int) -> np.ndarray:
    """Return the weights of the class means in each contrast, float64 (contrast, class).

    No contrast for one class; class 1 minus class 0 for two; for more, class k minus the mean of the means of the other
    classes.
    """
    if n_classes < 2:
        return np.zeros((0, n_classes))
    if n_classes == 2:
        return np.array([[-1.0, 1.0]])
    others = np.full((n_classes, n_classes), -1 / (n_classes - 1))
    np.fill_diagonal(others, 1.0)
    return others


def _units(pixels: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of every unit, float64 (unit, pixel), and its class."""
    keys = [(k, group or i) for i, (k, group) in enumerate(zip(labels.tolist(), groups.tolist(), strict=True))]
    position = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    unit = np.array([position[key] for key in keys])
    sums = np.zeros((len(position), pixels.shape[1]))
    np.add.at(sums, unit, pixels)
    return sums / np.bincount(unit)[:, None], np.array([k for k, _ in position])


def _largest(standard: np.ndarray, counts: np.ndarray, weights: np.ndarray, n_resamples: int, seed: int) -> np.ndarray:
    """Return the largest absolute studentised contrast of each resample, (n_resamples,)."""
    rng = np.random.default_rng(seed)
    n, n_pixels = standard.shape
    block = int(np.clip(_BLOCK // (len(counts) * n_pixels), 1, n_resamples))
    found = []
    for left in range(0, n_resamples, block):
        size = min(block, n_resamples - left)
        drawn = np.stack([rng.multinomial(k, np.full(n, 1 / n), size=size) for k in counts], axis=1)
        contrasts = _studentised(drawn.astype(np.float32), standard, counts, weights)
        found.append(np.abs(contrasts).max(axis=(1, 2)))
    return np.concatenate(found)


def _studentised(drawn: np.ndarray, standard: np.ndarray, counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return contrasts over their standard errors, float32 (resample, contrast, pixel), from counts of drawn units.

    Variances of the classes are pooled, because they are equal under the null hypothesis; a class of few units, of
    which a resample may draw one several times, would otherwise appear to have no spread.
    """
    n_resamples, n_classes, n = drawn.shape
    sizes = counts.astype(np.float32)[None, :, None]
    # Two matrix products are faster than a stack of many small ones.
    flat = drawn.reshape(-1, n)
    sums = (flat @ standard).reshape(n_resamples, n_classes, -1)
    squares = (flat @ standard**2).reshape(n_resamples, n_classes, -1)
    within = (squares - sums**2 / sizes).sum(axis=1) / (counts.sum() - n_classes)
    each = np.sqrt((weights**2 / counts).sum(axis=1)).astype(np.float32)
    error = np.sqrt(np.maximum(within, 0))[:, None] * each[:, None]
    contrasts = np.tensordot(weights.astype(np.float32), sums / sizes, axes=(1, 1)).transpose(1, 0, 2)
    return np.divide(contrasts, error, out=np.zeros_like(contrasts), where=error > 1e-6)
