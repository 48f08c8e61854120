"""Fit a chosen candidate once a seed, and calibrate it inside train."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.pipeline import Pipeline

from tdaflow.evaluation.protocol.calibration import Calibration
from tdaflow.evaluation.protocol.choice import Candidate, fitted, out_of_fold, whole_folds
from tdaflow.evaluation.protocol.classifiers import CLASSIFIERS
from tdaflow.evaluation.protocol.committee import filtrations_of
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.members import Blocks, Member, mean_probabilities, member_of, stacked_member


@dataclass(frozen=True)
class FittedChoice:
    """A candidate fitted on train.

    Attributes
    ----------
    candidate : Candidate
    members : mapping of int to tuple of Member
        Of each seed; their mean is calibrated.
    calibration : Calibration or None
        One for all seeds. None for a classifier that is calibrated inside already (the SVM), and where train has too
        few volumes of a class.
    """

    candidate: Candidate
    members: Mapping[int, tuple[Member, ...]]
    calibration: Calibration | None

    def probabilities(self, blocks: Blocks) -> dict[int, np.ndarray]:
        """Calibrated probabilities of each seed, (n, classes), from the blocks of the candidate, each (n, columns)."""
        return {
            seed: calibrated(mean_probabilities(members, blocks), self.calibration)
            for seed, members in self.members.items()
        }

    @property
    def note(self) -> str:
        """Sentence for the table."""
        if CLASSIFIERS[self.candidate.classifier].needs_folds:
            return "Probabilities are calibrated inside train: a sigmoid of out-of-fold decision values."
        if self.calibration is None:
            return "Probabilities are not calibrated: a class has too few training volumes for folds."
        slopes, intercepts = (
            ", ".join(f"{value:.2f}" for value in values)
            for values in (self.calibration.slopes, self.calibration.intercepts)
        )
        return (
            "Probabilities are calibrated by a slope and an intercept a class, fitted on out-of-fold scores of the "
            f"training volumes (slopes {slopes}; intercepts {intercepts})."
        )


def fit_choice(
    candidate: Candidate, train: Features, n_seeds: int, advanced: Callable[[int], None] = lambda n: None
) -> FittedChoice:
    """Fit with the seeds 0 … n_seeds − 1, and the calibration with seed 0; only `train` is used.

    `advanced` is called after every seed.
    """
    members = {}
    for seed in range(n_seeds):
        members[seed] = members_of(candidate, fitted(candidate, train, seed), train)
        advanced(1)
    return FittedChoice(candidate, members, fit_calibration(candidate, train))


def fit_calibration(candidate: Candidate, train: Features) -> Calibration | None:
    """Fit slopes and intercepts on out-of-fold probabilities; None as `FittedChoice.calibration` says."""
    if CLASSIFIERS[candidate.classifier].needs_folds:
        return None
    folds, held_out = whole_folds(train, 0), out_of_fold(train, candidate, 0)
    if folds is None or held_out is None:
        return None
    frequencies = np.zeros_like(held_out)
    for inner, outer in folds:
        frequencies[outer] = _frequencies(train.labels[inner], held_out.shape[1])
    return Calibration.fitted(train.labels, held_out, frequencies, _frequencies(train.labels, held_out.shape[1]))


def _frequencies(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Share of every class, float64 (n_classes,)."""
    shares: np.ndarray = np.bincount(labels, minlength=n_classes) / len(labels)
    return shares


def members_of(candidate: Candidate, model: Pipeline, train: Features) -> tuple[Member, ...]:
    """The members of a fitted candidate: one, or one a filtration."""
    widths = [train.blocks[name].shape[1] for name in candidate.blocks]
    if not CLASSIFIERS[candidate.classifier].per_filtration:
        return (member_of(model["prepare"], model["classify"], candidate.blocks, widths),)
    parts = zip(filtrations_of(candidate.blocks).values(), model["classify"].estimators_, strict=True)
    members = tuple(
        member_of(
            part["prepare"], part["classify"], [candidate.blocks[p] for p in positions], [widths[p] for p in positions]
        )
        for positions, part in parts
    )
    if CLASSIFIERS[candidate.classifier].stacked:
        return (stacked_member(members, model["classify"].final_estimator_),)
    return members


def calibrated(probabilities: np.ndarray, calibration: Calibration | None) -> np.ndarray:
    """Probabilities after the calibration, or as they are without one."""
    return probabilities if calibration is None else calibration(probabilities)
