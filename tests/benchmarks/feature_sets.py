"""What each filtration is worth, which set of them a choice on other data would take, and what leaving one out costs.

    tdaflow run wide --data DIR --set data.name=organmnist3d --out runs/wide/organ     (and so on, one run a data set)
    python tests/benchmarks/feature_sets.py runs/wide/* [--out figures.json]

All figures are AUC and accuracy of five-fold cross-validation inside the training split; validation and test splits are
not read. The classifier is fixed in advance: logistic regression on 60 whitened components. Feature sets are compared
leave-one-data-set-out: the one with the best mean AUC on the other data sets is reported with its AUC on the one that
was left out, beside the best one in hindsight.
"""

import argparse
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tdaflow.evaluation.protocol.choice import Candidate, fitted, varying
from tdaflow.evaluation.protocol.classifiers import patient_folds
from tdaflow.evaluation.protocol.committee import filtrations_of
from tdaflow.evaluation.protocol.features import Features, load_features
from tdaflow.evaluation.protocol.metrics import accuracy, auc
from tdaflow.store import DiagramStore, RunFolder

OPTIONS = {"n_components": 60, "whiten": True, "square_root": True, "C": 0.01}
CONCATENATED, COMMITTEE = "all, concatenated", "all, committee"


@dataclass(frozen=True)
class Score:
    """Of predictions on all folds together."""

    auc: float
    accuracy: float


def out_of_fold(train: Features, blocks: Sequence[str]) -> np.ndarray:
    """Probabilities (n, classes) of the training volumes, each by a model that was fitted without its fold."""
    candidate = Candidate("logistic", "", tuple(blocks), OPTIONS)
    found = np.zeros((len(train), len(train.class_names)))
    for inner, outer in patient_folds(train.labels, train.groups, 0):
        part = train.taken(outer)
        found[outer] = fitted(candidate, train.taken(inner), 0).predict_proba(part.matrix(candidate.blocks))
    return found


def scores(train: Features) -> dict[str, Score]:
    """Every filtration alone, all of them concatenated and as a committee, and the latter two without each kind."""
    blocks = varying(train)
    members = {name: [blocks[p] for p in at] for name, at in filtrations_of(blocks).items()}
    alone = {name: out_of_fold(train, own) for name, own in members.items()}

    def together(names: Sequence[str]) -> np.ndarray:
        return out_of_fold(train, [block for name in names for block in members[name]])

    def voted(names: Sequence[str]) -> np.ndarray:
        return np.mean([alone[name] for name in names], axis=0)

    listed = list(members)
    predicted = {**alone, CONCATENATED: together(listed), COMMITTEE: voted(listed)}
    for kind in dict.fromkeys(map(kind_of, listed)):
        others = [name for name in listed if kind_of(name) != kind]
        if others:
            predicted[f"{CONCATENATED}, without {kind}"] = together(others)
            predicted[f"{COMMITTEE}, without {kind}"] = voted(others)
    return {name: Score(auc(train.labels, p), accuracy(train.labels, p)) for name, p in predicted.items()}


def kind_of(filtration: str) -> str:
    """What its variants ("log-1-sublevel") have in common ("log")."""
    return "weighted-height" if filtration.startswith("weighted-height") else filtration.partition("-")[0]


def milliseconds(run: Path) -> dict[str, float]:
    """Median time of each filtration a volume, as the run noted it."""
    store = DiagramStore(RunFolder(run).diagrams)
    seconds: dict[str, list[float]] = {}
    for start, stop in store.batches():
        for record in store.records(start, stop):
            for name, value in record.get("seconds", {}).items():
                seconds.setdefault(name, []).append(value)
    return {name: 1000 * float(np.median(values)) for name, values in seconds.items()}


def left_out(found: dict[str, dict[str, Score]]) -> list[dict[str, object]]:
    """For every data set the feature set that the others choose, and what it is worth there."""
    names = [name for name in next(iter(found.values())) if all(name in scored for scored in found.values())]
    rows: list[dict[str, object]] = []
    for held in found:
        others = [scored for name, scored in found.items() if name != held]
        chosen = max(names, key=lambda name: np.mean([scored[name].auc for scored in others]))
        best = max(names, key=lambda name: found[held][name].auc)
        rows.append(
            {
                "data_set": held, "chosen_by_others": chosen, "auc": found[held][chosen].auc,
                "accuracy": found[held][chosen].accuracy, "best_in_hindsight": best, "best_auc": found[held][best].auc,
            }
        )  # fmt: skip
    return rows


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if len({run.name for run in arguments.runs}) < len(arguments.runs):
        parser.error("two runs have one name; rename their folders, or give links of other names")
    warnings.simplefilter("ignore")  # folds in which a small class has one volume
    found, cost = {}, {}
    for run in arguments.runs:
        found[run.name], cost[run.name] = scores(load_features(run).rows("train")), milliseconds(run)
    sets = list(found)
    print(f"| AUC / accuracy | {' | '.join(sets)} | mean AUC | ms a volume |\n|{'---|' * (len(sets) + 3)}")
    for name in next(iter(found.values())):
        here = [scored[name] for scored in found.values() if name in scored]
        cells = [f"{s.auc:.3f}/{s.accuracy:.3f}" for s in here]
        spent = [of[name] for of in cost.values() if name in of]
        price = f"{min(spent):.1f}–{max(spent):.1f}" if spent else ""
        print(f"| {name} | {' | '.join(cells)} | {np.mean([s.auc for s in here]):.3f} | {price} |")
    print("\n| left out | chosen on the others | AUC / accuracy there | best in hindsight |\n|---|---|---|---|")
    for row in left_out(found):
        print(
            f"| {row['data_set']} | {row['chosen_by_others']} | {row['auc']:.3f}/{row['accuracy']:.3f} | "
            f"{row['best_in_hindsight']} {row['best_auc']:.3f} |"
        )
    if arguments.out:
        told = {s: {name: vars(score) for name, score in scored.items()} for s, scored in found.items()}
        arguments.out.write_text(json.dumps({"scores": told, "left_out": left_out(found), "ms": cost}, indent=1))


@pytest.mark.benchmark
def test_the_benchmark_runs() -> None:
    """An informative filtration beats noise, alone and chosen on the other data set."""
    found = {}
    for seed in range(2):
        rng = np.random.default_rng(seed)
        labels = np.arange(60) % 2
        blocks = {"alpha H1": rng.normal(labels[:, None], 0.5, (60, 8)), "radial H0": rng.normal(size=(60, 8))}
        names = np.array([f"{i:02d}" for i in range(60)])
        train = Features(names, labels, np.full(60, "train"), np.full(60, ""), blocks, ("a", "b"))
        found[f"set {seed}"] = scores(train)
        assert found[f"set {seed}"]["alpha"].auc > 0.9 > found[f"set {seed}"]["radial"].auc
        without = found[f"set {seed}"][f"{CONCATENATED}, without radial"]
        assert without == found[f"set {seed}"]["alpha"]
    assert all(row["auc"] > 0.9 for row in left_out(found))


if __name__ == "__main__":
    main()
