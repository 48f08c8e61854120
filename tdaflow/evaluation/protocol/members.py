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


def signed_root(values: np.ndarray) -> np.ndarray:
    """Root of the absolute value, with the sign: it tames the few long bars that dominate an image."""
    found: np.ndarray = np.sign(values) * np.sqrt(np.abs(values))
    return found


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
                values = signed_root(values)
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
        weights, offsets = _for_softmax(head.coef_ @ weights, head.coef_ @ offsets + head.intercept_)
        head = None
    return Member(
        Projection(
            tuple(blocks), tuple(widths), scale.square_root, scale.mean_, np.ascontiguousarray(weights), offsets
        ),
        head,
    )


def stacked_member(members: Sequence[Member], final: LogisticRegression) -> Member:
    """Turn linear members, and a logistic regression on their decision values, into one linear member of all columns.

    Parameters
    ----------
    members : sequence of Member
        Of one square root, none with a head.
    final : LogisticRegression
        Fitted on their decision values side by side: of two classes one column each, that of class 1.
    """
    parts = [member.projection for member in members]
    # Members hold the halves of a decision value for a softmax.
    linear = [
        (p.weights[1:] - p.weights[:1], p.offsets[1:] - p.offsets[:1])
        if len(p.offsets) == 2
        else (p.weights, p.offsets)
        for p in parts
    ]
    shares = np.split(final.coef_, np.cumsum([len(offsets) for _, offsets in linear])[:-1], axis=1)
    weights = np.concatenate([share @ w for share, (w, _) in zip(shares, linear, strict=True)], axis=1)
    offsets = final.intercept_ + sum(share @ o for share, (_, o) in zip(shares, linear, strict=True))
    weights, offsets = _for_softmax(weights, offsets)
    return Member(
        Projection(
            tuple(name for p in parts for name in p.blocks),
            tuple(width for p in parts for width in p.widths),
            parts[0].square_root,
            np.concatenate([p.centre for p in parts]),
            np.ascontiguousarray(weights),
            offsets,
        )
    )


def _for_softmax(weights: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decision values of every class; of two classes the halves of that of class 1, whose softmax is its sigmoid."""
    if len(offsets) > 1:
        return weights, offsets
    return np.concatenate([-weights / 2, weights / 2]), np.concatenate([-offsets / 2, offsets / 2])
