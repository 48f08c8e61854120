"""Measure volumes again: what a second scan of the same patient would change, a little of each kind."""

from dataclasses import dataclass

import numpy as np

from tdaflow.evaluation.stress.robustness.perturbations import RETESTS, Perturbation
from tdaflow.extents.intensity import COMMON, grey_values


@dataclass(frozen=True)
class Retest:
    """One kind of `RETESTS`, drawn once for every volume.

    Attributes
    ----------
    kind : str
        Key of `RETESTS`.
    repeat : int
        Number of the draw.
    seed : int
    """

    kind: str
    repeat: int
    seed: int

    @property
    def name(self) -> str:
        """Of the files and in tables."""
        return f"{self.kind} {self.repeat + 1}"

    def __call__(self, voxels: np.ndarray, identity: str) -> np.ndarray:
        """Change one volume.

        Noise is relative to the volume's own extent of intensities and leaves a constant background as it is; a mask
        (two values) stays one: each voxel gets the nearer of its values.

        Parameters
        ----------
        voxels : array, shape (z, y, x)
        identity : str
            Id of the volume; with kind, repeat and seed it seeds the random numbers.

        Returns
        -------
        array
            Same shape and dtype.
        """
        grey = grey_values(voxels)
        change = Perturbation(self.kind, RETESTS[self.kind].severities[0], grey.low, grey.high)
        changed = change(voxels, f"{identity}/{self.seed}/{self.repeat}")
        if grey.n_values == 2:
            low, high = voxels.min(), voxels.max()
            return np.where(changed > 0.5 * (float(low) + float(high)), high, low).astype(voxels.dtype)
        if self.kind == "noise" and grey.common_share >= COMMON:
            return np.where(voxels == grey.common, voxels, changed)
        return changed
