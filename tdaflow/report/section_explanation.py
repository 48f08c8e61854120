"""Section on explanations: maps over the birth–persistence plane, and the weight of a late fusion."""

from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.baselines.late_fusion import FAMILY
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.evaluation.stress.explanation.maps import Maps, read_maps
from tdaflow.report.blocks import FigureBlock, Section, figure_block
from tdaflow.report.figures_explanation import maps_figure
from tdaflow.report.figures_images import ImageAxes
from tdaflow.report.figures_robustness import fusion_figure
from tdaflow.report.run_data import RunData

# Channels with the largest values that are drawn.
_CHANNELS = 4


def explanation_section(run: RunData) -> Section | None:
    """Build the section; None if nothing was explained or fused."""
    section = Section("explanation", "Explanation of decisions")
    folder = EvaluationFolder(run.folder.path)
    try:
        linear, network = read_maps(folder, "explanation-linear"), read_maps(folder, "explanation-gradcam")
        fused = [p for p in folder.predictions() if p.details.get("family") == FAMILY]
    except InputError as error:
        section.paragraphs.append(str(error))
        return section
    if linear is None and network is None and not fused:
        return None
    if linear is not None:
        section.items.append(_linear_block(linear, run))
    if network is not None:
        section.items.append(_network_block(network, run))
    for found in (linear, network):
        if found is not None:
            section.notes.append(
                f"{found.about['model']}: validation AUC of the seeds "
                f"{', '.join(f'{a:.3f}' for a in found.about['val_auc'])}. {found.about['notes']}"
            )
    if fused:
        section.items.append(_fusion_block(fused[0]))
        section.notes.append(" ".join(fused[0].notes))
    return section


def _linear_block(found: Maps, run: RunData) -> FigureBlock:
    names = sorted(found.mean, key=lambda name: -float(np.abs(found.mean[name]).max()))
    shown, channels = names[:_CHANNELS], [_axes(found, name, run) for name in names[:_CHANNELS]]
    figure = maps_figure(
        [found.mean[name] for name in shown], [found.sd[name] for name in shown], channels, found.classes,
        label="Change of the log-odds by one SD of the pixel",
    )  # fmt: skip
    others = f" The largest of {len(names)} channels are shown." if len(names) > len(shown) else ""
    return figure_block(
        figure,
        "Coefficients of a linear model in the birth–persistence plane",
        f"{found.about['model'][0].upper()}{found.about['model'][1:]}, mean and SD over {found.about['seeds']} seeds, "
        f"each with resampled training patients. Red: more or longer bars there favour the class.{others} "
        "Where the SD is as large as the mean, the sign is uncertain.",
        f"Maps of mean and SD of coefficients in {', '.join(shown)} for {', '.join(found.classes)}.",
    )


def _network_block(found: Maps, run: RunData) -> FigureBlock:
    (name,) = found.mean
    return figure_block(
        maps_figure([found.mean[name]], [found.sd[name]], [_axes(found, name, run)], found.classes, label="Grad-CAM"),
        "Grad-CAM of a network on persistence images",
        f"{found.about['model'][0].upper()}{found.about['model'][1:]}: for every class the mean map of its validation "
        f"volumes, mean and SD over {found.about['seeds']} seeds. Maps of a seed are divided by their largest value.",
        f"Grad-CAM maps of mean and SD on {name} for {', '.join(found.classes)}.",
    )


def _fusion_block(fused: Predictions) -> FigureBlock:
    details: Any = fused.details
    metric = str(details["choice"]["chosen_by"])
    curves = {
        name: ([line["alpha"] for line in lines], [line[metric] for line in lines])
        for name, lines in details["curves"].items()
    }
    chosen = details["choice"]["other"]["method"], float(details["choice"]["alpha"])
    text = metric.replace("_", " ").replace("auc", "AUC")
    return figure_block(
        fusion_figure(curves, chosen, text),
        "Late fusion: weight of the persistence images",
        "α·ŷ of the persistence images + (1 − α)·ŷ of another method, on validation volumes. The circle marks the "
        "chosen fusion, which was then tested once.",
        f"Validation {text} over α for {', '.join(curves)}; chosen are {chosen[0]} and α = {chosen[1]:g}.",
    )


def _axes(found: Maps, name: str, run: RunData) -> ImageAxes:
    axes = found.axes[name]
    second = "Persistence" if run.state["config"]["images"]["plane"] == "birth-persistence" else "Death"
    return ImageAxes(name, axes.birth_range, axes.death_range, second, run.unit(axes.filtration))
