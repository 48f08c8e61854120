"""Principal components of few rows and many columns."""

from typing import Any

import numpy as np
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.extmath import svd_flip
from sklearn.utils.validation import check_is_fitted, validate_data

from tdaflow.errors import InputError

# Square root of the rounding of float64: singular values below this share of the largest come out of eigenvalues that
# are rounding errors.
_RANK = 1e-7


class RowPCA(TransformerMixin, BaseEstimator):
    """PCA from the inner products of the rows, exact and in one pass over the columns.

    A run in blocks of the volume has a hundred times as many pixels as training volumes. scikit-learn's randomised
    solver then reads them a dozen times; the matrix of inner products of rows, n × n, holds all that is needed.

    Parameters
    ----------
    n_components : int
        At most the number of rows and of columns.

    Attributes
    ----------
    mean_ : float64 array, shape (columns,)
    components_ : float64 array, shape (n_components, columns)
        Orthonormal, largest variance first, with signs as scikit-learn's; zero where the rows have no further rank.
    singular_values_ : float64 array, shape (n_components,)
    """

    def __init__(self, n_components: int) -> None:
        self.n_components = n_components

    def fit(self, X: np.ndarray, y: Any = None) -> "RowPCA":
        """Learn the components of `X`, shape (n, columns)."""
        X = validate_data(self, X, dtype=np.float64)
        if not 1 <= self.n_components <= min(X.shape):
            raise InputError(f"n_components={self.n_components!r} must lie between 1 and {min(X.shape)}")
        self.mean_ = X.mean(axis=0)
        centred = X - self.mean_
        # Only those of the largest values: all of them would take two to three times as long.
        values, vectors = eigh(centred @ centred.T, subset_by_index=(len(X) - self.n_components, len(X) - 1))
        singular = np.sqrt(np.maximum(values[::-1], 0.0))
        has_rank = singular > _RANK * singular[0]
        divisors = np.where(has_rank, singular, 1.0)
        left = vectors[:, ::-1] * has_rank
        _, self.components_ = svd_flip(left, (left.T @ centred) / divisors[:, None], u_based_decision=False)
        self.singular_values_ = singular * has_rank
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the scores, float64 (n, n_components)."""
        check_is_fitted(self)
        scores: np.ndarray = (validate_data(self, X, dtype=np.float64, reset=False) - self.mean_) @ self.components_.T
        return scores
