"""Check labelled features before anything is fitted on them."""

from collections.abc import Sequence

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.features import SPLITS, Features
from tdaflow.printable import counted


def check_features(features: Features, *, folds: int = 1, splits_needed: Sequence[str] = SPLITS) -> None:
    """Refuse features that cannot be evaluated under the protocol.

    Parameters
    ----------
    features : Features
    folds : int
        Folds of the cross-validation inside train; every class needs as many training volumes.
    splits_needed : sequence of str
        Splits that must be there and hold every class.

    Raises
    ------
    InputError
        One sentence: one class only; a split that is missing or lacks a class; ids that occur twice; a group in two
        splits; NaN or infinite features; fewer training volumes of a class than folds.
    """
    check_table(
        features.ids, features.labels, features.splits, features.groups, features.class_names,
        folds=folds, splits_needed=splits_needed,
    )  # fmt: skip
    if not features.blocks:
        raise InputError("the feature store holds no persistence images or vectors: run again with a filtration")
    for name, block in features.blocks.items():
        bad = ~np.isfinite(block).all(axis=1)
        if bad.any():
            raise InputError(
                f"the features {name!r} of {counted(int(bad.sum()), 'volume')} are NaN or infinite, first "
                f"{str(features.ids[bad][0])!r}: run again with --restart-from images"
            )


def check_table(
    ids: np.ndarray,
    labels: np.ndarray,
    splits: np.ndarray,
    groups: np.ndarray,
    class_names: Sequence[str],
    *,
    folds: int = 1,
    splits_needed: Sequence[str] = SPLITS,
) -> None:
    """Check ids, labels, splits and groups; errors as in `check_features`."""
    for split in splits_needed:
        if not (splits == split).any():
            raise InputError(
                f"there is no volume in the split {split!r}: fit, choice and test need 'train', 'val' and 'test', so "
                "give the source all three (tdaflow split makes them), or evaluate without them by --nested"
            )
    present = np.unique(labels)
    if present[-1] >= len(class_names):
        raise InputError(f"label {present[-1]} has no name among the {len(class_names)} class names: name every class")
    if len(present) < 2:
        raise InputError(
            f"all {len(ids)} volumes are of one class ({class_names[present[0]]!r}): give volumes of two classes"
        )
    for split in splits_needed:
        lacking = np.setdiff1d(np.arange(len(class_names)), labels[splits == split])
        if lacking.size:
            raise InputError(
                f"no volume of class {class_names[lacking[0]]!r} is in the split {split!r}: every class must be in "
                "every split, so read more of the data set or leave the class out"
            )
    counts = np.bincount(labels[splits == "train"])
    if counts.min() < folds:
        raise InputError(
            f"class {class_names[int(counts.argmin())]!r} has {counts.min()} training volumes, fewer than the {folds} "
            "folds of the calibration inside train: read more, or leave the classifier 'svm' out"
        )
    values, times = np.unique(ids, return_counts=True)
    if (times > 1).any():
        raise InputError(
            f"the id {str(values[times > 1][0])!r} occurs {times.max()} times: give every volume its own id"
        )
    known = groups != ""
    pairs = np.unique(np.stack([groups[known], splits[known]], axis=1), axis=0)
    twice = pairs[:-1][pairs[1:, 0] == pairs[:-1, 0], 0]
    if twice.size:
        found = pairs[pairs[:, 0] == twice[0], 1].tolist()
        raise InputError(
            f"group {str(twice[0])!r} has volumes in the splits {' and '.join(map(repr, found))}: "
            "a patient belongs to one split, so split by group"
        )
