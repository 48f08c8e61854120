"""Baselines that need no network: their names, and one function that makes them.

Deep ones are in `tdaflow.nets.baselines`.
"""

from collections.abc import Sequence

from tdaflow.errors import InputError
from tdaflow.evaluation.baselines.tabular import N_SEEDS, TABULAR, evaluate_columns
from tdaflow.evaluation.baselines.tda2d import CENTRAL, SliceAt, evaluate_tda2d, tda2d_title
from tdaflow.evaluation.baselines.volumes import LabelledVolumes
from tdaflow.evaluation.protocol.choice import Candidate
from tdaflow.evaluation.protocol.evaluate import majority_rows
from tdaflow.evaluation.protocol.ledger import Ledger
from tdaflow.evaluation.protocol.predictions import Predictions

MAJORITY, TDA2D = "majority", "tda2d"

SIMPLE: tuple[str, ...] = (MAJORITY, *TABULAR, TDA2D)
"""Names of these baselines."""


def title_of(name: str, slices: Sequence[SliceAt] = CENTRAL) -> str:
    """Name of one of `SIMPLE` in tables."""
    if name == TDA2D:
        return tda2d_title(slices)
    return TABULAR[name].title if name in TABULAR else "majority class"


def simple_baseline(
    name: str,
    volumes: LabelledVolumes,
    ledger: Ledger,
    *,
    n_seeds: int | None = None,
    slices: Sequence[SliceAt] = CENTRAL,
    allow_second_test: bool = False,
) -> list[Predictions]:
    """Evaluate one baseline.

    Parameters
    ----------
    name : str
        One of `SIMPLE`.
    volumes : LabelledVolumes
    ledger : Ledger
        Of the run; each baseline has an entry of its own.
    n_seeds : int, optional
        Number of fits of a baseline whose result depends on the seed; 5 by default.
    slices : sequence of SliceAt
        For 2D-TDA.
    allow_second_test : bool
        Allow a second, different choice on the same test split.

    Returns
    -------
    list of Predictions
        Two for the majority class (of train, and of test for reference), else one.

    Raises
    ------
    InputError
        If the name is unknown, or the baseline does not exist for these volumes (the message says why).
    """
    if name == MAJORITY:
        return majority_rows(volumes.features({}))
    if name == TDA2D:
        return [
            evaluate_tda2d(volumes, slices, ledger, n_seeds=n_seeds or N_SEEDS, allow_second_test=allow_second_test)
        ]
    if name not in TABULAR:
        raise InputError(f"there is no baseline {name!r}: choose from {', '.join(SIMPLE)}")
    baseline = TABULAR[name]
    features = baseline.columns(volumes)
    blocks = tuple(features.blocks)
    return [
        evaluate_columns(
            features,
            [Candidate(baseline.classifier, blocks[0], blocks, options) for options in baseline.options],
            title=baseline.title,
            family=f"baseline {name}",
            ledger=ledger,
            n_seeds=(n_seeds or N_SEEDS) if baseline.seeded else 1,
            note=baseline.note,
            allow_second_test=allow_second_test,
            kind=baseline.kind,
        )
    ]
