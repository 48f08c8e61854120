"""Choose a classifier, its options and a subset of channels on the validation split."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.classifiers import (
    CLASSIFIERS,
    FOLDS,
    PREPARATION,
    Folds,
    chosen_classifiers,
    patient_folds,
    preparation,
)
from tdaflow.evaluation.protocol.committee import committee, filtrations_of
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.metrics import accuracy, auc, balanced_accuracy, decisions
from tdaflow.evaluation.protocol.subsets import ALL_CHANNELS, subsets
from tdaflow.store.block_names import BlockName
from tdaflow.vectorisations import VECTORISATIONS

CHOOSE_BY = ("auc", "accuracy", "balanced_accuracy")
CROSS_VALIDATION = "cross-validation"
CHOOSE_ON = ("auto", "validation", CROSS_VALIDATION)
CHANNELS = ("auto", "subsets", "all")


@dataclass(frozen=True)
class Candidate:
    """A classifier with its options and channels.

    Attributes
    ----------
    classifier : str
        Key of `CLASSIFIERS`.
    subset : str
        Name of the channels.
    blocks : tuple of str
        The channels.
    options : mapping
        Of the classifier and its preparation.
    """

    classifier: str
    subset: str
    blocks: tuple[str, ...]
    options: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping."""
        return {
            "classifier": self.classifier, "subset": self.subset, "blocks": list(self.blocks),
            "options": dict(self.options),
        }  # fmt: skip


@dataclass(frozen=True)
class Scored:
    """A candidate and its metrics on validation."""

    candidate: Candidate
    metrics: Mapping[str, float]


def varying(train: Features) -> list[str]:
    """Names of the blocks that differ between training volumes; InputError if none does."""
    found = [name for name, block in train.blocks.items() if np.ptp(block, axis=0).any()]
    if not found:
        raise InputError("the features of all training volumes are equal: check the intensities and the filtrations")
    return found


def candidates(
    blocks: Sequence[str], classifiers: Sequence[str] | None = None, channels: str = "subsets"
) -> list[Candidate]:
    """List all candidates, simplest first: small subsets, then classifiers and options in declared order.

    With `channels` "all" every candidate has all blocks.
    """
    named = subsets(blocks) if channels == "subsets" else {ALL_CHANNELS: tuple(blocks)}
    return [
        Candidate(name, subset, members, options)
        for subset, members in named.items()
        for name, classifier in chosen_classifiers(classifiers).items()
        for options in classifier.grid
        if not classifier.per_filtration or len(filtrations_of(members)) > 1
    ]


def fitted(candidate: Candidate, train: Features, seed: int) -> Pipeline:
    """Fit the whole pipeline of a candidate on train."""
    prepared, matrix = _prepared(candidate, train, seed)
    head = _head(candidate, train, seed)
    # Sums over threads are taken in another order, which a solver that stops early makes visible.
    with threadpool_limits(1):
        return Pipeline([("prepare", prepared), ("classify", head)]).fit(matrix, train.labels)


def score_all(
    train: Features,
    val: Features,
    listed: Sequence[Candidate],
    seed: int,
    advanced: Callable[[int], None] = lambda n: None,
) -> list[Scored]:
    """Fit every candidate on train and measure it on validation, in the order given.

    Scaling and PCA are fitted once for the candidates that share them; they see the same rows as in `fitted`.
    """
    found: dict[int, Scored] = {}
    for position, probabilities in _probabilities(train, val, listed, seed):
        found[position] = _scored(listed[position], val, probabilities)
        advanced(1)
    return [found[position] for position in range(len(listed))]


def score_all_inside(
    train: Features,
    listed: Sequence[Candidate],
    seed: int,
    advanced: Callable[[int], None] = lambda n: None,
) -> list[Scored]:
    """Measure every candidate by cross-validation inside train, in the order given.

    The metrics are those of the predictions of all folds together; patients are not divided between folds.
    """
    predicted = _out_of_fold(train, listed, seed, patient_folds(train.labels, train.groups, seed), advanced)
    return [_scored(candidate, train, p) for candidate, p in zip(listed, predicted, strict=True)]


def out_of_fold(train: Features, candidate: Candidate, seed: int) -> np.ndarray | None:
    """Probabilities of every training volume by fits on the other folds, float64 (n, classes).

    None where the training volumes do not allow it: a class with one patient cannot be both inside and outside a fold.
    """
    folds = whole_folds(train, seed)
    return None if folds is None else _out_of_fold(train, [candidate], seed, folds)[0]


def whole_folds(train: Features, seed: int) -> Folds | None:
    """Return folds inside train whose larger parts hold every class; None where there are none."""
    n_folds = min(FOLDS, int(np.bincount(train.labels, minlength=len(train.class_names)).min()))
    if n_folds < 2:
        return None
    folds = patient_folds(train.labels, train.groups, seed, n_folds)
    if any(len(np.unique(train.labels[inner])) < len(train.class_names) for inner, _ in folds):
        return None
    return folds


def _out_of_fold(
    train: Features,
    listed: Sequence[Candidate],
    seed: int,
    folds: Folds,
    advanced: Callable[[int], None] = lambda n: None,
) -> list[np.ndarray]:
    predicted = [np.zeros((len(train), len(train.class_names))) for _ in listed]
    for number, (inner, outer) in enumerate(folds, start=1):
        for position, probabilities in _probabilities(train.taken(inner), train.taken(outer), listed, seed):
            predicted[position][outer] = probabilities
            if number == len(folds):
                advanced(1)
    return predicted


def _probabilities(
    train: Features, val: Features, listed: Sequence[Candidate], seed: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield position and probabilities of every candidate, grouped by their preparation."""
    for group in _by_preparation(listed):
        first = listed[group[0]]
        prepared, matrix = _prepared(first, train, seed)
        # Threads that share some hundred rows wait for each other, on a busy machine for minutes.
        with threadpool_limits(1):
            of_train = prepared.fit_transform(matrix)
            of_val = prepared.transform(val.matrix(first.blocks))
        for position in group:
            with threadpool_limits(1):
                head = _head(listed[position], train, seed).fit(of_train, train.labels)
                probabilities = head.predict_proba(of_val)
            yield position, probabilities


def metrics_of(of: Features, probabilities: np.ndarray) -> dict[str, float]:
    """Each of `CHOOSE_BY` of some volumes, from their probabilities (n, classes)."""
    return {
        "auc": auc(of.labels, probabilities),
        "accuracy": accuracy(of.labels, probabilities),
        "balanced_accuracy": balanced_accuracy(of.labels, decisions(probabilities), len(of.class_names)),
    }


def _scored(candidate: Candidate, of: Features, probabilities: np.ndarray) -> Scored:
    return Scored(candidate, metrics_of(of, probabilities))


def best(scored: Sequence[Scored], choose_by: str = "auc") -> Scored:
    """Return the candidate with the highest validation metric; of equals the most accurate, then the simplest."""
    if choose_by not in CHOOSE_BY:
        raise InputError(f"choose_by={choose_by!r} is unknown: use {', '.join(CHOOSE_BY)}")
    return max(scored, key=lambda s: (s.metrics[choose_by], s.metrics["accuracy"]))


def _prepared(candidate: Candidate, train: Features, seed: int) -> tuple[Any, np.ndarray]:
    matrix = train.matrix(candidate.blocks)
    if CLASSIFIERS[candidate.classifier].per_filtration:
        return FunctionTransformer(), matrix  # each member prepares its own columns
    widths = [w for of_block in _widths(candidate, train) for w in of_block]
    return preparation(candidate.options, widths, len(train), seed), matrix


def _widths(candidate: Candidate, train: Features) -> list[list[int]]:
    return [scale_widths(block, train.blocks[block].shape[1]) for block in candidate.blocks]


def scale_widths(block: str, columns: int) -> list[int]:
    """Widths of neighbouring columns that share a unit and a scale: a whole image, or single statistics."""
    name = BlockName.parsed(block)
    kind = None if name is None else VECTORISATIONS.get(name.kind)
    return [1] * columns if kind is not None and kind.scale == "term" else [columns]


def _head(candidate: Candidate, train: Features, seed: int) -> Any:
    classifier = chosen_classifiers([candidate.classifier])[candidate.classifier]
    if classifier.per_filtration:
        inner = _inner_folds(train, seed) if classifier.stacked else None
        # Each member is fitted without a fold, too.
        n_fitted = len(train) if inner is None else min(len(fit) for fit, _ in inner)
        return committee(
            candidate.blocks, _widths(candidate, train),
            prepare=lambda widths: preparation(candidate.options, widths, n_fitted, seed),
            make=lambda: classifier.make(candidate.options, seed, ()), folds=inner,
        )  # fmt: skip
    folds = patient_folds(train.labels, train.groups, seed) if classifier.needs_folds else ()
    return classifier.make(candidate.options, seed, folds)


def _inner_folds(train: Features, seed: int) -> Folds:
    """Folds of what a stacked committee is fitted on, fewer where a class is small."""
    fewest = int(np.bincount(train.labels, minlength=len(train.class_names)).min())
    return patient_folds(train.labels, train.groups, seed, max(2, min(FOLDS, fewest)))


def _by_preparation(listed: Sequence[Candidate]) -> Iterator[list[int]]:
    groups: dict[tuple[Any, ...], list[int]] = {}
    for position, candidate in enumerate(listed):
        own = CLASSIFIERS[candidate.classifier].per_filtration
        key = (candidate.blocks, own, *(candidate.options[name] for name in PREPARATION))
        groups.setdefault(key, []).append(position)
    yield from groups.values()
