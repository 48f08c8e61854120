"""Bootstrap resamples of the training patients, for ensembles and for the spread of maps."""

from dataclasses import replace

import numpy as np

from tdaflow.evaluation.protocol.classifiers import FOLDS
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.patients import patient_units

# Resamples that lack a class, or have fewer volumes of it than folds, are drawn again this often.
_DRAWS = 100


def resample(train: Features, seed: int) -> Features:
    """Draw as many patients as there are, with replacement; every class keeps enough volumes for the folds.

    A volume drawn twice is there twice, under one group, so folds keep it together.
    """
    units = patient_units(train.groups)
    names, unit = np.unique(units, return_inverse=True)
    of_unit = [np.flatnonzero(unit == u) for u in range(len(names))]
    needed = min(FOLDS, int(np.bincount(train.labels).min()))
    rng = np.random.default_rng(seed)
    for _ in range(_DRAWS):
        rows = np.concatenate([of_unit[u] for u in rng.integers(0, len(names), len(names))])
        if np.bincount(train.labels[rows], minlength=len(train.class_names)).min() >= needed:
            break
    return replace(
        train,
        ids=train.ids[rows], labels=train.labels[rows], splits=train.splits[rows], groups=units[rows],
        blocks={name: block[rows] for name, block in train.blocks.items()},
    )  # fmt: skip
