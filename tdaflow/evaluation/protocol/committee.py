"""Committee: one classifier for each filtration, with averaged probabilities, or with a regression on their logits."""

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline

from tdaflow.store.block_names import BlockName

Folds = Sequence[tuple[np.ndarray, np.ndarray]]
FINAL_C = 1.0
"""Inverse penalty of the regression on the members' decision values."""


def filtrations_of(blocks: Sequence[str]) -> dict[str, list[int]]:
    """Positions of the blocks of each filtration, in order; other blocks go by what is before a colon."""
    found: dict[str, list[int]] = {}
    for position, block in enumerate(blocks):
        name = BlockName.parsed(block)
        found.setdefault(block.partition(":")[0] if name is None else name.filtration, []).append(position)
    return found


class Stacked(ClassifierMixin, BaseEstimator):
    """A logistic regression on the decision values that members give to volumes that they were not fitted on.

    As scikit-learn's ``StackingClassifier``, which copies all columns for each fit of each member: of `columns` of
    images that takes longer than the fits.

    Parameters
    ----------
    members : sequence of (columns, estimator)
        Each with a ``decision_function``; columns are positions in `X`.
    final : LogisticRegression
    folds : sequence of (rows fitted on, rows held out)
        That hold each row of what is fitted on out once.

    Attributes
    ----------
    estimators_ : list of estimators
        Fitted on all rows.
    final_estimator_ : LogisticRegression
    classes_ : array, shape (classes,)
    """

    def __init__(self, members: Sequence[tuple[np.ndarray, BaseEstimator]], final: BaseEstimator, folds: Folds) -> None:
        self.members = members
        self.final = final
        self.folds = folds

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Stacked":
        """Fit the members and the final regression on `X`, shape (n, columns), and labels `y`."""
        self.estimators_, values = [], []
        for columns, estimator in self.members:
            own = X[:, columns]
            found = cross_val_predict(estimator, own, y, cv=self.folds, method="decision_function")
            values.append(found.reshape(len(X), -1))
            self.estimators_.append(clone(estimator).fit(own, y))
        self.final_estimator_ = clone(self.final).fit(np.concatenate(values, axis=1), y)
        self.classes_ = self.final_estimator_.classes_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities, float64 (n, classes)."""
        values = [
            estimator.decision_function(X[:, columns]).reshape(len(X), -1)
            for (columns, _), estimator in zip(self.members, self.estimators_, strict=True)
        ]
        found: np.ndarray = self.final_estimator_.predict_proba(np.concatenate(values, axis=1))
        return found

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the likeliest class of every row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def committee(
    blocks: Sequence[str],
    widths: Sequence[Sequence[int]],
    prepare: Callable[[Sequence[int]], BaseEstimator],
    make: Callable[[], BaseEstimator],
    folds: Folds | None = None,
) -> VotingClassifier | Stacked:
    """Make a soft vote of one classifier for each filtration, each with its own preparation.

    In concatenated columns an informative filtration is outnumbered by several uninformative ones, and the principal
    components of all are not the best of any. In the average each filtration has one vote. Stacked (Wolpert, Neural
    Networks 5, 1992), a logistic regression on the decision values that each gives to volumes it was not fitted on
    learns how much each is worth.

    Parameters
    ----------
    blocks : sequence of str
        Names of the blocks, in the order of their columns.
    widths : sequence of sequences of int
        Columns that share a scale, for each block.
    prepare : callable of sequence of int
        Gives the preparation of columns with these widths.
    make : callable
        Gives a classifier.
    folds : sequence of (rows fitted on, rows held out), optional
        Inside the rows that are fitted on; with them the committee is stacked.
    """
    ends = np.cumsum([sum(w) for w in widths])
    members = []
    for name, positions in filtrations_of(blocks).items():
        columns = np.concatenate([np.arange(ends[p] - sum(widths[p]), ends[p]) for p in positions])
        own = [w for p in positions for w in widths[p]]
        members.append((name, columns, Pipeline([("prepare", prepare(own)), ("classify", make())])))
    if folds is not None:
        final = LogisticRegression(C=FINAL_C, max_iter=5000)
        return Stacked([(columns, member) for _, columns, member in members], final, list(folds))
    voters = []
    for name, columns, member in members:
        select = ("select", ColumnTransformer([("own", "passthrough", columns)]))
        voters.append((name, Pipeline([select, *member.steps])))
    return VotingClassifier(voters, voting="soft")
