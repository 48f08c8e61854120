"""Compute the features of out-of-distribution volumes by the run's recipe, and score them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.evaluation.protocol.bootstrap import N_RESAMPLES
from tdaflow.evaluation.protocol.evaluate import FAMILY
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.ledger import Ledger, Split
from tdaflow.evaluation.protocol.recorded import Recorded
from tdaflow.evaluation.stress.calibration import best_temperature
from tdaflow.evaluation.stress.ood.detection import REJECTED, after_rejection, detection_auc, false_positive_rate
from tdaflow.evaluation.stress.ood.members import N_MEMBERS, Ensemble, diverse_ensemble
from tdaflow.evaluation.stress.ood.scores import DEFAULT, all_scores
from tdaflow.evaluation.stress.ood.sets import OodSet
from tdaflow.evaluation.stress.recipe import check_recipe, chosen_recipe
from tdaflow.pipeline import Engine, Observer
from tdaflow.pipeline.apply import ApplyTask, applied, apply_tasks, read_applied
from tdaflow.store import options_digest

PURPOSE = "out of distribution"


@dataclass(frozen=True)
class OodScores:
    """Out-of-distribution scores of a run.

    Attributes
    ----------
    rows : list of dict
        One a set and score: ``set``, ``relation``, ``score``, ``auc``, ``low``, ``high``, ``fpr95``, ``n_own``,
        ``n_ood``, ``n_unusable``.
    rejection : list of dict
        One a score and share: ``score``, ``rejected``, ``n``, ``accuracy``, ``auc``; test volumes of the run.
    scores : mapping of str to mapping of str to array
        Score of every volume by set ("" for the run's own test volumes) and name of the score.
    about : mapping
        JSON-able: members, temperature, default score.
    """

    rows: list[dict[str, Any]]
    rejection: list[dict[str, Any]]
    scores: Mapping[str, Mapping[str, np.ndarray]]
    about: Mapping[str, Any]


def score_ood_sets(
    run: Path,
    features: Features,
    recorded: Recorded,
    sets: Sequence[OodSet],
    ledger: Ledger,
    engine: Engine,
    observer: Observer,
    *,
    n_members: int = N_MEMBERS,
    n_resamples: int = N_RESAMPLES,
) -> OodScores:
    """Score out-of-distribution volumes beside the run's own test volumes.

    Parameters
    ----------
    run : Path
        Folder of the run; finished batches are kept in it until all are there.
    features : Features
        Of the run.
    recorded : Recorded
        Choice of the run.
    sets : sequence of OodSet
    ledger : Ledger
    engine : Engine
    observer : Observer
    n_members : int
    n_resamples : int
        Of the bootstrap over patients.

    Raises
    ------
    ConfigError
        If the ledger does not know the choice.
    RunError
        If a batch fails twice, or the recipe no longer gives the stored features.
    """
    test, val = features.rows("test"), features.rows("val")
    choice = recorded.predictions.details["choice"]
    ensemble = diverse_ensemble(features, recorded.candidate, n_members)
    observer.message(f"{n_members} members of the ensemble fitted on resamples of the training patients")
    temperature = best_temperature(val.labels, _mean(recorded, val.blocks))
    ledger.note_use(FAMILY, Split(test.ids, test.labels), choice, PURPOSE)
    found = _sets_features(Path(run), test, recorded, sets, engine, observer)
    own = _scores(recorded, ensemble, test.blocks, temperature)
    scores, rows = {"": own}, []
    for ood, (blocks, n_unusable) in zip(sets, found, strict=True):
        scores[ood.name] = _scores(recorded, ensemble, blocks, temperature)
        groups = np.concatenate([test.groups, ood.groups])
        for score, values in scores[ood.name].items():
            area, low, high = detection_auc(own[score], values, groups, n_resamples=n_resamples)
            rows.append(
                {
                    "set": ood.name, "relation": ood.relation, "score": score, "auc": area, "low": low,
                    "high": high, "fpr95": false_positive_rate(own[score], values), "n_own": len(test),
                    "n_ood": len(values), "n_unusable": n_unusable,
                }
            )  # fmt: skip
    said = _mean(recorded, test.blocks)
    rejection = [
        {"score": score, **line}
        for score, values in own.items()
        for line in after_rejection(test.labels, said, values, REJECTED)
    ]
    about = {"n_members": n_members, "temperature": temperature, "default": DEFAULT, "n_resamples": n_resamples}
    return OodScores(rows, rejection, scores, about)


def write_ood(found: OodScores, folder: EvaluationFolder) -> list[Path]:
    """Write ``ood.csv`` and ``ood.json`` (tables) and ``ood.npz`` (scores of every volume) into the folder."""
    names = list(next(iter(found.scores.values())))
    columns = {
        f"set_{i}": np.stack([by_score[name] for name in names]) for i, by_score in enumerate(found.scores.values())
    }
    about = {**found.about, "rejection": found.rejection, "sets": list(found.scores)}
    return [
        *folder.write_rows("ood", found.rows, about),
        folder.write_arrays("ood", {"scores": np.array(names), **columns}),
    ]


def _sets_features(
    run: Path, test: Features, recorded: Recorded, sets: Sequence[OodSet], engine: Engine, observer: Observer
) -> list[tuple[dict[str, np.ndarray], int]]:
    """Features of the volumes of every set, and how many of them are unusable."""
    parts = run / "evaluation" / "ood"
    chosen = chosen_recipe(run, test, recorded.candidate.blocks)
    tasks: list[list[ApplyTask]] = []
    for ood in sets:
        change = "" if ood.change is None else f"{ood.change.kind}-{ood.change.severity:g}-"
        made_of = options_digest(chosen.digest, ood.store.digest, list(ood.rows), ood.name)[:12]
        tasks.append(
            apply_tasks(f"{change}{made_of}", ood.store, ood.rows, chosen.recipe, parts, engine.workers, ood.change)
        )
    check_recipe(run, test, chosen, parts, engine)
    for _ in applied([task for listed in tasks for task in listed], engine, observer):
        pass
    made = [read_applied(listed) for listed in tasks]
    for task in (task for listed in tasks for task in listed):
        task.target.unlink(missing_ok=True)
    return [(m.blocks, len(m.unusable)) for m in made]


def _scores(
    recorded: Recorded, ensemble: Ensemble, blocks: Mapping[str, np.ndarray], temperature: float
) -> Mapping[str, np.ndarray]:
    return all_scores(_mean(recorded, blocks), ensemble.probabilities(blocks), temperature)


def _mean(recorded: Recorded, blocks: Mapping[str, np.ndarray]) -> np.ndarray:
    """Probabilities of the recorded choice, mean over seeds."""
    return np.mean(list(recorded.probabilities(blocks).values()), axis=0)
