"""Units of resampling and folds: the volumes of a patient."""

import numpy as np


def patient_units(groups: np.ndarray) -> np.ndarray:
    """Name of the patient of every volume, str (n,); a volume with group "" is its own."""
    return np.where(groups == "", [f"\0{i}" for i in range(len(groups))], groups)
