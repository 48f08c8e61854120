"""Ensemble whose members differ in their training volumes, kind of classifier and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.pipeline import Pipeline

from tdaflow.evaluation.protocol.choice import Candidate, best, fitted, score_all
from tdaflow.evaluation.protocol.classifiers import CLASSIFIERS, FOLDS
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.resampling import resample

N_MEMBERS = 20


@dataclass(frozen=True)
class Ensemble:
    """Fitted members."""

    members: Sequence[Pipeline]
    blocks: tuple[str, ...]

    def probabilities(self, blocks: Mapping[str, np.ndarray]) -> np.ndarray:
        """Predicted probabilities of every member, (members, n, classes)."""
        matrix = np.concatenate([blocks[name] for name in self.blocks], axis=1, dtype=np.float64)
        return np.stack([member.predict_proba(matrix) for member in self.members])


def diverse_ensemble(features: Features, chosen: Candidate, n_members: int = N_MEMBERS) -> Ensemble:
    """Fit members on bootstrap resamples of the training patients.

    Members alternate between the kinds of classifier, each with the options that validation prefers on the channels of
    the choice. A kind that needs folds inside train is left out if a class has too few volumes.

    Parameters
    ----------
    features : Features
        Training and validation rows are used.
    chosen : Candidate
        Its channels are used.
    n_members : int
    """
    train, val = features.rows("train"), features.rows("val")
    fewest = np.bincount(train.labels).min()
    # Twice as many as folds, for a resample has fewer different volumes.
    kinds = [
        name
        for name, kind in CLASSIFIERS.items()
        if not kind.per_filtration and (not kind.needs_folds or fewest >= 2 * FOLDS)
    ]
    by_kind = [_preferred(train, val, chosen, name) for name in kinds]
    members = [fitted(by_kind[k % len(by_kind)], resample(train, k), k) for k in range(n_members)]
    return Ensemble(members, chosen.blocks)


def _preferred(train: Features, val: Features, chosen: Candidate, name: str) -> Candidate:
    """Choose the options of a classifier on validation, on the channels of the choice."""
    listed = [Candidate(name, chosen.subset, chosen.blocks, options) for options in CLASSIFIERS[name].grid]
    return best(score_all(train, val, listed, 0)).candidate
