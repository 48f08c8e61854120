"""A paragraph for the methods section of a paper, and what reporting guidelines ask for.

CLAIM: Mongan, Moy and Kahn, "Checklist for Artificial Intelligence in Medical Imaging", Radiology: AI 2020. IBSI:
Zwanenburg et al., "The Image Biomarker Standardization Initiative", Radiology 2020, reporting guidelines.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tdaflow.config import told_reference
from tdaflow.evaluation.tables.results_page import counted
from tdaflow.report.blocks import Section, TableBlock
from tdaflow.report.run_data import RunData
from tdaflow.report.section_evaluation import Evaluated

_YOURS = "(for you to write)"
_LIBRARIES = ("python", "numpy", "scipy", "scikit-learn", "gudhi", "numba")


def methods_section(run: RunData, evaluations: Sequence[Evaluated]) -> Section:
    """Build the section."""
    paragraphs = [
        "To copy, and to check: everything is taken from the records of this run.",
        *methods_text(run, evaluations),
    ]
    items: list[Any] = [
        TableBlock(
            "What CLAIM and IBSI ask for, and what this run knows of it",
            ("item", "asks for", "answer"),
            _checklist(run, evaluations),
            numeric=3,
        )
    ]
    return Section("methods", "For the methods section of a paper", paragraphs, items)


def methods_text(run: RunData, evaluations: Sequence[Evaluated] = ()) -> list[str]:
    """Return paragraphs on preprocessing, features and evaluation with their parameters, and the versions.

    Parameters
    ----------
    run : RunData
    evaluations : sequence of Evaluated
        As `tdaflow.report.section_evaluation.read_evaluations` finds them.
    """
    state, config = run.state, run.state["config"]
    images, superpixels = config["images"], config["superpixels"]
    filtrations = "; ".join(
        f"{name}, {f.filtration().in_words} ({', '.join(f'H{d}' for d in sorted(f.homology_dimensions))})"
        for name, f in run.config.filtrations.items()
    )
    points = (
        f" Point clouds had about {superpixels['n_superpixels']:,} superpixels a volume ({superpixels['method']}, "
        f"space weight λ = {superpixels['space_weight']:g})."
        if any("superpixels" in f.filtration().in_words for f in run.config.filtrations.values())
        else ""
    )
    low, high = images["quantiles"]
    learnt = told_reference(config["reference"], state.get("learnt_from"))
    resolution = images["resolution"]
    size = " × ".join(map(str, [resolution] * 2 if isinstance(resolution, int) else resolution))
    found = [
        f"{_volumes(run)} {_preprocessing(run)} Persistent homology was computed with tdaflow "
        f"{state.get('tdaflow', '?')}: {filtrations}.{points} Diagrams became persistence images (Adams et al. 2017) "
        f"of {size} pixels in the {images['plane']} plane with weight {images['weight']}; the standard deviation of "
        f"the Gaussian, σ = √(−(Δx² + Δy²) / (2 ln ε)) with ε = {images['epsilon']:g} (Zhu et al. 2024), and the "
        f"ranges (quantiles {low:g} to {high:g} over volumes) were learnt from {learnt}."
    ]
    found += [_evaluation(one) for one in evaluations]
    versions = state.get("versions", {})
    listed = ", ".join(f"{name} {versions[name]}" for name in _LIBRARIES if name in versions)
    found.append(f"Software: tdaflow {state.get('tdaflow', '?')}, {listed}.")
    return found


def _volumes(run: RunData) -> str:
    outcomes = list(run.state.get("outcomes", {}).values())
    ok = outcomes.count("ok")
    told = f"{run.name}: {ok:,} volumes"
    if run.volumes is not None:
        groups, rows = run.rows.group, run.rows
        if len(rows) and (groups != "").all():
            told += f" of {len(np.unique(groups)):,} patients"
        shapes = " × ".join(
            f"{a}" if a == b else f"{a}–{b}"
            for a, b in zip(rows.shape.min(axis=0), rows.shape.max(axis=0), strict=True)
        )
        spacing = " × ".join(f"{s:.3g}" for s in np.median(rows.spacing, axis=0))
        told += f", {shapes} voxels (z, y, x) of {spacing} mm (median)"
    lost = len(outcomes) - ok
    return told + (f"; {lost:,} could not be used." if lost else ".")


def _steps(run: RunData) -> str:
    steps = (run.state.get("source") or {}).get("preprocessing", [])
    told = []
    for step in steps:
        options = ", ".join(f"{k} {v}" for k, v in step.items() if k != "step" and v is not None)
        told.append(f"{step['step']}{f' ({options})' if options else ''}")
    return ", ".join(told)


def _preprocessing(run: RunData) -> str:
    steps = _steps(run)
    return f"Volumes were preprocessed by {steps}." if steps else "Grey values and voxels were taken as they are."


def _evaluation(one: Evaluated) -> str:
    results, details = one.results, one.first.details
    choice = details.get("choice") or {}
    model = f" ({choice['classifier']} on {choice['subset']})" if "classifier" in choice and "subset" in choice else ""
    chosen = (
        f", chosen on {details['chosen_on']} by {str(details['chosen_by']).replace('_', ' ')} among "
        f"{details['n_candidates']} candidates"
        if "n_candidates" in details and not one.title
        else ""
    )
    where = f"by {one.title}" if one.title else "on the test split"
    positive = f" The positive class is {results.positive}." if results.positive else ""
    return (
        f"The classifier was {one.first.method}{model}{chosen}; it was evaluated {where} ({counted(results)}). "
        "Intervals are 95 % bootstrap intervals over patients, or volumes where patients are unknown "
        f"({results.n_resamples:,} resamples); methods were compared on the same resamples.{positive}"
    )


def _checklist(run: RunData, evaluations: Sequence[Evaluated]) -> list[tuple[str, str, str]]:
    state, config = run.state, run.state["config"]
    splits = "no split"
    if run.volumes is not None:
        names, counts = np.unique(run.rows.split.astype(str), return_counts=True)
        splits = ", ".join(f"{name or 'no split'} {n}" for name, n in zip(names, counts, strict=True))
    known = run.volumes is not None and bool((run.rows.group != "").any())
    first = evaluations[0] if evaluations else None
    seeds = len(first.first.seeds) if first else 0
    done = {name for name in ("robustness", "ood") if (run.folder.path / "evaluation" / f"{name}.json").is_file()}
    lost = [*state.get("quarantined", {}), *state.get("failed", {})]
    masks = (state.get("source") or {}).get("options", {}).get("mask_mode", "none")
    return [
        ("CLAIM 7", "data sources", f"{run.name}; licence: {(state.get('source') or {}).get('licence') or _YOURS}"),
        ("CLAIM 8, 10", "eligibility, selection", f"{len(lost)} left out by tdaflow; before: {_YOURS}"),
        ("CLAIM 9; IBSI processing", "pre-processing", _steps(run) or "none"),
        ("CLAIM 12", "de-identification", _YOURS),
        ("CLAIM 13", "missing data", f"volumes that cannot be used are left out: {len(lost)}"),
        ("CLAIM 14–18", "reference standard and annotators", _YOURS),
        ("CLAIM 19", "sample size", _YOURS),
        ("CLAIM 20", "partitions", splits),
        ("CLAIM 21", "level of disjointness", "patient" if known else "volume: patients are unknown"),
        ("CLAIM 22, 25", "model and training", first.first.method if first else "none"),
        ("CLAIM 23; IBSI software", "software", f"tdaflow {state.get('tdaflow', '?')}, see above"),
        (
            "CLAIM 26",
            "selection of the model",
            str(first.first.details.get("chosen_on", "inside each fold")) if first else "none",
        ),
        ("CLAIM 27", "ensembling", f"{seeds} fits" if seeds else "none"),
        ("CLAIM 28, 29", "metrics and uncertainty", "AUC, accuracy, balanced accuracy; bootstrap" if first else "none"),
        ("CLAIM 30", "robustness", ", ".join(sorted(done)) or f"not made: {run.command('evaluate', '--robustness')}"),
        ("CLAIM 32", "external data", _YOURS),
        ("IBSI acquisition", "scanner and protocol", _YOURS),
        ("IBSI segmentation", "regions of interest", f"masks: {masks}; how they were drawn: {_YOURS}"),
        (
            "IBSI features",
            "features and parameters",
            f"persistence images, preset {config.get('preset', 'default')}; see above",
        ),
    ]
