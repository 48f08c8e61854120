"""Where the axes of stored voxels point in the body: affine, letters, and volumes turned upright for a reader.

World coordinates are in mm and point to the right, anterior and superior (RAS+), as NIfTI has them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Spacing = tuple[float, float, float]
Letters = tuple[str, str, str, str]
"""Letters at the left, right, top and bottom edge of a slice."""

# Directions of increasing index (z, y, x) in a volume that is shown: an axial slice in radiological convention.
_SHOWN = "SPL"
_OPPOSITE = dict(zip("RLAPSI", "LRPAIS", strict=True))
RADIOLOGICAL: Letters = ("R", "L", "A", "P")


@dataclass(frozen=True)
class Anatomy:
    """Orientation of a volume (z, y, x).

    Attributes
    ----------
    codes : str
        Directions in which the indices (x, y, z) grow, the nearest of R, L, A, P, S and I, such as "RAS"; "" if
        unknown.
    affine : float64 array (4, 4) or None
        From index (x, y, z) to mm.
    """

    codes: str = ""
    affine: np.ndarray | None = None

    @classmethod
    def of(cls, facts: str, spacing: Spacing) -> "Anatomy":
        """Read the orientation of stored voxels, after their preprocessing.

        Parameters
        ----------
        facts : str
            Of the volume, as in `tdaflow.store.VolumeTable`.
        spacing : tuple of 3 float
            Of the stored voxels, in mm along z, y, x; a manifest may have corrected that of the file.
        """
        try:
            told = json.loads(facts or "{}")
            codes, stated = told.get("orientation"), told.get("affine")
        except (ValueError, AttributeError):  # facts that are no JSON have their own problem
            return cls()
        if not codes or stated is None:
            return cls()
        affine, steps = np.array(stated, dtype=np.float64), np.eye(4)
        for step in told.get("preprocessing", {}).get("steps", ()):
            steps = steps @ _of_step(step)
        edges = np.linalg.norm((affine @ steps)[:3, :3], axis=0)
        return cls(str(codes), affine @ np.diag([*(np.array(spacing[::-1]) / edges), 1.0]) @ steps)

    @property
    def letters(self) -> Letters | None:
        """Letters of a slice of `upright`; None if the orientation is unknown, and nothing is turned."""
        return RADIOLOGICAL if self.codes else None

    @property
    def tilt(self) -> float:
        """Largest angle between an axis of the voxels and the nearest one of the body, in degrees."""
        if self.affine is None:
            return 0.0
        edges = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(np.degrees(np.arccos(np.clip(np.abs(edges).max(axis=0), 0, 1))).max())

    def upright(self, volume: np.ndarray) -> np.ndarray:
        """Return a view (z, y, x) whose slices are axial: from inferior, top anterior, right at the left edge.

        A volume of unknown orientation is returned as it is.
        """
        axes, flipped = self._turn
        return volume.transpose(axes)[tuple(slice(None, None, -1 if flip else 1) for flip in flipped)]

    def upright_spacing(self, spacing: Spacing) -> Spacing:
        """Return the spacing of the axes of `upright`, in mm."""
        z, y, x = (spacing[axis] for axis in self._turn[0])
        return z, y, x

    def upright_points(self, points: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Return points (n, 3) of the axes (z, y, x) on those of `upright`; `last` (3,) is the last voxel's place."""
        axes, flipped = self._turn
        turned = points[:, axes]
        return np.where(flipped, last[list(axes)] - turned, turned)

    def turned(self, shape: tuple[int, ...]) -> "Anatomy":
        """Return the orientation of `upright` of a volume of this shape (z, y, x)."""
        if self.affine is None:
            return self
        axes, flipped = self._turn
        # From the index (x, y, z) of the turned volume to that of the stored one.
        back = np.zeros((4, 4))
        back[3, 3] = 1
        for new, (axis, flip) in enumerate(zip(axes, flipped, strict=True)):
            back[2 - axis, 2 - new] = -1 if flip else 1
            back[2 - axis, 3] = shape[axis] - 1 if flip else 0
        return Anatomy(_SHOWN[::-1], self.affine @ back)

    def height(self, shape: tuple[int, ...], z: int) -> float | None:
        """Return the world coordinate along superior of the centre of a slice of this volume, in mm."""
        if self.affine is None:
            return None
        centre = [(shape[2] - 1) / 2, (shape[1] - 1) / 2, z, 1]
        return float(self.affine[2] @ centre)

    @property
    def _turn(self) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
        """For each shown axis: the stored axis, and True if it is reversed."""
        if not self.codes:
            return (0, 1, 2), (False, False, False)
        stored = self.codes[::-1]
        found = [(next(i for i, c in enumerate(stored) if c in (d, _OPPOSITE[d])), d) for d in _SHOWN]
        (a, b, c), (p, q, r) = zip(*((i, stored[i] != d) for i, d in found), strict=True)
        return (a, b, c), (p, q, r)


def _of_step(step: Mapping[str, Any]) -> np.ndarray:
    """Affine from the index (x, y, z) after a step of the preprocessing to that before it."""
    found = np.eye(4)
    if "from_spacing" in step:
        factors = np.array(step["from_shape"][::-1], float) / np.array(step["to_shape"][::-1], float)
        found[:3, :3] = np.diag(factors)
        found[:3, 3] = factors / 2 - 0.5
    elif "start" in step:
        found[:3, 3] = step["start"][::-1]
    return found
