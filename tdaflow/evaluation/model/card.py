"""The model card: what a model is for, what it was fitted on, how good it is, and where it must not be used.

After Mitchell et al., "Model cards for model reporting", FAT* 2019.
"""

import datetime
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow import __version__
from tdaflow.config import told_reference
from tdaflow.errors import InputError
from tdaflow.evaluation.model.distance import ACCEPTED
from tdaflow.evaluation.model.model import Model
from tdaflow.evaluation.protocol.bootstrap import N_RESAMPLES
from tdaflow.evaluation.protocol.classifiers import CLASSIFIERS
from tdaflow.evaluation.protocol.evaluate import ranges_note
from tdaflow.evaluation.protocol.features import SPLITS, Features
from tdaflow.evaluation.protocol.patients import patient_units
from tdaflow.evaluation.protocol.predictions import OUT_OF_FOLD, Predictions
from tdaflow.evaluation.tables.results import summarise
from tdaflow.evaluation.tables.results_page import TITLES
from tdaflow.pipeline.apply import run_volumes
from tdaflow.store import RunFolder

FORMAT = 1
_COLUMNS = {"val": "validation", "test": "test", OUT_OF_FOLD: "nested cross-validation"}
_OF = {
    False: "the model itself",
    True: "models that were chosen in the same way without the volumes that they predict, not of this one",
}


def model_card(
    run: Path,
    features: Features,
    model: Model,
    predictions: Predictions,
    ood_scores: np.ndarray,
    *,
    n_resamples: int = N_RESAMPLES,
) -> dict[str, Any]:
    """Everything that the card says, JSON-able.

    Parameters
    ----------
    run : Path
    features : Features
        Those that were evaluated.
    model : Model
    predictions : Predictions
        Of the model itself, on validation and test; or of all volumes, each by the model of the other folds.
    ood_scores : array, shape (n,)
        Of the same volumes.
    n_resamples : int
        Of the bootstrap over patients.
    """
    state = RunFolder(run).read() or {}
    config = state.get("config", {})
    details, about = predictions.details, features.about
    choice = details["choice"]
    own = {split: ood_scores[predictions.splits == split] for split in ("val", "test")}
    return {
        "format": FORMAT,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "data": {
            "name": str(about.get("data_set", "")),
            "source": state.get("source", {}).get("source", ""),
            "licence": state.get("source", {}).get("licence", ""),
            "class_names": list(features.class_names),
            "splits": {split: _counts(features.rows(split)) for split in SPLITS if (features.splits == split).any()},
            "quarantined": len(state.get("quarantined", {})),
            "limit": about.get("limit"),
            "volumes": _volume_facts(run, features),
        },
        "features": {
            "digest": model.digest,
            "preset": config.get("preset"),
            "reference": about.get("reference"),
            **({"learnt_from": about["learnt_from"]} if "learnt_from" in about else {}),
            "epsilon": config.get("images", {}).get("epsilon", about.get("epsilon")),
            "images": config.get("images", {}),
            "filtrations": {name: told.get("kind", name) for name, told in config.get("filtrations", {}).items()},
            "sigma": {name: told["sigma"] for name, told in state.get("ranges", {}).items() if "sigma" in told},
            "ranges": {
                name: {key: told[key] for key in ("birth_range", "death_range") if key in told}
                for name, told in state.get("ranges", {}).items()
            },
            "scales": state.get("scales", {}),
            "preprocessing": state.get("source", {}).get("preprocessing", []),
        },
        "model": {
            "classifier": CLASSIFIERS[choice["classifier"]].title,
            "options": dict(choice["options"]),
            "channels": list(choice["blocks"]),
            "members": len(model.members),
            "linear": all(member.head is None for member in model.members),
            "calibration": details.get("calibration"),
            "holds_training_rows": model.holds_training_rows,
            "chosen_on": details["chosen_on"],
            "chosen_by": details["chosen_by"],
            "n_candidates": details["n_candidates"],
            "test_choice_number": details["number"],
        },
        "out_of_distribution": {
            "threshold": model.distance.threshold,
            "accepted": ACCEPTED,
            "beyond": {name: float((v > model.distance.threshold).mean()) for name, v in own.items() if len(v)},
        },
        "metrics": _metrics(predictions, n_resamples),
        "n_resamples": n_resamples,
        "notes": list(predictions.notes),
        "versions": {
            "tdaflow": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy", "scikit-learn")},
            "features made with": state.get("versions", {}),
        },
        "limits": _limits(features, model, details),
    }


def card_text(card: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    data, features, model, ood = (card[name] for name in ("data", "features", "model", "out_of_distribution"))
    splits = "; ".join(
        f"{split} {told['volumes']} volumes ({', '.join(f'{k} {n}' for k, n in told['classes'].items())})"
        + (f" of {told['patients']} patients" if told["patients"] is not None else "")
        for split, told in data["splits"].items()
    )
    facts = data["volumes"]
    shapes = (
        f"Shape {facts['shape']} voxels, spacing {facts['spacing']} mm, grey values {facts['grey']}." if facts else ""
    )
    sigma = ", ".join(f"{name} {value:.4g}" for name, value in features["sigma"].items())
    options = ", ".join(f"{name} = {value}" for name, value in model["options"].items())
    kept = (
        "rows of the training features are inside (support vectors)"
        if model["holds_training_rows"]
        else ("no row of the training features is inside, nor in the out-of-distribution score")
    )
    reference, learnt = features["reference"], features.get("learnt_from")
    reference = told_reference(reference, learnt) if learnt else reference
    beyond = ", ".join(f"{100 * share:.1f} % of {split}" for split, share in ood["beyond"].items())
    nested = any(row["split"] == OUT_OF_FOLD for row in card["metrics"])
    limits = "\n".join(f"- {line}" for line in card["limits"])
    notes = "\n".join(f"- {line}" for line in card["notes"])
    return f"""# Model of {data["name"] or "this run"}: {", ".join(data["class_names"])}

{model["classifier"].capitalize()} on topological features, {model["members"]} member(s), probabilities their mean,
calibrated inside train. Made {card["made"]} with tdaflow {card["versions"]["tdaflow"]}, scikit-learn
{card["versions"]["scikit-learn"]}.

## Data
- {splits}. {data["quarantined"]} volumes were quarantined. Licence: {data["licence"] or "not given"}.
- {shapes or "Shapes and spacings are in the run's volume store."}

## Features
- Preset {features["preset"] or "default"}, scales and ranges from {reference}, ε = {features["epsilon"]};
  filtrations {", ".join(features["filtrations"]) or "as the run says"}. Digest `{features["digest"]}`.
- σ: {sigma or "as the run says"}.
- Preprocessing: {", ".join(map(str, features["preprocessing"])) or "none"}.

## Model
- {len(model["channels"])} channels; {options}. Chosen on {model["chosen_on"]} by {model["chosen_by"]} from
  {model["n_candidates"]} candidates.
- Files: {"linear, arrays only" if model["linear"] else "estimators in skops, read with the same scikit-learn only"};
  {kept}.
- Out-of-distribution score: a warning above {ood["threshold"]:.3g}, which {100 * (1 - ood["accepted"]):.0f} % of the
  training volumes exceed when left out of the fit{f"; {beyond} volumes do" if beyond else ""}.

## Metrics
95 % bootstrap intervals over patients, or volumes where patients are unknown ({card["n_resamples"]:,} resamples), of
{_OF[nested]}; class by a probability of ½ or the most probable.

{_metrics_table(card["metrics"])}

{notes}

## Limits
{limits}
"""


def _counts(rows: Features) -> dict[str, Any]:
    by_class = np.bincount(rows.labels, minlength=len(rows.class_names)).tolist()
    known = (rows.groups != "").any()
    return {
        "volumes": len(rows),
        "classes": dict(zip(rows.class_names, by_class, strict=True)),
        "patients": len(np.unique(patient_units(rows.groups))) if known else None,
    }


def _volume_facts(run: Path, features: Features) -> dict[str, str]:
    """Shape, spacing and grey values of the training volumes in words; nothing without a volume store."""
    try:
        table = run_volumes(RunFolder(run)).table().of_rows()
    except InputError:
        return {}
    table = table.at(np.flatnonzero(np.isin(table.id.astype(str), features.rows("train").ids)))
    if not len(table):
        return {}
    low, high = table.grey_range(np.ones(len(table), dtype=bool))
    return {
        "shape": _span(table.shape, "d"),
        "spacing": _span(table.spacing, ".3g"),
        "grey": f"typically {low:.4g} to {high:.4g}",
    }


def _span(values: np.ndarray, form: str) -> str:
    low, high = ("×".join(format(v, form) for v in edge.tolist()) for edge in (values.min(axis=0), values.max(axis=0)))
    return low if low == high else f"{low} to {high}"


def _metrics(predictions: Predictions, n_resamples: int) -> list[dict[str, Any]]:
    rows = summarise([predictions], n_resamples=n_resamples).rows
    return [
        {name: getattr(row, name) for name in ("split", "metric", "value", "low", "high", "n_volumes")} for row in rows
    ]


def _metrics_table(rows: Sequence[Mapping[str, Any]]) -> str:
    splits = {split: title for split, title in _COLUMNS.items() if any(row["split"] == split for row in rows)}
    lines = [f"| | {' | '.join(splits.values())} |", f"|{'---|' * (len(splits) + 1)}"]
    for metric in dict.fromkeys(row["metric"] for row in rows):
        found = {row["split"]: row for row in rows if row["metric"] == metric}
        cells = [_cell(found.get(split)) for split in splits]
        lines.append(f"| {TITLES.get(metric, metric)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None or row["value"] is None or row["value"] != row["value"]:
        return "–"
    known = row["low"] is not None and row["low"] == row["low"]
    return f"{row['value']:.3f}" + (f" [{row['low']:.3f}, {row['high']:.3f}]" if known else "")


def _limits(features: Features, model: Model, details: Mapping[str, Any]) -> list[str]:
    train = features.rows("train")
    fewest = int(np.bincount(train.labels, minlength=len(train.class_names)).min())
    said = [
        "For volumes like those above: the same anatomy, modality, field of view and preparation. Not for diagnosis.",
        "Probabilities hold where classes are as frequent as in the training volumes.",
        "The out-of-distribution score sees topological features only: what leaves them unchanged passes.",
        ranges_note(features.about),
    ]
    if fewest < 50:
        said.append(f"The rarest class has {fewest} training volumes: metrics of another sample may differ much.")
    if details["number"] > 1:
        said.append(f"Choice {details['number']} on the same test split: its test metrics are optimistic.")
    if details.get("calibration") is None and not model.holds_training_rows:
        said.append("Probabilities are not calibrated: a class has too few training volumes.")
    if not (features.groups != "").any():
        said.append("Patients are unknown: several volumes of one patient would make the intervals too narrow.")
    return said
