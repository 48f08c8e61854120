"""The protocol: fit on train, choose on validation or inside train, test once.

1. Every candidate is fitted on train and measured on validation, or by cross-validation inside train; the best is
   chosen.
2. The chosen one is fitted on train once a seed (not on validation too). A slope and an intercept a class, fitted on
   out-of-fold scores inside train, calibrate its probabilities, so that ½ is an honest threshold. Another threshold for
   two classes is the point of the validation ROC nearest (0, 1).
3. The ledger notes the choice, the test split is opened, and all seeds predict it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tdaflow.config import told_reference
from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.checks import check_features
from tdaflow.evaluation.protocol.choice import (
    CHANNELS,
    CHOOSE_ON,
    Candidate,
    Scored,
    best,
    candidates,
    score_all,
    score_all_inside,
    varying,
)
from tdaflow.evaluation.protocol.classifiers import CLASSIFIERS, FOLDS, chosen_classifiers
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.fit import FittedChoice, fit_choice
from tdaflow.evaluation.protocol.held_out import HeldOut, development
from tdaflow.evaluation.protocol.ledger import Ledger, Touch
from tdaflow.evaluation.protocol.metrics import nearest_corner_threshold
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.printable import counted

FAMILY = "tda"

FEW_VALIDATION = 300
"""Fewer validation volumes tell hundreds of candidates apart badly."""
_GUESSED = (
    "Validation has {n_val} volumes, fewer than {few}, so candidates have all channels and are compared inside train, "
    "where its classes allow it; choose otherwise with --choose-on and --channels."
)
_COMPARED = {"validation": "on validation", "cross-validation": f"by {FOLDS}-fold cross-validation inside train"}


@dataclass(frozen=True)
class Protocol:
    """The candidates of a choice, and how it is made.

    Attributes
    ----------
    classifiers : tuple of str or None
        Keys of `CLASSIFIERS`; None for all.
    n_seeds : int
        Seeds 0 … n−1; the choice is made with seed 0.
    choose_by : str
        Metric: "auc" (as MedMNIST's training), "accuracy" or "balanced_accuracy".
    choose_on : str
        "validation", or "cross-validation": five folds inside train. A small validation split tells many candidates
        apart badly; the folds have all of train. "auto" takes the folds where validation has fewer than
        `FEW_VALIDATION` volumes, if every class of train has as many as folds.
    channels : str
        "subsets" to choose among subsets of the channels too, "all" to use all of them: hundreds of candidates for many
        channels are more than a few hundred volumes can tell apart. "auto" takes all where validation has fewer than
        `FEW_VALIDATION` volumes.
    """

    classifiers: tuple[str, ...] | None = None
    n_seeds: int = 5
    choose_by: str = "auc"
    choose_on: str = "auto"
    channels: str = "auto"

    def __post_init__(self) -> None:
        chosen_classifiers(self.classifiers)
        if self.choose_on not in CHOOSE_ON:
            raise InputError(f"choose_on={self.choose_on!r} is unknown: use {', '.join(CHOOSE_ON)}")
        if self.channels not in CHANNELS:
            raise InputError(f"channels={self.channels!r} is unknown: use {', '.join(CHANNELS)}")
        if self.n_seeds < 1:
            raise InputError(f"{self.n_seeds} seeds are too few: give at least 1")

    def resolved(self, features: Features) -> "Protocol":
        """Return the protocol for these features, without "auto"."""
        few = int((features.splits == "val").sum()) < FEW_VALIDATION
        # Of a class without a volume `check_features` tells.
        train = np.bincount(features.labels[features.splits == "train"], minlength=len(features.class_names))
        folds = few and int(train.min()) >= FOLDS
        choose_on = ("cross-validation" if folds else "validation") if self.choose_on == "auto" else self.choose_on
        channels = ("all" if few else "subsets") if self.channels == "auto" else self.channels
        return replace(self, choose_on=choose_on, channels=channels)

    @property
    def compared(self) -> str:
        """Where candidates are compared, in words."""
        return _COMPARED[self.choose_on]

    def scored(
        self,
        train: Features,
        val: Features,
        listed: Sequence[Candidate],
        advanced: Callable[[int], None] = lambda n: None,
    ) -> list[Scored]:
        """Measure every candidate with seed 0, in the order given, where a `resolved` protocol compares them."""
        if self.choose_on == "validation":
            return score_all(train, val, listed, 0, advanced)
        return score_all_inside(train, listed, 0, advanced)

    @property
    def folds(self) -> int:
        """Folds that the classifiers or the choice need inside train; 1 for none."""
        needed = any(c.splits_train for c in chosen_classifiers(self.classifiers).values())
        return FOLDS if needed or self.choose_on == "cross-validation" else 1


@dataclass(frozen=True)
class Evaluated:
    """Result of the protocol.

    Attributes
    ----------
    predictions : Predictions
        Of the chosen candidate, on validation and test.
    validation : list of Scored
        Every candidate, in the order of the search.
    chosen : Scored
    touch : Touch
        Entry of the ledger.
    fit : FittedChoice
        The chosen candidate, fitted on train once a seed.
    """

    predictions: Predictions
    validation: list[Scored]
    chosen: Scored
    touch: Touch
    fit: FittedChoice


def evaluate(
    features: Features,
    protocol: Protocol,
    ledger: Ledger,
    *,
    allow_second_test: bool = False,
    advanced: Callable[[int], None] = lambda n: None,
) -> Evaluated:
    """Choose a classifier and channels, then predict the test split once.

    Parameters
    ----------
    features : Features
        All three splits.
    protocol : Protocol
    ledger : Ledger
    allow_second_test : bool
        Allow a second, different choice on the same test split; the notes say so.
    advanced : callable
        Called with the number of candidates or seeds that have just finished.

    Returns
    -------
    Evaluated

    Raises
    ------
    InputError
        See `check_features`.
    ConfigError
        If another choice has touched this test split and `allow_second_test` is not given; the test split stays unread.
    """
    asked, protocol = protocol, protocol.resolved(features)
    check_features(features, folds=protocol.folds)
    train, val = development(features)
    held_out = HeldOut(features)
    listed = candidates(varying(train), protocol.classifiers, protocol.channels)
    validation = protocol.scored(train, val, listed, advanced)
    chosen = best(validation, protocol.choose_by)
    choice = {**chosen.candidate.as_dict(), "features": features.digest}
    ledger.refuse_other(FAMILY, held_out.split, choice, allow_second_test=allow_second_test)
    fit = fit_choice(chosen.candidate, train, protocol.n_seeds, advanced)
    of_val = fit.probabilities(val.blocks)
    thresholds = {}
    if len(features.class_names) == 2:
        thresholds = {seed: nearest_corner_threshold(val.labels, values[:, 1]) for seed, values in of_val.items()}
    # Everything is chosen and fitted; from here on nothing but predictions.
    touch = ledger.touch(FAMILY, held_out.split, choice, allow_second_test=allow_second_test)
    test = held_out.open()
    of_test = fit.probabilities(test.blocks)
    predictions = Predictions(
        method=_name(chosen, touch),
        ids=np.concatenate([val.ids, test.ids]),
        labels=np.concatenate([val.labels, test.labels]),
        splits=np.concatenate([val.splits, test.splits]),
        groups=np.concatenate([val.groups, test.groups]),
        class_names=features.class_names,
        probabilities={seed: np.concatenate([of_val[seed], of_test[seed]]) for seed in of_val},
        thresholds=thresholds,
        notes=tuple(_notes(features, asked, chosen, len(validation), fit.note, touch)),
        details={
            "family": FAMILY,
            "choice": choice,
            "number": touch.number,
            "chosen_by": protocol.choose_by,
            "chosen_on": protocol.choose_on,
            "validation": dict(chosen.metrics),
            "n_candidates": len(validation),
            "calibration": None if fit.calibration is None else fit.calibration.as_dict(),
            "about": dict(features.about),
        },
    )
    return Evaluated(predictions, validation, chosen, touch, fit)


def n_steps(features: Features, protocol: Protocol) -> int:
    """Number of candidates and seeds that `evaluate` fits."""
    protocol = protocol.resolved(features)
    return len(candidates(varying(features.rows("train")), protocol.classifiers, protocol.channels)) + protocol.n_seeds


def majority_rows(features: Features) -> list[Predictions]:
    """Constant predictions for every table: the class frequencies of train, and those of test.

    The first is a classifier; the second looks at the test labels and is the "majority class" of published tables. Both
    give every volume the same probabilities, so their AUC is ½ and their accuracy the share of one class.
    """
    rows = features.rows("val", "test")
    found = []
    for split, note in (
        ("train", "The most frequent class of train, a constant prediction."),
        ("test", "The most frequent class of test: it looks at test labels, as a yardstick only."),
    ):
        n_classes = len(features.class_names)
        shares = np.bincount(features.rows(split).labels, minlength=n_classes).astype(np.float64)
        constant = np.tile(shares / shares.sum(), (len(rows), 1))
        found.append(
            Predictions(
                f"majority class ({split})",
                rows.ids,
                rows.labels,
                rows.splits,
                rows.groups,
                features.class_names,
                {0: constant},
                kind="baseline",
                notes=(note,),
            )
        )
    return found


def _name(chosen: Scored, touch: Touch) -> str:
    candidate = chosen.candidate
    name = f"TDA: {CLASSIFIERS[candidate.classifier].title} on {candidate.subset}"
    return name if touch.number == 1 else f"{name} (choice {touch.number})"


def _notes(
    features: Features, protocol: Protocol, chosen: Scored, n_candidates: int, calibration_note: str, touch: Touch
) -> Sequence[str]:
    options = ", ".join(f"{name} = {value}" for name, value in chosen.candidate.options.items())
    metric = protocol.choose_by.replace("_", " ").replace("auc", "AUC")
    asked, protocol = protocol, protocol.resolved(features)
    n_val = int((features.splits == "val").sum())
    notes = [
        *([_GUESSED.format(n_val=n_val, few=FEW_VALIDATION)] if asked != protocol and n_val < FEW_VALIDATION else []),
        f"Chosen {protocol.compared}, by {metric} ({chosen.metrics[protocol.choose_by]:.3f}) from {n_candidates} "
        f"candidates: {options}.",
        f"Fitted on train only, not refitted on validation; {protocol.n_seeds} seeds.",
        calibration_note,
        ranges_note(features.about),
        touch.note,
    ]
    if features.about.get("preset") not in (None, "default"):
        notes.append(f"Features of the preset {features.about['preset']!r}.")
    if features.about.get("left_out"):
        left_out = counted(
            features.about["left_out"], "volume without label or split is", "volumes without label or split are"
        )
        notes.append(f"{left_out} left out.")
    return [*notes, *part_notes(features.about)]


def part_notes(about: Mapping[str, Any]) -> tuple[str, ...]:
    """Sentences if only a part of the data set was read, or not its published file, else nothing."""
    limit, repacked = about.get("limit"), about.get("repacked")
    return (
        *([f"A part of the data set only: the first {limit} volumes of each split."] if limit else ()),
        *([f"{repacked}."] if repacked else ()),
    )


def ranges_note(about: Any) -> str:
    """Sentence that says which volumes birth and death ranges and σ come from."""
    where, learnt = about.get("reference"), about.get("learnt_from")
    if learnt and where in ("all", "train"):
        labels = ": volumes of the test split may be among them" if where == "all" else ""
        return f"Ranges and σ come from {told_reference(where, learnt)}{labels}."
    if where == "all":
        return "Transductive: ranges and σ come from all volumes, test included (no labels used)."
    if where == "train":
        return "Ranges and σ come from the training volumes."
    if where:
        return f"Ranges and σ are those of {told_reference(str(where))}."
    return "The store does not say where ranges and σ come from."
