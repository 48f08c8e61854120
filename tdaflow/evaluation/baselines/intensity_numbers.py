"""First-order numbers of a volume's grey values as the Image Biomarker Standardisation Initiative defines them.

Intensity-based statistics (18), the same and more of a histogram of fixed bins (23), and the local and the global
intensity peak (2); Zwanenburg et al., "The Image Biomarker Standardization Initiative", Radiology 2020. All voxels are
the region of interest.
"""

from collections.abc import Sequence

import numpy as np
from scipy.signal import oaconvolve
from scipy.special import xlogy

# A sphere of 1 cm³ has this radius in mm.
_PEAK_RADIUS = (3 / (4 * np.pi)) ** (1 / 3) * 10


def intensity_numbers(
    voxels: np.ndarray, spacing: Sequence[float], grey_range: tuple[float, float], n_bins: int
) -> dict[str, float]:
    """Measure the grey values of a volume.

    Parameters
    ----------
    voxels : array, shape (z, y, x)
        Finite.
    spacing : three floats
        Millimetres along z, y, x, for the peaks.
    grey_range : (float, float)
        Ends of the histogram; values beyond count in the first and last bin.
    n_bins : int

    Returns
    -------
    dict of str to float
        43 finite numbers; ratios are 0 where they are not defined.
    """
    values = np.asarray(voxels, dtype=np.float64)
    flat = values.ravel()
    low, high = grey_range
    bins = 1 + np.clip((flat - low) * (n_bins / (high - low)), 0, n_bins - 1).astype(np.int64)
    return {
        **_statistics(flat),
        "energy": float(np.square(flat).sum()),  # N8CA
        "root_mean_square": float(np.sqrt(np.square(flat).mean())),  # 5ZWQ
        **{f"histogram_{name}": value for name, value in _statistics(bins.astype(np.float64)).items()},
        **_histogram(np.bincount(bins, minlength=n_bins + 1)[1:]),
        **_peaks(values, np.asarray(spacing, dtype=np.float64)),
    }


def _statistics(x: np.ndarray) -> dict[str, float]:
    p10, p25, median, p75, p90 = np.percentile(x, [10, 25, 50, 75, 90])
    mean, deviation = x.mean(), x.std()
    standard = (x - mean) / deviation if deviation > 0 else np.zeros_like(x)
    middle = x[(x >= p10) & (x <= p90)]
    return {
        "mean": float(mean),  # Q4LE
        "variance": float(deviation**2),  # ECT3
        "skewness": float((standard**3).mean()),  # KE2A
        "kurtosis": float((standard**4).mean() - 3) if deviation > 0 else 0.0,  # IPH6
        "median": float(median),  # Y12H
        "minimum": float(x.min()),  # 1GSF
        "percentile_10": float(p10),  # QG58
        "percentile_90": float(p90),  # 8DWT
        "maximum": float(x.max()),  # 84IY
        "interquartile_range": float(p75 - p25),  # SALO
        "range": float(x.max() - x.min()),  # 2OJQ
        "mean_absolute_deviation": float(np.abs(x - mean).mean()),  # 4FUA
        "robust_mean_absolute_deviation": float(np.abs(middle - middle.mean()).mean()),  # 1128
        "median_absolute_deviation": float(np.abs(x - median).mean()),  # N72L
        "coefficient_of_variation": _ratio(deviation, mean),  # 7TET
        "quartile_dispersion": _ratio(p75 - p25, p75 + p25),  # 9S40
    }


def _histogram(counts: np.ndarray) -> dict[str, float]:
    shares, gradient = counts / counts.sum(), np.gradient(counts.astype(np.float64))
    return {
        "histogram_mode": float(counts.argmax() + 1),  # AMMC
        "histogram_entropy": float(-xlogy(shares, shares).sum() / np.log(2)),  # TLU2
        "histogram_uniformity": float(np.square(shares).sum()),  # BJ5W
        "histogram_maximum_gradient": float(gradient.max()),  # 12CE
        "histogram_maximum_gradient_bin": float(gradient.argmax() + 1),  # 8E6O
        "histogram_minimum_gradient": float(gradient.min()),  # VQB3
        "histogram_minimum_gradient_bin": float(gradient.argmin() + 1),  # RHQZ
    }


def _peaks(values: np.ndarray, spacing: np.ndarray) -> dict[str, float]:
    """Mean grey value of a sphere of 1 cm³, where it is highest, and around the brightest voxel."""
    reach = np.minimum((_PEAK_RADIUS / spacing).astype(np.int64), np.array(values.shape) - 1)
    offsets = np.meshgrid(*(np.arange(-r, r + 1) * s for r, s in zip(reach, spacing, strict=True)), indexing="ij")
    ball = (sum(np.square(offset) for offset in offsets) <= _PEAK_RADIUS**2).astype(np.float64)
    inside = np.rint(oaconvolve(np.ones_like(values), ball, mode="same"))
    means = oaconvolve(values, ball, mode="same") / np.maximum(inside, 1)
    return {
        "peak_local": float(means[values == values.max()].max()),  # VJGA
        "peak_global": float(means.max()),  # 0F91
    }


def _ratio(over: float, under: float) -> float:
    return float(over / under) if under != 0 else 0.0
