"""Nested cross-validation: everything that the protocol chooses is chosen anew inside the training part of each fold.

For some 50 to 300 volumes a test split is too small to tell anything, and a validation split chooses by chance. Here
every volume is predicted once, by a model that was chosen and fitted on volumes of other patients (Varma and Simon,
"Bias in error estimation when using cross-validation for model selection", BMC Bioinformatics 2006).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.bootstrap import auc_statistic
from tdaflow.evaluation.protocol.checks import check_features
from tdaflow.evaluation.protocol.choice import Candidate, Scored, best, score_all_inside, whole_folds
from tdaflow.evaluation.protocol.classifiers import FOLDS, patient_folds
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.fit import FittedChoice, fit_choice
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.metrics import accuracy, balanced_accuracy, decisions
from tdaflow.evaluation.protocol.patients import patient_units
from tdaflow.evaluation.protocol.predictions import OUT_OF_FOLD, Predictions
from tdaflow.store import content_digest, options_digest

LEAVE_OUT = ("site", "group")


@dataclass(frozen=True)
class Nested:
    """Outer folds of a nested cross-validation.

    Attributes
    ----------
    n_folds : int
        Stratified by class; the volumes of a patient stay in one fold.
    n_repeats : int
        Divisions into folds, with the seeds `seed`, `seed` + 1, …
    seed : int
    leave_out : str or None
        "site" or "group": hold out one at a time, in place of `n_folds`.

    Raises
    ------
    InputError
        If a number is too small or `leave_out` is unknown.
    """

    n_folds: int = 5
    n_repeats: int = 1
    seed: int = 0
    leave_out: str | None = None

    def __post_init__(self) -> None:
        if self.n_folds < 2:
            raise InputError(f"{self.n_folds} folds are too few: give --folds 2 or more")
        if self.n_repeats < 1:
            raise InputError(f"{self.n_repeats} repeats are too few: give --repeats 1 or more")
        if self.leave_out is not None and self.leave_out not in LEAVE_OUT:
            raise InputError(f"--leave-out {self.leave_out} is unknown: give {' or '.join(LEAVE_OUT)}")
        if self.leave_out is not None and self.n_repeats > 1:
            raise InputError(f"one {self.leave_out} at a time is left out in one way only: leave out --repeats")

    @property
    def name(self) -> str:
        """Name of the folder of the results."""
        return "nested" if self.leave_out is None else f"leave-one-{self.leave_out}-out"

    @property
    def one(self) -> str:
        """What is held out at a time: "fold", "site" or "group"."""
        return self.leave_out or "fold"

    @property
    def title(self) -> str:
        """What it is, for messages."""
        if self.leave_out is not None:
            return f"leave-one-{self.leave_out}-out cross-validation"
        repeats = "" if self.n_repeats == 1 else f", {self.n_repeats} repeats"
        return f"nested cross-validation in {self.n_folds} folds{repeats}"


@dataclass(frozen=True)
class Fold:
    """Rows that a model is chosen and fitted on, and those that it predicts."""

    name: str
    train: np.ndarray
    held: np.ndarray


@dataclass(frozen=True)
class Method:
    """What is chosen and fitted in every fold.

    Attributes
    ----------
    title, kind : str
        As of `Predictions`.
    features : Features
        The same rows for all methods.
    listed : callable Features -> sequence of Candidate
        Candidates, simplest first, of a training part; None predicts its class frequencies.
    choose_by : str
        Metric of the choice.
    n_seeds : int
        Fits of the chosen candidate; their mean predicts, as that of the kept model does.
    note : str
        First sentence under the table.
    """

    title: str
    kind: str
    features: Features
    listed: Callable[[Features], Sequence[Candidate]] | None
    choose_by: str = "auc"
    n_seeds: int = 1
    note: str = ""


def outer_folds(features: Features, nested: Nested, units: np.ndarray | None = None) -> list[list[Fold]]:
    """Divide the rows, once a repeat.

    Parameters
    ----------
    features : Features
        Of `development_features`.
    nested : Nested
    units : array of str, shape (n,), optional
        The site or group of every row, for `leave_out`.

    Returns
    -------
    list of list of Fold
        Volumes of one patient are never on both sides: where a patient was at two sites, the volumes of the other site
        are left out of the training part.

    Raises
    ------
    InputError
        See `check_features`; also if patients, volumes of a class or sites are too few, naming what to change.
    """
    check_features(features, folds=1, splits_needed=("train",))
    patients = patient_units(features.groups)
    if nested.leave_out is None:
        _check_counts(features, patients, nested.n_folds)
        divided = [
            [
                Fold(str(number), *fold)
                for number, fold in enumerate(
                    patient_folds(features.labels, features.groups, nested.seed + repeat, nested.n_folds), start=1
                )
            ]
            for repeat in range(nested.n_repeats)
        ]
    else:
        assert units is not None
        divided = [_one_out(units, patients, nested.leave_out)]
    for folds in divided:
        _check_folds(features, folds, nested)
    return divided


def _one_out(units: np.ndarray, patients: np.ndarray, what: str) -> list[Fold]:
    if (units == "").any():
        raise InputError(
            f"{int((units == '').sum())} of {len(units)} volumes have no {what}: name its column of the table with "
            f"--{what} COLUMN when the run is made, and fill every cell"
        )
    names = np.unique(units)
    if len(names) < 2:
        raise InputError(f"all volumes are of the {what} {str(names[0])!r}, so none can be left out: use --nested")
    folds = []
    for name in names:
        held = units == name
        others = ~held & ~np.isin(patients, patients[held])
        folds.append(Fold(str(name), np.flatnonzero(others), np.flatnonzero(held)))
    return folds


def _check_counts(features: Features, patients: np.ndarray, n_folds: int) -> None:
    n_patients = len(np.unique(patients))
    if n_patients < n_folds:
        raise InputError(f"{n_patients} patients are fewer than the {n_folds} folds: give fewer --folds")
    for k, name in enumerate(features.class_names):
        of_class = len(np.unique(patients[features.labels == k]))
        if of_class < n_folds:
            raise InputError(
                f"class {name!r} has {of_class} patients, fewer than the {n_folds} folds, each of which needs one: "
                + (f"give --folds {of_class}, or " if of_class > 1 else "")
                + "leave the class out"
            )


def _check_folds(features: Features, folds: Sequence[Fold], nested: Nested) -> None:
    """Refuse folds that nothing can be fitted on or measured in; sites of one class have no AUC, but are predicted."""
    what = nested.one
    remedy = "leave out the class" if nested.leave_out else "give fewer --folds"
    mixed = 0
    for fold in folds:
        classes = np.unique(features.labels[fold.held])
        mixed += len(classes) > 1
        if nested.leave_out is None and len(classes) < 2:
            which = repr(features.class_names[classes[0]]) if len(classes) else "no class"
            raise InputError(
                f"fold {fold.name} of {len(folds)} holds volumes of {which} only, so nothing can be told apart in it "
                "(patients have many volumes each): give fewer --folds"
            )
        inside = features.taken(fold.train)
        counts = np.bincount(inside.labels, minlength=len(features.class_names))
        k = int(counts.argmin())
        if counts[k] < FOLDS or whole_folds(inside, nested.seed) is None:
            raise InputError(
                f"without {what} {fold.name!r}, class {features.class_names[k]!r} has {counts[k]} volumes of "
                f"{len(np.unique(patient_units(inside.groups)[inside.labels == k]))} patients, too few for the {FOLDS} "
                f"folds that choose the classifier: {remedy}, or read more volumes"
            )
    if not mixed:
        raise InputError(
            f"every {what} holds one class only, so {what} and class cannot be told apart and there is no AUC within "
            f"a {what}: use --nested without --leave-out"
        )


@dataclass(frozen=True)
class NestedResult:
    """Predictions of all volumes, and one row a repeat and fold about its metrics and what was chosen in it."""

    predictions: Predictions
    rows: list[dict[str, Any]]


def chosen_inside(method: Method, train: Features, seed: int, advanced: Callable[[int], None]) -> tuple[Scored, int]:
    """Choose by cross-validation inside `train`; return the chosen one and the number of candidates."""
    assert method.listed is not None
    listed = method.listed(train)
    return best(score_all_inside(train, listed, seed, advanced), method.choose_by), len(listed)


def nested_predictions(
    method: Method,
    divided: Sequence[Sequence[Fold]],
    nested: Nested,
    folder: EvaluationFolder,
    advanced: Callable[[int], None] = lambda n: None,
) -> NestedResult:
    """Predict every volume once a repeat, by a model of the other folds.

    Parameters
    ----------
    method : Method
    divided : sequence of sequences of Fold
        Of `outer_folds`.
    nested : Nested
    folder : EvaluationFolder
        Finished folds are kept in it, and are not fitted again.
    advanced : callable
        Called with the number of candidates that have just finished.
    """
    features = method.features
    n, n_classes = len(features), len(features.class_names)
    probabilities, numbers, rows = {}, {}, []
    for repeat, folds in enumerate(divided):
        seed = nested.seed + repeat
        probabilities[seed], numbers[seed] = np.zeros((n, n_classes)), np.zeros(n, dtype=np.int64)
        for number, fold in enumerate(folds):
            found, choice = _kept_fold(method, fold, seed, folder, advanced)
            probabilities[seed][fold.held], numbers[seed][fold.held] = found, number
            rows.append(_row(method, fold, repeat, found, choice))
    predictions = Predictions(
        method.title, features.ids, features.labels, np.full(n, OUT_OF_FOLD), features.groups, features.class_names,
        probabilities, kind=method.kind, notes=(method.note,) if method.note else (), folds=numbers,
        details={"about": dict(features.about)},
    )  # fmt: skip
    return NestedResult(predictions, rows)


def _kept_fold(
    method: Method, fold: Fold, seed: int, folder: EvaluationFolder, advanced: Callable[[int], None]
) -> tuple[np.ndarray, Mapping[str, Any]]:
    """Probabilities of the held volumes and what was chosen, from the folder or computed and put there."""
    features = method.features
    train, held = features.taken(fold.train), features.taken(fold.held)
    listed = [] if method.listed is None else method.listed(train)
    key = options_digest(
        {
            "method": [method.title, method.choose_by, method.n_seeds, [c.as_dict() for c in listed]],
            "seed": seed,
            "rows": [
                train.ids.tolist(),
                train.labels.tolist(),
                patient_units(train.groups).tolist(),
                held.ids.tolist(),
            ],
            "features": {name: content_digest(block) for name, block in features.blocks.items()},
            "scikit-learn": sklearn.__version__,
        }
    )
    stem = f"folds/{key[:16]}"
    kept = folder.read_arrays(stem)
    if kept is not None and str(kept.get("key")) == key:
        advanced(len(listed))
        return kept["probabilities"], json.loads(str(kept["choice"]))
    if method.listed is None:
        shares = np.bincount(train.labels, minlength=len(train.class_names)) / len(train)
        probabilities, choice = np.tile(shares, (len(held), 1)), {}
    else:
        scored, _ = chosen_inside(method, train, seed, advanced)
        fit = fit_choice(scored.candidate, train, method.n_seeds)
        probabilities = mean_of_seeds(fit, held)
        choice = {**scored.candidate.as_dict(), "inside": dict(scored.metrics)}
    arrays = {"key": np.array(key), "probabilities": probabilities, "choice": np.array(json.dumps(choice))}
    folder.write_arrays(stem, arrays)
    return probabilities, choice


def mean_of_seeds(fit: FittedChoice, rows: Features) -> np.ndarray:
    """Mean of the calibrated probabilities of all seeds, float64 (n, classes)."""
    mean: np.ndarray = np.mean(list(fit.probabilities(rows.blocks).values()), axis=0)
    return mean


def _row(
    method: Method, fold: Fold, repeat: int, probabilities: np.ndarray, choice: Mapping[str, Any]
) -> dict[str, Any]:
    held = method.features.taken(fold.held)
    counts = np.bincount(held.labels, minlength=len(held.class_names))
    alone = Predictions(
        method.title, held.ids, held.labels, np.full(len(held), OUT_OF_FOLD), held.groups, held.class_names,
        {0: probabilities},
    )  # fmt: skip
    return {
        "method": method.title,
        "repeat": repeat,
        "fold": fold.name,
        "volumes": len(held),
        "patients": len(np.unique(patient_units(held.groups))),
        "fitted_on": len(fold.train),
        **{f"n[{name}]": int(count) for name, count in zip(held.class_names, counts, strict=True)},
        "auc": float(auc_statistic(alone)(np.ones((1, len(held))))[0]),
        "accuracy": accuracy(held.labels, probabilities),
        "balanced_accuracy": balanced_accuracy(held.labels, decisions(probabilities), len(held.class_names)),
        "classifier": choice.get("classifier", ""),
        "channels": choice.get("subset", ""),
        "options": json.dumps(choice.get("options", {})),
    }
