"""Robustness and out-of-distribution scores: perturbed test volumes, another resolution, other volumes."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.stress.ood.scores import DEFAULT
from tdaflow.evaluation.stress.robustness.perturbations import KINDS
from tdaflow.evaluation.stress.robustness.table import CLEAN, DISTANCE
from tdaflow.report.blocks import FigureBlock, Section, TableBlock, figure_block
from tdaflow.report.figures_robustness import Severities, ood_figure, robustness_figure
from tdaflow.report.run_data import RunData

_DRAWN = {"auc": "AUC", "accuracy": "accuracy"}
# Scores in the figure; the tables have all.
_SCORES = ("maximum softmax", "ensemble variance", DEFAULT)


def robustness_section(run: RunData, method: str | None = None) -> Section | None:
    """Build the section; None if no analysis was made. Results of another method than this one are marked as older."""
    section = Section("robustness", "Robustness and out-of-distribution volumes")
    folder = EvaluationFolder(run.folder.path)
    try:
        perturbed, ood = folder.read_rows("robustness"), folder.read_rows("ood")
        scores = folder.read_arrays("ood")
    except InputError as error:
        section.paragraphs.append(str(error))
        return section
    if perturbed is None and ood is None:
        return None
    if perturbed is not None:
        if method is not None and perturbed[1]["method"] != method:
            again = run.command("evaluate", "--robustness")
            section.paragraphs.append(f"This is of an earlier choice; {again} perturbs volumes for {method}.")
        _add_robustness(section, *perturbed)
    if ood is not None:
        _add_ood(section, *ood, scores)
    return section


def _add_robustness(section: Section, rows: list[dict[str, Any]], about: dict[str, Any]) -> None:
    section.paragraphs.append(
        f"{about['method']}, fitted on clean training volumes, predicts {rows[0]['n_volumes']:,} test volumes that are "
        "perturbed. Their features are "
        "made by the run's recipe with its ranges and σ; nothing was fitted or chosen again."
    )
    clean = {row["metric"]: row["value"] for row in rows if row["perturbation"] == CLEAN}
    kinds = {
        kind.title: (
            kind.unit,
            {text: _line(rows, name, metric, clean[metric]) for metric, text in _DRAWN.items()},
            _line(rows, name, DISTANCE),
        )
        for name, kind in KINDS.items()
        if any(row["perturbation"] == name for row in rows)
    }
    if kinds:
        section.items.append(_robustness_block(rows, kinds))
    half = {row["metric"]: row for row in rows if row["perturbation"] == "resolution"}
    if half:
        changes = ", ".join(
            f"{_DRAWN[m]} {half[m]['value']:.3f} instead of {clean[m]:.3f} ({half[m]['relative_change']:+.1f} %)"
            for m in _DRAWN
        ).replace("-", "−")
        section.items.append(
            f"Fitted on volumes of half the resolution and tested on those of full resolution: {changes}."
        )
    lost = max((row["n_unusable"] for row in rows), default=0)
    if lost:
        section.notes.append(
            f"Up to {lost} perturbed volumes of a setting have no diagram; they count with all-zero images."
        )
    section.notes.append(
        f"Bands are 95 % bootstrap intervals over patients ({about['n_resamples']:,} resamples); perturbations of one "
        "kind share their random numbers over severities, volume by volume."
    )


def _robustness_block(rows: list[dict[str, Any]], kinds: dict[str, Any]) -> FigureBlock:
    worst = min(
        (row for row in rows if row["metric"] == "auc" and row["perturbation"] in KINDS), key=lambda row: row["value"]
    )
    return figure_block(
        robustness_figure(kinds),
        "Perturbed test volumes",
        "Above: metrics over the severity of the perturbation, dashed those of clean volumes. Below: relative "
        "distance of the persistence images, ‖image − clean‖/‖clean‖, mean over volumes and channels.",
        f"AUC, accuracy and distances of the images over severities of {', '.join(kinds)}. The lowest AUC is "
        f"{worst['value']:.3f}, with {KINDS[worst['perturbation']].title} {worst['severity']:g}.",
    )


def _line(rows: list[dict[str, Any]], kind: str, metric: str, clean: float = math.nan) -> Severities:
    here = sorted(
        (row for row in rows if row["perturbation"] == kind and row["metric"] == metric), key=lambda r: r["severity"]
    )
    value, low, high = (
        np.array([math.nan if row[name] is None else row[name] for row in here]) for name in ("value", "low", "high")
    )
    return Severities(np.array([row["severity"] for row in here]), value, low, high, clean)


def _add_ood(
    section: Section, rows: list[dict[str, Any]], about: dict[str, Any], scores: dict[str, np.ndarray] | None
) -> None:
    section.items.append(
        "Features of out-of-distribution volumes are made by the same recipe. An out-of-distribution score should be "
        f"higher for them than for the run's own test volumes; {about['default']} over {about['n_members']} members of "
        "an ensemble, which differ in training patients, kind of classifier and seed, is the one to use."
    )
    if scores is not None:
        section.items.append(_ood_block(about, scores, rows))
    section.items += [
        _by_score(rows, "Detection of out-of-distribution volumes: AUC", _area),
        _by_score(
            rows, "Out-of-distribution volumes accepted where 95 % of the own are", lambda row: _number(row["fpr95"])
        ),
        _rejections(about["rejection"]),
    ]
    section.notes.append(
        "Energies are −T·logsumexp(f/T) of logits with mean 0; for two classes they order volumes as the maximum "
        f"softmax does. The T that validation prefers is {about['temperature']:.2f}."
    )


def _ood_block(about: dict[str, Any], scores: dict[str, np.ndarray], rows: list[dict[str, Any]]) -> FigureBlock:
    from sklearn.metrics import roc_curve

    names = [str(name) for name in scores["scores"]]
    own = scores["set_0"]
    curves: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    for i, title in enumerate(about["sets"][1:], start=1):
        ood = scores[f"set_{i}"]
        truth = np.repeat([0, 1], [own.shape[1], ood.shape[1]])
        curves[title] = {
            name: roc_curve(truth, np.concatenate([own[k], ood[k]]))[:2]
            for k, name in enumerate(names)
            if name in _SCORES
        }
    areas = ", ".join(f"{row['set']} {row['auc']:.2f}" for row in rows if row["score"] == about["default"])
    return figure_block(
        ood_figure(curves),
        "Out-of-distribution volumes",
        "One panel a set, one line a score. A line above the diagonal detects the volumes; below it they score "
        "lower than the run's own. Dashed: chance.",
        f"ROC curves of out-of-distribution scores. Areas of {about['default']}: {areas}.",
    )


def _by_score(rows: Sequence[dict[str, Any]], title: str, cell: Callable[[dict[str, Any]], str]) -> TableBlock:
    """Return a table with one row per set and one column per score."""
    scores = list(dict.fromkeys(row["score"] for row in rows))
    sets: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in rows:
        sets.setdefault((row["set"], row["relation"], str(row.get("n_ood", "–"))), {})[row["score"]] = cell(row)
    return TableBlock(
        title,
        ("set", "relation", "volumes", *scores),
        [(*names, *(cells.get(score, "–") for score in scores)) for names, cells in sets.items()],
        numeric=2,
    )


def _rejections(lines: Sequence[dict[str, Any]]) -> TableBlock:
    """Return a table with one row per score and one column per metric and share."""
    shares = list(dict.fromkeys(line["rejected"] for line in lines))
    found: dict[str, dict[float, dict[str, Any]]] = {}
    for line in lines:
        found.setdefault(line["score"], {})[line["rejected"]] = line
    return TableBlock(
        "The run's own test volumes after rejecting those with the highest scores",
        ("score", *(f"{text} without {share:.0%}" for text in _DRAWN.values() for share in shares)),
        [
            (score, *(_number(by_share[share][metric]) for metric in _DRAWN for share in shares))
            for score, by_share in found.items()
        ],
    )


def _area(row: dict[str, Any]) -> str:
    return f"{_number(row['auc'])} [{_number(row['low'])}, {_number(row['high'])}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
