"""Figures of persistence diagrams and barcodes (Figure 4 of Zhu et al. 2024)."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D

from tdaflow.report.style import MARKERS, MUTED, PAGE_WIDTH, canvas, colour, short, styled

# More points than this are rasterised to keep the page small.
_MANY = 400
LONGEST_BARS = 40

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
    A barcode has at most `LONGEST_BARS` bars per dimension, ordered by birth from the top.
    """
    filtrations = list(dict.fromkeys(name for name, _ in diagrams))
    figure = canvas(PAGE_WIDTH, 3.5 * len(filtrations) + 0.2, into)
    panels = figure.subplots(len(filtrations), 2, squeeze=False, width_ratios=(1, 1.5))
    for (left, right), name in zip(panels, filtrations, strict=True):
        of_name = {dimension: pairs for (other, dimension), pairs in diagrams.items() if other == name}
        _diagram(left, of_name)
        _barcode(right, of_name)
        left.set_title(f"{short(name, 40)}: persistence diagram", pad=10)
        left.set_xlabel(f"Birth ({units[name]})")
        left.set_ylabel(f"Death ({units[name]})")
        right.set_title(f"{short(name, 40)}: barcode of the longest bars", pad=10)
        right.set_xlabel(f"Birth to death ({units[name]})")
    return figure


def longest(pairs: np.ndarray, count: int = LONGEST_BARS) -> np.ndarray:
    """Return the `count` most persistent bars, float array (≤ count, 2), ordered by birth, then death."""
    kept = pairs[np.argsort(pairs[:, 0] - pairs[:, 1], kind="stable")[:count]]
    return kept[np.lexsort((kept[:, 1], kept[:, 0]))]


def bars(count: int) -> str:
    """Format a number of bars: ``1 bar``, ``2 bars``."""
    return f"{count:,} bar" if count == 1 else f"{count:,} bars"


def _diagram(axes: Axes, by_dimension: Mapping[int, np.ndarray]) -> None:
    values = np.concatenate([np.zeros((0, 2)), *by_dimension.values()])
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    margin = 0.04 * ((high - low) or abs(high) or 1.0)
    limits = low - margin, high + margin
    axes.plot(limits, limits, color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1)
    for dimension, pairs in sorted(by_dimension.items()):
        axes.scatter(
            pairs[:, 0], pairs[:, 1], s=11, marker=MARKERS[dimension % len(MARKERS)], color=colour(dimension),
            alpha=0.65, linewidths=0, rasterized=len(values) > _MANY, zorder=2, clip_on=False,
        )  # fmt: skip
    marks = [
        Line2D([], [], linestyle="", marker=MARKERS[d % len(MARKERS)], color=colour(d), label=f"H{d}: {bars(len(p))}")
        for d, p in sorted(by_dimension.items())
    ]
    axes.legend(handles=marks, loc="lower right", handletextpad=0.1)
    axes.set(xlim=limits, ylim=limits, aspect="equal")


def _barcode(axes: Axes, by_dimension: Mapping[int, np.ndarray]) -> None:
    row, ticks = 0, []
    for dimension, pairs in sorted(by_dimension.items()):
        kept = longest(pairs)
        rows = row + np.arange(len(kept))
        lines = np.stack([np.column_stack([kept[:, 0], rows]), np.column_stack([kept[:, 1], rows])], axis=1)
        axes.add_collection(LineCollection(list(lines), colors=colour(dimension), linewidths=1.4))
        ticks.append((row + max(len(kept) - 1, 0) / 2, f"H{dimension}\n{len(kept)} of {len(pairs):,}"))
        row += len(kept) + 4
    axes.set_yticks([at for at, _ in ticks], [text for _, text in ticks])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.autoscale_view()
    axes.set_ylim(max(row - 3, 1), -1)
