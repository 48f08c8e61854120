"""Figure of where in a volume a decision lies: contributions of bars over axial slices."""

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from tdaflow.evaluation.model.saliency import Saliency
from tdaflow.report.figures_volume import slices_figure
from tdaflow.report.style import DIVERGING, INK, PAGE_WIDTH, colour_bar, short, styled
from tdaflow.store.anatomy import Anatomy

_NUMBERED = 5


@styled
def saliency_figure(
    found: Saliency, identity: str, voxels: np.ndarray, anatomy: Anatomy, *, n_slices: int = 8
) -> Figure:
    """Draw what speaks for a class (red) and against it (blue) over axial slices, and number the strongest bars.

    Parameters
    ----------
    found : Saliency
    identity : str
        Of the volume.
    voxels : array (z, y, x)
        As stored.
    anatomy : Anatomy
        Of these voxels.
    n_slices : int
        At most.

    Returns
    -------
    Figure
        The slices that contribute most, ascending, with letters where the orientation is known. A number stands at the
        voxel where a loop or cavity, as numbered in ``found.labels``, is filled.
    """
    upright, heat = anatomy.upright(voxels), anatomy.upright(found.heat)
    spacing = anatomy.upright_spacing(found.spacing)
    strongest = np.argsort(-np.abs(heat).max(axis=(1, 2)), kind="stable")
    at = _spread(strongest, max(1, len(heat) // (2 * n_slices)), n_slices)
    figure = Figure(figsize=(PAGE_WIDTH, 1.6 + 2.6 * -(-len(at) // 4)), layout="constrained")
    slices_figure(upright, spacing, at, anatomy.turned(voxels.shape), into=figure)
    largest = float(np.abs(heat).max()) or 1.0
    norm = TwoSlopeNorm(0.0, -largest, largest)
    places = np.array([[row.death_z, row.death_y, row.death_x] for row in found.labelled.itertuples()]).reshape(-1, 3)
    places = anatomy.upright_points(places, np.array(voxels.shape) - 1)
    panels = [panel for panel in figure.axes if panel.images][: len(at)]
    for panel, z in zip(panels, at, strict=True):
        (grey,) = panel.images
        share = np.abs(heat[z]) / largest
        drawn = panel.imshow(
            heat[z], cmap=DIVERGING, norm=norm, extent=grey.get_extent(), interpolation="bilinear",
            alpha=np.clip(1.5 * share, 0, 0.85),
        )  # fmt: skip
        for number, (depth, height, width) in enumerate(places[:_NUMBERED], start=1):
            if np.rint(depth) == z:
                panel.text(
                    width * spacing[2], height * spacing[1], str(number), color=INK, fontsize=7, ha="center",
                    va="center", bbox={"boxstyle": "circle,pad=0.15", "fc": "#ffffff", "ec": INK, "lw": 0.6},
                )  # fmt: skip
    bar = colour_bar(figure, drawn, ax=panels, location="bottom", fraction=0.04, pad=0.02, aspect=60)
    bar.set_label(
        f"Contribution to the log-odds of {short(found.class_name, 30)}, smoothed by σ = {found.smoothing:.3g} mm"
    )
    left_out = f" Without a place: {', '.join(found.left_out)}." if found.left_out else ""
    figure.suptitle(
        f"{short(identity, 60)}: {short(found.class_name, 30)}, probability {found.probability:.2f}, log-odds before "
        f"calibration {found.decision:+.2f}, relative to the mean training volume.{short(left_out, 80)}"
    )
    return figure


def _spread(strongest: np.ndarray, apart: int, most: int) -> list[int]:
    """The strongest slices that lie some slices apart, ascending."""
    chosen: list[int] = []
    for z in strongest.tolist():
        if all(abs(z - other) >= apart for other in chosen):
            chosen.append(z)
    return sorted(chosen[:most])
