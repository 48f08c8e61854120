"""The findings of `evaluate_model` as Markdown, the missed goals first."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tdaflow.atomic import write_whole
from tdaflow.nets.pinet.assess.evaluation import LARGEST_RELATIVE_L2, SMALLEST_SPEEDUP
from tdaflow.nets.pinet.model.image_errors import BANDS
from tdaflow.nets.pinet.train.card import fidelity_table

_FAR = 10.0
_METRICS = ("auc", "accuracy", "balanced_accuracy")


def evaluation_text(found: Mapping[str, Any]) -> str:
    """Return the findings as Markdown tables."""
    missed = [f"- {sentence}" for sentence in found["missed"]] or [
        f"- none: relative L2 ≤ {LARGEST_RELATIVE_L2:g} in every channel, ≥ {SMALLEST_SPEEDUP:g} times as fast"
    ]
    sections = [
        f"# Volume PI-Net on the {found['n_test']} test volumes of {found['data_set']}",
        found["note"],
        "## Goals missed",
        "\n".join(missed),
        "## Predicted and exact images",
        fidelity_table(found["channels"]),
        "Relative L2 is √(Σ‖predicted − exact‖² / Σ‖exact‖²); that of the mean image knows no volume; "
        "deviations are from the mean training image.",
        "## Bars that are missed",
        _bars(found["bars"]),
        "## Classification (logistic regression, all channels, options chosen on validation)",
        _classification(found["classification"]),
        "The network was trained on the same training volumes, so the images that it predicts for them are nearer to "
        "the exact ones than those of test volumes; a classifier trained on predicted images meets that difference.",
        "## Uncertainty",
        _uncertainty(found["uncertainty"]),
        "## Speed",
        _speed(found["speed"]),
    ]
    if found.get("noise"):
        sections += ["## Noise", _noise(found["noise"])]
    return "\n\n".join(sections) + "\n"


def write_evaluation(found: Mapping[str, Any], folder: Path) -> str:
    """Write ``evaluation.json`` and ``evaluation.md`` to a folder, made if missing; return the latter's text."""
    folder.mkdir(parents=True, exist_ok=True)
    text = evaluation_text(found)
    write_whole(folder / "evaluation.json", json.dumps(found, indent=1) + "\n")
    write_whole(folder / "evaluation.md", text)
    return text


def _bars(bands: Sequence[Mapping[str, Any]]) -> str:
    cells = {(b["channel"], b["band"]): f"{b['missed']:.0%} / {b['invented']:.0%}" for b in bands}
    channels = list(dict.fromkeys(b["channel"] for b in bands))
    body = [[channel, *(cells.get((channel, band), "–") for band in BANDS)] for channel in channels]
    header = ["missed / invented", *(f"{band} bars" for band in BANDS)]
    return (
        f"{_table(header, body)}\n\nThirds of the exact images' mass by the persistence of their rows (death in the "
        "birth–death plane). Missed is the mass of exact images that is not predicted there, invented the mass that is "
        "predicted and not there, both relative to the exact mass; a bar in the wrong place is both."
    )


def _classification(results: Mapping[str, Any]) -> str:
    rows = {(r["method"], r["metric"]): r for r in results["rows"] if r["split"] == "test"}
    methods = list(dict.fromkeys(method for method, _ in rows))
    body = [[m, *(_interval(rows[m, metric]) for metric in _METRICS)] for m in methods]
    return _table(["classifier", "AUC", "accuracy", "balanced accuracy"], body)


def _interval(row: Mapping[str, Any]) -> str:
    return f"{row['value']:.3f} ({row['low']:.3f}–{row['high']:.3f})"


def _uncertainty(told: Mapping[str, Any]) -> str:
    body = [
        [f"{s['bound']:g}", f"{s['computed_exactly']:.1%}", _share(s["kept_above_bound"]), _share(s["all_above_bound"])]
        for s in told["bounds"]
    ]
    table = _table(["bound", "computed exactly", "predicted, but above it", "above it if all were predicted"], body)
    return (
        f"Errors are relative to the channels' usual size over all channels; mean {told['mean_error']:.3f}. "
        f"{told['coverage']:.1%} lie below what was expected (wanted: {told['level']:.0%}); rank correlation of "
        f"expected and true errors {told['rank_correlation']:.2f}. Training record and out-of-distribution score alone "
        f"send {told['outside_share']:.1%} to the exact computation.\n\n"
        f"{table}"
    )


def _speed(told: Mapping[str, Any]) -> str:
    body = [
        [name, f"{told[clock]['network']:.0f}", f"{told[clock]['exact']:.1f}", f"{told[clock]['ratio']:.1f}"]
        for clock, name in (("cpu", "seconds on the core"), ("wall", "seconds on the clock"))
    ]
    table = _table(["volumes a second", "network", "exact", "ratio"], body)
    return f"{table}\n\nBatches of {told['batch']}, {told['rounds']} rounds in turn, one thread, all channels of both."


def _noise(rows: Sequence[Mapping[str, Any]]) -> str:
    body = [
        [
            f"{r['kind']} {r['severity']:g}", _error(r["relative_l2"]), f"{r['error']:.3f}",
            f"{r['accuracy_exact']:.3f}", f"{r['accuracy_predicted']:.3f}",
            _number(r["auc_exact"]), _number(r["auc_predicted"]), f"{r['exact_share']:.0%}",
        ]
        for r in rows
    ]  # fmt: skip
    header = [
        "perturbation", "relative L2", "error", "accuracy, exact", "predicted", "AUC, exact", "predicted",
        "computed exactly",
    ]  # fmt: skip
    return (
        f"{_table(header, body)}\n\n{rows[0]['n_volumes']} test volumes; the classifier was trained on clean exact "
        "images. In use, volumes that are computed exactly have exact images."
    )


def _table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *body))


def _error(value: float) -> str:
    # Perturbed masks have channels whose exact images are next to nothing.
    return f"{value:.3f}" if value < _FAR else f"> {_FAR:g}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
