"""A fitted classifier as arrays: an affine projection of its columns, and a softmax or a small estimator on top of it.

A linear classifier, with its scaling and principal components, *is* such a projection; of others the preparation is.
Every volume is projected by itself, so that what is predicted of it does not depend on the volumes beside it: a matrix
product rounds differently for other numbers of rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

Blocks = Mapping[str, np.ndarray]

# Rows that are held as float64 at once.
_ROWS = 64


@dataclass(frozen=True)
class Projection:
    """``weights @ (root(x) − centre) + offsets`` of some blocks side by side.

    Attributes
    ----------
    blocks : tuple of str
        Names of the blocks, in the order of the columns.
    widths : tuple of int
        Columns of each block.
    square_root : bool
        True if the signed square root of the columns is taken first.
    centre : float64 array, shape (columns,)
    weights : float64 array, shape (outputs, columns)
    offsets : float64 array, shape (outputs,)
    """

    blocks: tuple[str, ...]
    widths: tuple[int, ...]
    square_root: bool
    centre: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray

    def centred_rows(self, blocks: Blocks) -> Iterator[np.ndarray]:
        """Yield ``root(x) − centre`` of every row, float64 (columns,)."""
        for left in range(0, len(blocks[self.blocks[0]]), _ROWS):
            here = slice(left, left + _ROWS)
            values = np.concatenate([blocks[name][here] for name in self.blocks], axis=1, dtype=np.float64)
            if self.square_root:
                values = np.sign(values) * np.sqrt(np.abs(values))
            yield from values - self.centre

    def __call__(self, blocks: Blocks) -> np.ndarray:
        """Outputs of all rows, float64 (n, outputs)."""
        # One thread: sums over several are cut at other places on another machine.
        with threadpool_limits(1):
            rows = [self.weights @ row + self.offsets for row in self.centred_rows(blocks)]
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.offsets))


@dataclass(frozen=True)
class Member:
    """One fitted classifier of an ensemble.

    Attributes
    ----------
    projection : Projection
        To the decision values of every class, or to the columns of `head`.
    head : estimator or None
        With `predict_proba`; None for a softmax of the projection.
    """

    projection: Projection
    head: Any = None

    @property
    def holds_training_rows(self) -> bool:
        """True if rows of the training features are among its numbers, as support vectors are."""
        return isinstance(self.head, CalibratedClassifierCV)

    def probabilities(self, blocks: Blocks) -> np.ndarray:
        """Probability of every class, float64 (n, classes)."""
        values = self.projection(blocks)
        found: np.ndarray
        if self.head is None:
            found = softmax(values, axis=1)
        else:
            with threadpool_limits(1):
                found = self.head.predict_proba(values)
        return found


def mean_probabilities(members: Sequence[Member], blocks: Blocks) -> np.ndarray:
    """Mean over members, float64 (n, classes)."""
    return np.mean([member.probabilities(blocks) for member in members], axis=0)


def member_of(prepared: Pipeline, head: Any, blocks: Sequence[str], widths: Sequence[int]) -> Member:
    """Turn a fitted preparation and classifier into arrays.

    Parameters
    ----------
    prepared : Pipeline
        As `tdaflow.evaluation.protocol.classifiers.preparation` makes it.
    head : estimator
    blocks : sequence of str
    widths : sequence of int
        Columns of each block.
    """
    scale, narrow, keep = (prepared[name] for name in ("scale", "pca", "keep"))
    divisors = keep.deviation_ if keep.whiten else np.ones(len(keep.deviation_))
    components = narrow.components_[keep.kept_] / divisors[:, None]
    weights, offsets = components / scale.scale_, -components @ narrow.mean_
    if isinstance(head, LogisticRegression):
        weights, offsets = head.coef_ @ weights, head.coef_ @ offsets + head.intercept_
        if len(offsets) == 1:
            # The decision value of class 1; a softmax of its halves is its sigmoid.
            weights, offsets = (np.concatenate([-half, half]) for half in (weights / 2, offsets / 2))
        head = None
    return Member(
        Projection(
            tuple(blocks), tuple(widths), scale.square_root, scale.mean_, np.ascontiguousarray(weights), offsets
        ),
        head,
    )
