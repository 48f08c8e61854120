"""Choose a classifier, its options and a subset of channels on the validation split."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from tdaflow.errors import InputError
from tdaflow.evaluation.classifiers import PREPARATION, chosen_classifiers, inner_folds, preparation
from tdaflow.evaluation.features import Features, subsets
from tdaflow.evaluation.metrics import accuracy, auc, balanced_accuracy, decisions

CHOOSE_BY = ("auc", "accuracy", "balanced_accuracy")


@dataclass(frozen=True)
class Candidate:
    """One point of the search.

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
        """JSON-able."""
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
        raise InputError("the features of all training volumes are equal: there is nothing to learn from")
    return found


def candidates(blocks: Sequence[str], classifiers: Sequence[str] | None = None) -> list[Candidate]:
    """All candidates, simplest first: small subsets, then classifiers and options in declared order."""
    return [
        Candidate(name, subset, members, options)
        for subset, members in subsets(blocks).items()
        for name, classifier in chosen_classifiers(classifiers).items()
        for options in classifier.grid
    ]


def fitted(candidate: Candidate, train: Features, seed: int) -> Pipeline:
    """The candidate's whole pipeline, fitted on train and nothing else."""
    prepared, matrix = _prepared(candidate, train, seed)
    head = _head(candidate, train, seed)
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
    for group in _by_preparation(listed):
        first = listed[group[0]]
        prepared, matrix = _prepared(first, train, seed)
        of_train = prepared.fit_transform(matrix)
        of_val = prepared.transform(val.matrix(first.blocks))
        for position in group:
            head = _head(listed[position], train, seed).fit(of_train, train.labels)
            probabilities = head.predict_proba(of_val)
            found[position] = Scored(
                listed[position],
                {
                    "auc": auc(val.labels, probabilities),
                    "accuracy": accuracy(val.labels, probabilities),
                    "balanced_accuracy": balanced_accuracy(val.labels, decisions(probabilities), len(val.class_names)),
                },
            )
            advanced(1)
    return [found[position] for position in range(len(listed))]


def best(scored: Sequence[Scored], choose_by: str = "auc") -> Scored:
    """The candidate with the highest validation metric; of equals the most accurate, of those the simplest."""
    if choose_by not in CHOOSE_BY:
        raise InputError(f"there is nothing called {choose_by!r} to choose by: use {', '.join(CHOOSE_BY)}")
    return max(scored, key=lambda s: (s.metrics[choose_by], s.metrics["accuracy"]))


def _prepared(candidate: Candidate, train: Features, seed: int) -> tuple[Pipeline, Any]:
    widths = [train.blocks[block].shape[1] for block in candidate.blocks]
    return preparation(candidate.options, widths, len(train), seed), train.matrix(candidate.blocks)


def _head(candidate: Candidate, train: Features, seed: int) -> Any:
    classifier = chosen_classifiers([candidate.classifier])[candidate.classifier]
    folds = inner_folds(train.labels, train.groups, seed) if classifier.needs_folds else ()
    return classifier.make(candidate.options, seed, folds)


def _by_preparation(listed: Sequence[Candidate]) -> Iterator[list[int]]:
    groups: dict[tuple[Any, ...], list[int]] = {}
    for position, candidate in enumerate(listed):
        key = (candidate.blocks, *(candidate.options[name] for name in PREPARATION))
        groups.setdefault(key, []).append(position)
    yield from groups.values()
