"""Committee: one classifier for each filtration, with averaged probabilities, or with a regression on their logits."""

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
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


def committee(
    blocks: Sequence[str],
    widths: Sequence[Sequence[int]],
    prepare: Callable[[Sequence[int]], BaseEstimator],
    make: Callable[[], BaseEstimator],
    folds: Folds | None = None,
) -> VotingClassifier | StackingClassifier:
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
        member = Pipeline(
            [
                ("select", ColumnTransformer([("own", "passthrough", columns)])),
                ("prepare", prepare(own)),
                ("classify", make()),
            ]
        )
        members.append((name, member))
    if folds is None:
        return VotingClassifier(members, voting="soft")
    final = LogisticRegression(C=FINAL_C, max_iter=5000)
    return StackingClassifier(members, final_estimator=final, cv=list(folds), stack_method="decision_function")
