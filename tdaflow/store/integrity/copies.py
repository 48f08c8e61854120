"""Find volumes of different splits that are nearly copies of each other: shifted, with noise, or changed in a voxel.

Candidates are the nearest of all volumes of other splits by two small descriptions: quantiles of values and gradients,
which a shift hardly changes, and means over blocks around the centre of mass, which noise hardly changes. They are
confirmed by the correlation of their voxels at the best shift.
"""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from tdaflow.store.integrity.problem import Problem, warning
from tdaflow.store.volumes import VolumeStore, VolumeTable

CORRELATION = 0.97
"""Of the voxels at the best shift. On the four MedMNIST3D sets at hand the nearest volumes of other splits have .44 to
.96; copies with one other voxel or noise of 1 % have .98 to 1, shifted ones 1 where the crop shows the same."""
_EDGE, _LONGEST = 8, 64
_CANDIDATES = (5, 3)
# Voxels that are kept to be compared; others are read once more for each comparison.
_KEPT_BYTES = 1 << 30
# A larger shift leaves too little in common.
_LARGEST_SHIFT = 0.25


def near_copies(store: VolumeStore, ok: VolumeTable) -> Iterator[Problem]:
    """Yield a warning for each volume that is nearly one of another split; reads all voxels.

    Parameters
    ----------
    store : VolumeStore
    ok : VolumeTable
        One row a row of the store.
    """
    splits = ok.split.astype(str)
    if len(set(splits) - {""}) < 2:
        return
    kept: dict[int, np.ndarray] = {}
    room, found = _KEPT_BYTES, []
    for row, voxels in enumerate(map(_coarse, store.voxels(0, len(ok)))):
        found.append((_quantiles(voxels), _blocks(voxels)))
        if (room := room - voxels.nbytes) > 0:
            kept[row] = voxels

    def read(row: int) -> np.ndarray:
        return kept[row] if row in kept else _coarse(next(store.voxels(row, row + 1)))

    descriptions = [np.array(rows) for rows in zip(*found, strict=True)]
    descriptions = [(rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-9) for rows in descriptions]
    told: set[frozenset[int]] = set()
    for split in sorted(set(splits) - {"", "train"}):
        here, others = np.flatnonzero(splits == split), np.flatnonzero((splits != split) & (splits != ""))
        pairs: dict[int, set[int]] = {row: set() for row in here.tolist()}
        for rows, k in zip(descriptions, _CANDIDATES, strict=True):
            _, nearest = cKDTree(rows[others]).query(rows[here], k=min(k, len(others)))
            for row, near in zip(here.tolist(), np.atleast_2d(nearest.reshape(len(here), -1)), strict=True):
                pairs[row] |= set(others[near].tolist())
        for row, candidates in pairs.items():
            own = read(row)
            for other in sorted(candidates):
                pair = frozenset((row, other))
                if ok.digest[row] == ok.digest[other] or pair in told or (ok.shape[row] != ok.shape[other]).any():
                    continue  # exact copies are told apart from these
                correlation, shift = _correlation(own, read(other))
                if correlation > CORRELATION:
                    told.add(pair)
                    moved = f" at a shift of {tuple(shift)} voxels" if any(shift) else ""
                    what = (
                        f"it is nearly {ok.id[other]} of the split {splits[other]} (correlation of the voxels "
                        f"{correlation:.3f}{moved}), and is itself in {splits[row]}"
                    )
                    yield warning("near copy", ok.id[row], what, "look at both; if they are one scan, keep one of them")


def _coarse(voxels: np.ndarray) -> np.ndarray:
    step = [-(-n // _LONGEST) for n in voxels.shape]
    return np.asarray(voxels[tuple(slice(None, None, s) for s in step)], dtype=np.float32)


def _quantiles(voxels: np.ndarray) -> np.ndarray:
    at = np.linspace(0.01, 0.99, 32)
    inner = tuple(slice(0, n - 1) for n in voxels.shape)
    steps = np.sqrt(sum(np.diff(voxels, axis=axis)[inner] ** 2 for axis in range(3)))
    return np.concatenate([np.quantile(voxels, at), np.quantile(steps, at) if steps.size else np.zeros(32)])


def _blocks(voxels: np.ndarray) -> np.ndarray:
    mass = voxels - voxels.min()
    centre = np.array(ndimage.center_of_mass(mass)) if mass.any() else (np.array(voxels.shape) - 1) / 2
    centred = ndimage.shift(voxels, np.rint((np.array(voxels.shape) - 1) / 2 - centre), order=0, mode="nearest")
    smooth = ndimage.uniform_filter(centred, [max(1, n // _EDGE) for n in centred.shape])
    small = ndimage.zoom(smooth, [_EDGE / n for n in smooth.shape], order=1, grid_mode=True, mode="nearest").ravel()
    small = small - small.mean()
    return small / (np.linalg.norm(small) or 1.0)


def _correlation(a: np.ndarray, b: np.ndarray) -> tuple[float, list[int]]:
    """Largest correlation of what two volumes have in common at one of the three most likely shifts, and the shift."""
    spectrum = np.fft.rfftn(a - a.mean()) * np.conj(np.fft.rfftn(b - b.mean()))
    circular = np.fft.irfftn(spectrum, a.shape, axes=(0, 1, 2))
    best, found = 0.0, [0, 0, 0]
    for flat in np.argsort(circular.ravel())[-3:].tolist():
        where = np.unravel_index(flat, a.shape)
        shift = [int(k if k <= n // 2 else k - n) for k, n in zip(where, a.shape, strict=True)]
        if any(abs(k) > _LARGEST_SHIFT * n for k, n in zip(shift, a.shape, strict=True)):
            continue
        both = list(zip(shift, a.shape, strict=True))
        left = a[tuple(slice(max(0, k), n + min(0, k)) for k, n in both)]
        right = b[tuple(slice(max(0, -k), n + min(0, -k)) for k, n in both)]
        left, right = left - left.mean(), right - right.mean()
        size = float(np.linalg.norm(left) * np.linalg.norm(right))
        if size > 0 and float((left * right).sum()) / size > best:
            best, found = float((left * right).sum()) / size, shift
    return best, found
