"""Persistence diagrams and barcodes, drawn into matplotlib's axes."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from tdaflow.colours import MARKERS, MUTED, colour

# More points than this are rasterised to keep a page small.
_MANY = 400
LONGEST_BARS = 40


def longest(pairs: np.ndarray, count: int = LONGEST_BARS) -> np.ndarray:
    """Return the `count` most persistent bars, float array (≤ count, 2), ordered by birth, then death."""
    kept = pairs[np.argsort(pairs[:, 0] - pairs[:, 1], kind="stable")[:count]]
    return kept[np.lexsort((kept[:, 1], kept[:, 0]))]


def bars(count: int) -> str:
    """Format a number of bars: ``1 bar``, ``2 bars``."""
    return f"{count:,} bar" if count == 1 else f"{count:,} bars"


def draw_diagram(axes: Axes, by_dimension: Mapping[int, np.ndarray]) -> None:
    """Draw bars as points (birth, death), a colour and a mark a homology dimension.

    Parameters
    ----------
    axes : matplotlib Axes
    by_dimension : mapping of int to float array (n, 2)
        Finite births and deaths.
    """
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


def draw_barcode(axes: Axes, by_dimension: Mapping[int, np.ndarray], count: int = LONGEST_BARS) -> None:
    """Draw the longest bars of each homology dimension from birth to death, ordered by birth from the top.

    Parameters
    ----------
    axes : matplotlib Axes
    by_dimension : mapping of int to float array (n, 2)
        Finite births and deaths.
    count : int
        Bars of each dimension at most.
    """
    row, ticks = 0, []
    for dimension, pairs in sorted(by_dimension.items()):
        kept = longest(pairs, count)
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
