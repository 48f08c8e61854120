"""Strange volumes through the run's recipe, and what uncertainty says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.evaluation.bootstrap import N_RESAMPLES
from tdaflow.evaluation.calibration import best_temperature
from tdaflow.evaluation.features import Features
from tdaflow.evaluation.folder import EvaluationFolder
from tdaflow.evaluation.ledger import Ledger, split_digest
from tdaflow.evaluation.ood.detection import REJECTED, after_rejection, detection_auc, false_positive_rate
from tdaflow.evaluation.ood.members import N_MEMBERS, Ensemble, diverse_ensemble
from tdaflow.evaluation.ood.scores import DEFAULT, all_scores
from tdaflow.evaluation.ood.sets import StrangeSet
from tdaflow.evaluation.projected_volumes import check_recipe, chosen_recipe
from tdaflow.evaluation.protocol import FAMILY
from tdaflow.evaluation.recorded import Recorded
from tdaflow.pipeline import Engine, Observer
from tdaflow.pipeline.apply import ApplyTask, applied, apply_tasks, read_applied
from tdaflow.store import options_digest

PURPOSE = "out of distribution"


@dataclass(frozen=True)
class Strangeness:
    """What was found.

    Attributes
    ----------
    rows : list of dict
        One a set and score: ``set``, ``relation``, ``score``, ``auc``, ``low``, ``high``, ``fpr95``, ``n_known``,
        ``n_strange``, ``n_unusable``.
    rejection : list of dict
        One a score and share: ``score``, ``rejected``, ``n``, ``accuracy``, ``auc``; test volumes of the run.
    scores : mapping of str to mapping of str to array
        Set ("" for the run's own test volumes) → score → value of every volume.
    about : mapping
        JSON-able: members, temperature, default score.
    """

    rows: list[dict[str, Any]]
    rejection: list[dict[str, Any]]
    scores: Mapping[str, Mapping[str, np.ndarray]]
    about: Mapping[str, Any]


def strangeness(
    run: Path,
    features: Features,
    recorded: Recorded,
    sets: Sequence[StrangeSet],
    ledger: Ledger,
    engine: Engine,
    observer: Observer,
    *,
    n_members: int = N_MEMBERS,
    n_resamples: int = N_RESAMPLES,
) -> Strangeness:
    """Score strange volumes beside the run's own test volumes.

    Parameters
    ----------
    run : Path
        Folder of the run; finished batches are kept in it until all are there.
    features : Features
        Of the run.
    recorded : Recorded
        Its choice.
    sets : sequence of StrangeSet
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
    ledger.note_use(FAMILY, split_digest(test.ids, test.labels), choice, PURPOSE)
    found = _projected_sets(Path(run), test, recorded, sets, engine, observer)
    known = _scores(recorded, ensemble, test.blocks, temperature)
    scores, rows = {"": known}, []
    for strange, (blocks, n_unusable) in zip(sets, found, strict=True):
        scores[strange.name] = _scores(recorded, ensemble, blocks, temperature)
        groups = np.concatenate([test.groups, strange.groups])
        for score, values in scores[strange.name].items():
            area, low, high = detection_auc(known[score], values, groups, n_resamples=n_resamples)
            rows.append(
                {
                    "set": strange.name, "relation": strange.relation, "score": score, "auc": area, "low": low,
                    "high": high, "fpr95": false_positive_rate(known[score], values), "n_known": len(test),
                    "n_strange": len(values), "n_unusable": n_unusable,
                }
            )  # fmt: skip
    said = _mean(recorded, test.blocks)
    rejection = [
        {"score": score, **line}
        for score, values in known.items()
        for line in after_rejection(test.labels, said, values, REJECTED)
    ]
    about = {"n_members": n_members, "temperature": temperature, "default": DEFAULT, "n_resamples": n_resamples}
    return Strangeness(rows, rejection, scores, about)


def write_strangeness(found: Strangeness, folder: EvaluationFolder) -> list[Path]:
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


def _projected_sets(
    run: Path, test: Features, recorded: Recorded, sets: Sequence[StrangeSet], engine: Engine, observer: Observer
) -> list[tuple[dict[str, np.ndarray], int]]:
    """Channels of every set's volumes, and how many of them are unusable."""
    parts = run / "evaluation" / "ood"
    chosen = chosen_recipe(run, test, recorded.candidate.blocks)
    tasks: list[list[ApplyTask]] = []
    for strange in sets:
        change = "" if strange.change is None else f"{strange.change.kind}-{strange.change.severity:g}-"
        made_of = options_digest(chosen.digest, strange.store.digest, list(strange.rows), strange.name)[:12]
        tasks.append(
            apply_tasks(
                f"{change}{made_of}", strange.store, strange.rows, chosen.recipe, parts, engine.workers, strange.change
            )
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
    """What the recorded choice says, mean over seeds."""
    return np.mean(list(recorded.probabilities(blocks).values()), axis=0)
