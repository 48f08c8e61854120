"""Figures of persistence diagrams and barcodes (Figure 4 of Zhu et al. 2024), and of distances between diagrams."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import FigureBase

from tdaflow.diagrams.drawing import draw_barcode, draw_diagram
from tdaflow.report.style import MARKERS, PAGE_WIDTH, canvas, colour, short, styled

Diagrams = Mapping[tuple[str, int], np.ndarray]


@styled
def diagrams_figure(diagrams: Diagrams, units: Mapping[str, str], *, into: FigureBase | None = None) -> FigureBase:
    """Draw the persistence diagram and the barcode of the longest bars of each filtration, one row per filtration.

    Parameters
    ----------
    diagrams : mapping of (filtration, homology dimension) to float array (n, 2)
        Birth and death, finite.
    units : mapping of str to str
        Filtration → unit of its values.
    into : FigureBase, optional
        Draw into this instead of a new figure.

    Notes
    -----
    A barcode has at most `tdaflow.diagrams.drawing.LONGEST_BARS` bars per dimension, ordered by birth from the top.
    """
    filtrations = list(dict.fromkeys(name for name, _ in diagrams))
    figure = canvas(PAGE_WIDTH, 3.5 * len(filtrations) + 0.2, into)
    panels = figure.subplots(len(filtrations), 2, squeeze=False, width_ratios=(1, 1.5))
    for (left, right), name in zip(panels, filtrations, strict=True):
        of_name = {dimension: pairs for (other, dimension), pairs in diagrams.items() if other == name}
        draw_diagram(left, of_name)
        draw_barcode(right, of_name)
        left.set_title(f"{short(name, 40)}: persistence diagram", pad=10)
        left.set_xlabel(f"Birth ({units[name]})")
        left.set_ylabel(f"Death ({units[name]})")
        right.set_title(f"{short(name, 40)}: barcode of the longest bars", pad=10)
        right.set_xlabel(f"Birth to death ({units[name]})")
    return figure


@styled
def embedding_figure(
    points: np.ndarray,
    classes: np.ndarray,
    names: Sequence[str],
    shares: np.ndarray,
    *,
    into: FigureBase | None = None,
) -> FigureBase:
    """Draw volumes as points of the plane, by class.

    Parameters
    ----------
    points : float array (n, 2)
    classes : int array (n,)
        Index into `names`.
    names : sequence of str
    shares : float array (2,)
        What each axis keeps of the distances, for the labels.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    figure = canvas(6.0, 4.2, into)
    axes = figure.subplots()
    size = float(np.clip(4000 / max(len(points), 1), 4, 30))
    for k, name in enumerate(names):
        members = points[classes == k]
        axes.scatter(
            members[:, 0], members[:, 1], s=size, color=colour(k), marker=MARKERS[k % len(MARKERS)], alpha=0.8,
            linewidths=0, label=f"{short(name, 24)} ({len(members)})",
        )  # fmt: skip
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel(f"First axis ({shares[0]:.0%} of the distances)")
    axes.set_ylabel(f"Second axis ({shares[1]:.0%})")
    if names:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
