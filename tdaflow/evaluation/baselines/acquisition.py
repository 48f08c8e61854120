"""What is known of a volume without a look at its voxels, and whether it predicts the label as well as features do."""

from pathlib import Path

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.bootstrap import auc_statistic, distribution, interval
from tdaflow.evaluation.protocol.choice import Candidate, out_of_fold, varying
from tdaflow.evaluation.protocol.features import Features, load_features
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.pipeline.apply import run_volumes
from tdaflow.store import RunFolder, VolumeTable
from tdaflow.store.integrity.problem import Problem, warning

N_RESAMPLES = 1000
# Fixed, for nothing is chosen: the first is for a few columns, the second for the channels of a run.
_FEW = {"n_components": 1000, "whiten": False, "square_root": False, "C": 1.0}
_MANY = {"n_components": 60, "whiten": True, "square_root": True, "C": 0.01}


def acquisition_blocks(table: VolumeTable, train: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of array shape, spacing and extent that differ between training volumes, each (n, 1).

    Parameters
    ----------
    table : VolumeTable
    train : bool array, shape (n,)

    Raises
    ------
    InputError
        If none differs.
    """
    found = {}
    for name, values in (("voxels", table.shape), ("spacing", table.spacing), ("extent", table.shape * table.spacing)):
        for axis, column in zip("zyx", np.asarray(values, dtype=np.float64).T, strict=True):
            if np.ptp(column[train]) > 1e-6 * np.abs(column[train]).max():
                found[f"{name} along {axis}"] = column[:, None]
    if not found:
        raise InputError(
            "all training volumes have one array shape and one spacing, so the acquisition says nothing of the label: "
            "leave it out"
        )
    return found


def acquisition_problem(run: Path, *, n_resamples: int = N_RESAMPLES) -> Problem | None:
    """Compare the acquisition with the features of a run, by cross-validation inside train.

    Parameters
    ----------
    run : Path
        Folder of a run.
    n_resamples : int
        Of the bootstrap over training patients.

    Returns
    -------
    Problem or None
        A warning where the acquisition predicts the label better than chance and the features do not do better: the
        95 % interval of the acquisition's AUC lies above ½, and that of the difference reaches 0. None also where the
        run has no labelled features or too few training volumes, or all volumes are acquired alike.
    """
    try:
        table = run_volumes(RunFolder(run)).table().of_rows()
        acquisition_blocks(table, (table.split == "train") & (table.label >= 0))
        # Read only where it can matter.
        features = load_features(run).rows("train")
        row_of = {str(identity): row for row, identity in enumerate(table.id)}
        table = table.at(np.array([row_of[identity] for identity in features.ids.tolist()], dtype=np.int64))
        blocks = acquisition_blocks(table, np.ones(len(table), dtype=bool))
        known = varying(features)
    except (InputError, KeyError, ValueError):
        return None
    own = _out_of_fold(Features(**{**vars(features), "blocks": blocks}), list(blocks), _FEW)
    if own is None:
        return None
    alone = distribution([auc_statistic(own)], features.groups, n_resamples)[0]
    if not interval(alone)[0] > 0.5:
        return None
    other = _out_of_fold(features, known, _MANY)
    assert other is not None
    statistics = [auc_statistic(other), auc_statistic(own)]
    of_features, alone = distribution(statistics, features.groups, n_resamples)
    low, high = interval(of_features - alone)
    if low > 0:
        return None
    once = np.ones((1, len(features)))
    values = [float(statistic(once)[0]) for statistic in statistics]
    return warning(
        "acquisition", "labels",
        f"array shape, spacing and extent alone predict the label with AUC {values[1]:.3f} {_range(alone)} in "
        f"cross-validation inside train, the features with {values[0]:.3f} {_range(of_features)} (difference "
        f"{values[0] - values[1]:+.3f} [{low:+.3f}, {high:+.3f}], 95 % over {len(features)} volumes), so they may "
        "describe the crop box or the scanner",
        "bring all volumes to one grid ([preprocess] steps resample and crop-pad), and show the baseline: tdaflow "
        "baselines RUN --methods acquisition",
    )  # fmt: skip


def _out_of_fold(train: Features, blocks: list[str], options: dict[str, object]) -> Predictions | None:
    found = out_of_fold(train, Candidate("logistic", "all", tuple(blocks), options), 0)
    if found is None:
        return None
    return Predictions("", train.ids, train.labels, train.splits, train.groups, train.class_names, {0: found})


def _range(values: np.ndarray) -> str:
    low, high = interval(values)
    return f"[{low:.3f}, {high:.3f}]"
