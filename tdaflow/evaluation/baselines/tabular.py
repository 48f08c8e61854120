"""Baselines of some columns and a classifier: textbook numbers, acquisition, histogram, voxels.

Each follows the protocol: fitted on train, options chosen on validation or inside train, tested once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from skimage.filters import threshold_otsu
from skimage.transform import downscale_local_mean

from tdaflow.errors import InputError
from tdaflow.evaluation.baselines.acquisition import acquisition_blocks
from tdaflow.evaluation.baselines.intensity_numbers import intensity_numbers
from tdaflow.evaluation.baselines.shape_numbers import shape_numbers
from tdaflow.evaluation.baselines.volumes import LabelledVolumes
from tdaflow.evaluation.protocol.checks import check_features
from tdaflow.evaluation.protocol.choice import Candidate, best
from tdaflow.evaluation.protocol.classifiers import CLASSIFIERS
from tdaflow.evaluation.protocol.evaluate import Protocol, part_notes
from tdaflow.evaluation.protocol.features import Features, joined, load_features
from tdaflow.evaluation.protocol.fit import fit_choice
from tdaflow.evaluation.protocol.held_out import HeldOut, development
from tdaflow.evaluation.protocol.ledger import Ledger, Touch
from tdaflow.evaluation.protocol.metrics import nearest_corner_threshold
from tdaflow.evaluation.protocol.predictions import Predictions

N_BINS = 64
# More principal components than any of these baselines has columns.
ALL = 1000
# Blocks along each axis of downsampled volumes.
EDGE = 8

# Seeds matter only to the randomised decomposition behind PCA.
N_SEEDS = 5


@dataclass(frozen=True)
class TabularBaseline:
    """Columns of a baseline, and the options that validation chooses from.

    Attributes
    ----------
    title : str
        Name in tables.
    columns : callable LabelledVolumes -> Features
        Must not read labels, and learn from training volumes only.
    options : tuple of mapping
        ``n_components`` of the PCA, ``whiten``, ``square_root`` before it, and ``C`` of the regression, simplest first.
    note : str
        Sentence under the table.
    seeded : bool
        True if the result depends on the seed.
    classifier : str
        Key of `CLASSIFIERS`.
    kind : str
        "baseline", or "fusion" of the method with one.
    """

    title: str
    columns: Callable[[LabelledVolumes], Features]
    options: tuple[Mapping[str, Any], ...]
    note: str
    seeded: bool = True
    classifier: str = "logistic"
    kind: str = "baseline"


def foreground_fraction(volumes: LabelledVolumes) -> Features:
    """Share of voxels with the higher of two values, one column; InputError unless the data set is mask-like."""
    values = volumes.grey_values
    if values is None:
        raise InputError(
            "the volumes have more than two grey values, so there is no foreground to measure: leave it out"
        )
    shares = [float((voxels == values[1]).mean()) for voxels in volumes.voxels()]
    return volumes.features({"foreground": np.array(shares)[:, None]})


def intensity_histogram(volumes: LabelledVolumes, n_bins: int = N_BINS) -> Features:
    """Share of voxels in each of `n_bins` equal bins over the typical extent of the training volumes.

    Values beyond it count in the first and last bin.
    """
    low, high = volumes.table.grey_range(volumes.train)
    rows = []
    for voxels in volumes.voxels():
        index = (voxels.ravel().astype(np.float64) - low) * (n_bins / (high - low))
        counts = np.bincount(np.clip(index, 0, n_bins - 1).astype(np.int64), minlength=n_bins)
        rows.append(counts / voxels.size)
    return volumes.features({"histogram": np.array(rows)}, range=[low, high])


def textbook_numbers(volumes: LabelledVolumes) -> Features:
    """Shape of the mask where all voxels have one of two values, else statistics of grey values and shape of a part.

    A block a number, see `shape_numbers` and `intensity_numbers`. The part is what lies above Otsu's threshold of the
    volume; bins span the typical extent of the training volumes.
    """
    values, limits = volumes.grey_values, volumes.table.grey_range(volumes.train)
    rows = [
        {
            **intensity_numbers(voxels, spacing, limits, N_BINS),
            **{f"bright_{name}": n for name, n in shape_numbers(voxels > threshold_otsu(voxels), spacing).items()},
        }
        if values is None
        else shape_numbers(voxels == values[1], spacing)
        for voxels, spacing in zip(volumes.voxels(), volumes.table.spacing, strict=True)
    ]
    return volumes.features({name: np.array([[row[name]] for row in rows]) for name in rows[0]})


def features_and_numbers(volumes: LabelledVolumes) -> Features:
    """The run's features, and `textbook_numbers` as one member more of a committee; InputError without features."""
    numbers = textbook_numbers(volumes)
    named = {f"shape:{name}": block for name, block in numbers.blocks.items()}
    return joined(load_features(volumes.run), replace(numbers, blocks=named))


def acquisition(volumes: LabelledVolumes) -> Features:
    """Shape of the array, spacing and extent in mm, a block a number; InputError where all training volumes agree."""
    return volumes.features(acquisition_blocks(volumes.table, volumes.train))


def raw_voxels(volumes: LabelledVolumes) -> Features:
    """All voxels as columns, in the store's dtype; InputError for unequal shapes."""
    stack = volumes.stacked()
    return volumes.features({"voxels": stack.reshape(len(stack), -1)})


def downsampled_voxels(volumes: LabelledVolumes) -> Features:
    """Means over blocks of voxels, at most `EDGE` blocks along each axis, float64; InputError for unequal shapes.

    Blocks beyond the end of an axis repeat its last slice.
    """
    stack = volumes.stacked()
    factors = tuple(-(-n // EDGE) for n in stack.shape[1:])
    margins = [(0, -n % factor) for n, factor in zip(stack.shape[1:], factors, strict=True)]
    means = [downscale_local_mean(np.pad(voxels, margins, mode="edge"), factors).ravel() for voxels in stack]
    return volumes.features({"downsampled": np.array(means)})


def _options(n_components: Sequence[int], square_root: Sequence[bool], strengths: Sequence[float]) -> tuple[Any, ...]:
    return tuple(
        {"n_components": n, "whiten": True, "square_root": root, "C": c}
        for n in n_components
        for root in square_root
        for c in strengths
    )


def _standardised(strengths: Sequence[float]) -> tuple[Any, ...]:
    """All columns, each of unit variance."""
    return tuple(
        {"n_components": ALL, "whiten": False, "square_root": root, "C": c} for root in (False, True) for c in strengths
    )


TABULAR: dict[str, TabularBaseline] = {
    "foreground": TabularBaseline(
        "foreground fraction + logistic regression",
        foreground_fraction,
        _options([1], [False], [0.1, 1.0, 10.0]),
        "One number a volume: the share of foreground voxels.",
        seeded=False,
    ),
    "shape": TabularBaseline(
        "textbook shape and intensity numbers + logistic regression",
        textbook_numbers,
        _standardised([0.01, 0.1, 1.0]),
        "38 shape numbers of a mask; of a grey volume 43 first-order intensity numbers, and the shape numbers of what "
        "lies above Otsu's threshold; by IBSI's definitions, nothing is selected.",
        seeded=False,
    ),
    "with-shape": TabularBaseline(
        "TDA with textbook shape and intensity numbers, stacked",
        features_and_numbers,
        CLASSIFIERS["stacked"].grid,
        "A stacked committee of one logistic regression a filtration and one on the numbers of the row `shape`.",
        classifier="stacked",
        kind="fusion",
    ),
    "acquisition": TabularBaseline(
        "acquisition alone (array shape, spacing, extent) + logistic regression",
        acquisition,
        _standardised([0.1, 1.0]),
        "Sees no voxel: what it predicts is the crop box or the scanner.",
        seeded=False,
    ),
    "histogram": TabularBaseline(
        "intensity histogram + logistic regression",
        intensity_histogram,
        _options([N_BINS // 4, N_BINS], [True, False], [0.01, 0.1, 1.0]),
        f"{N_BINS} equal bins over the range of the training volumes; no spatial information.",
    ),
    "voxels-pca": TabularBaseline(
        "raw voxels, PCA + logistic regression",
        raw_voxels,
        _options([20, 50, 100], [False], [0.01, 0.1, 1.0]),
        "Principal components of the voxels as they are, no registration.",
    ),
    "voxels-svm": TabularBaseline(
        "raw voxels, PCA + SVM",
        raw_voxels,
        tuple(
            {"n_components": n, "whiten": False, "square_root": False, "C": c} for n in (50, 100) for c in (1.0, 10.0)
        ),
        "Principal components of the voxels as they are, RBF kernel.",
        classifier="svm",
    ),
    "voxels-boosting": TabularBaseline(
        "downsampled voxels + gradient boosting",
        downsampled_voxels,
        tuple({"n_components": 100, "whiten": False, "square_root": False, "max_iter": n} for n in (50, 150)),
        f"Principal components of block means, at most {EDGE} blocks along each axis.",
        classifier="boosting",
    ),
}


def evaluate_columns(
    features: Features,
    listed: Sequence[Candidate],
    *,
    title: str,
    family: str,
    ledger: Ledger,
    n_seeds: int,
    note: str,
    allow_second_test: bool = False,
    details: Mapping[str, Any] | None = None,
    kind: str = "baseline",
) -> Predictions:
    """Choose one of some candidates where `Protocol` says, on validation or inside train, then test it once.

    Parameters
    ----------
    features : Features
        All three splits.
    listed : sequence of Candidate
        Simplest first: of equals the first is chosen. The choice is by AUC, with seed 0.
    title, family : str
        The row's name, and the ledger's.
    ledger : Ledger
    n_seeds : int
        Seeds 0 … n − 1.
    note : str
        First sentence under the table.
    allow_second_test : bool
        Allow a second, different choice on the same test split; the notes say so.
    details : mapping, optional
        JSON-able facts to keep beside the choice.
    kind : str
        Of the row.

    Raises
    ------
    InputError
        See `check_features`; also for less than one seed.
    ConfigError
        If another choice of the family has touched this test split and `allow_second_test` is not given.
    """
    if n_seeds < 1:
        raise InputError(f"{n_seeds} seeds are too few: give at least 1")
    protocol = Protocol(tuple({c.classifier: None for c in listed})).resolved(features)
    check_features(features, folds=protocol.folds)
    train, val = development(features)
    held_out = HeldOut(features)
    chosen = best(protocol.scored(train, val, listed))
    candidate = chosen.candidate
    fit = fit_choice(candidate, train, n_seeds)
    of_val = fit.probabilities(val.blocks)
    choice = {**candidate.as_dict(), "features": features.digest}
    touch = ledger.touch(family, held_out.split, choice, allow_second_test=allow_second_test)
    test = held_out.open()
    options = ", ".join(f"{name} = {value}" for name, value in candidate.options.items())
    of = f" of {candidate.classifier} on {candidate.subset}" if len({c.blocks for c in listed}) > 1 else ""
    return baseline_predictions(
        title, val, test, of_val, fit.probabilities(test.blocks), touch,
        notes=(
            note,
            f"Chosen {protocol.compared} by AUC ({chosen.metrics['auc']:.3f}) from {len(listed)} candidates: "
            f"{options}{of}.",
            fit.note,
        ),
        details={"family": family, "choice": choice, "validation": dict(chosen.metrics), **(details or {})}, kind=kind,
    )  # fmt: skip


def baseline_predictions(
    title: str,
    val: Features,
    test: Features,
    of_val: Mapping[int, np.ndarray],
    of_test: Mapping[int, np.ndarray],
    touch: Touch,
    *,
    notes: Sequence[str],
    details: Mapping[str, Any],
    kind: str = "baseline",
) -> Predictions:
    """Join the validation and test predictions of a baseline; thresholds of two classes are chosen on validation."""
    binary = len(val.class_names) == 2
    return Predictions(
        method=title if touch.number == 1 else f"{title} (choice {touch.number})",
        ids=np.concatenate([val.ids, test.ids]),
        labels=np.concatenate([val.labels, test.labels]),
        splits=np.concatenate([val.splits, test.splits]),
        groups=np.concatenate([val.groups, test.groups]),
        class_names=val.class_names,
        probabilities={seed: np.concatenate([of_val[seed], of_test[seed]]) for seed in of_val},
        thresholds={s: nearest_corner_threshold(val.labels, p[:, 1]) for s, p in of_val.items()} if binary else {},
        kind=kind,
        notes=(*notes, touch.note, *part_notes(val.about)),
        details={**details, "number": touch.number, "about": dict(val.about)},
    )
