"""Out-of-distribution score of a volume's features, from a mean and principal components; no training row is kept.

The combined index of multivariate process monitoring (Yue and Qin, "Reconstruction-based fault identification using a
combined index", Ind. Eng. Chem. Res. 2001): the squared Mahalanobis distance within the first principal components and
the squared distance from them, each divided by its mean over training volumes that the components were not fitted on.
It is the Mahalanobis distance of probabilistic PCA (Tipping and Bishop 1999) with both parts given equal weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from tdaflow.evaluation.protocol.choice import scale_widths
from tdaflow.evaluation.protocol.classifiers import FOLDS, BlockScaler
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.members import Blocks, Projection
from tdaflow.evaluation.protocol.patients import patient_units

ACCEPTED = 0.99
"""Share of the training volumes, each scored by a fit on other patients, that lies below the threshold."""

N_COMPONENTS = 30
# Volumes a component: a variance from fewer is mostly chance.
_VOLUMES = 4
# Below this share of the largest, singular values are rounding errors.
_RANK = 1e-7


@dataclass(frozen=True)
class FeatureDistance:
    """Distance of features from those of the training volumes; about 1 for such a volume.

    Attributes
    ----------
    projection : Projection
        To the principal components of scaled columns, each of variance 1 in train.
    scale : float64 array, shape (columns,)
        That the centred columns are divided by.
    deviations : float64 array, shape (components,)
        Standard deviations in train.
    means : (float, float)
        Of both squared distances over out-of-fold training volumes.
    threshold : float
        Scores above it are out of distribution: the `ACCEPTED` quantile of out-of-fold scores of training volumes.
    """

    projection: Projection
    scale: np.ndarray
    deviations: np.ndarray
    means: tuple[float, float]
    threshold: float

    def scores(self, blocks: Blocks) -> np.ndarray:
        """Score of every row, float64 (n,), each a function of that row alone."""
        parts = []
        with threadpool_limits(1):
            for row in self.projection.centred_rows(blocks):
                whitened, scaled = self.projection.weights @ row, row / self.scale
                rest = scaled @ scaled - np.square(whitened * self.deviations).sum()
                parts.append((np.square(whitened).sum(), max(rest, 0.0)))
        return _combined(np.array(parts).reshape(-1, 2), self.means)


def fit_distance(train: Features, blocks: Sequence[str]) -> FeatureDistance:
    """Fit to some blocks of the training volumes.

    The threshold comes from cross-validation over patients, with one scaling for all folds.
    """
    columns = [train.blocks[name].shape[1] for name in blocks]
    widths = tuple(w for name, n in zip(blocks, columns, strict=True) for w in scale_widths(name, n))
    scaler = BlockScaler(widths, square_root=True)
    values = scaler.fit_transform(train.matrix(blocks))
    products = values @ values.T
    units = patient_units(train.groups)
    if len(np.unique(units)) < 2:
        units = train.ids  # one patient: nothing better than folds of volumes
    folds = GroupKFold(min(FOLDS, len(np.unique(units))), shuffle=True, random_state=0)
    parts = np.empty((len(train), 2))
    for inner, outer in folds.split(values, groups=units):
        parts[outer] = _outside(products, inner, outer)
    left, deviations = _components(products)
    weights = (left.T @ values) / (deviations * np.sqrt(len(train)))[:, None]
    means = (float(parts[:, 0].mean()), float(parts[:, 1].mean()))
    projection = Projection(
        tuple(blocks), tuple(columns), True, scaler.mean_, weights / deviations[:, None] / scaler.scale_,
        np.zeros(len(deviations)),
    )  # fmt: skip
    threshold = float(np.quantile(_combined(parts, means), ACCEPTED))
    return FeatureDistance(projection, scaler.scale_, deviations, means, threshold)


def _components(products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit scores (n, k) and standard deviations (k,) of the principal components, from inner products of rows."""
    n = len(products)
    values, vectors = np.linalg.eigh(products)
    k = max(1, min(N_COMPONENTS, n // _VOLUMES))
    singular = np.sqrt(np.maximum(values[::-1][:k], 0.0))
    kept = singular > _RANK * max(singular[0], np.finfo(np.float64).tiny)
    kept[0] = True
    return vectors[:, ::-1][:, :k][:, kept], np.where(singular > 0, singular, 1.0)[kept] / np.sqrt(n)


def _outside(products: np.ndarray, inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Both squared distances of `outer` rows from components of `inner` rows, (outer, 2); all from inner products."""
    own, cross = products[np.ix_(inner, inner)], products[np.ix_(outer, inner)]
    means, mean = own.mean(axis=0), own.mean()
    left, deviations = _components(own - means[:, None] - means + mean)
    centred = cross - cross.mean(axis=1, keepdims=True) - means + mean
    whitened = centred @ left / (np.square(deviations) * np.sqrt(len(inner)))
    squares = products.diagonal()[outer] - 2 * cross.mean(axis=1) + mean
    rest = squares - np.square(whitened * deviations).sum(axis=1)
    return np.stack([np.square(whitened).sum(axis=1), np.maximum(rest, 0.0)], axis=1)


def _combined(parts: np.ndarray, means: tuple[float, float]) -> np.ndarray:
    used = [i for i in range(2) if means[i] > 0]
    found: np.ndarray = np.sqrt(np.mean([parts[:, i] / means[i] for i in used], axis=0))
    return found
