"""Figures of maps over the birth–persistence plane: mean and SD over seeds side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from tdaflow.report.figures_images import ImageAxes, thinned
from tdaflow.report.style import DIVERGING, PAGE_WIDTH, SEQUENTIAL, canvas, colour_bar, ends, short, styled


@styled
def maps_figure(
    mean: Sequence[np.ndarray],
    sd: Sequence[np.ndarray],
    channels: Sequence[ImageAxes],
    classes: Sequence[str],
    *,
    label: str,
    into: FigureBase | None = None,
) -> FigureBase:
    """Draw maps of every class (rows) and channel: the mean over seeds, and beside it the SD on the same scale.

    Parameters
    ----------
    mean, sd : sequences of float arrays (class, y, x)
        One per channel; if any mean is negative, the colour scale of means is centred at 0.
    channels : sequence of ImageAxes
    classes : sequence of str
    label : str
        Title of the colour scale.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    columns = 2 * len(channels)
    side = min((PAGE_WIDTH - 1.0) / columns, 1.9)
    figure = canvas(max(columns * side + 1.0, 4.0), len(classes) * (side * 0.9 + 0.1) + 1.4, into)
    panels = figure.subplots(len(classes), columns, squeeze=False)
    for c, channel in enumerate(channels):
        highest = float(np.abs(mean[c]).max()) or 1.0
        lowest = -highest if mean[c].min() < 0 else 0.0
        for k, name in enumerate(classes):
            left, right = panels[k, 2 * c], panels[k, 2 * c + 1]
            of_mean = _map(left, mean[c][k], channel, (lowest, highest), DIVERGING if lowest < 0 else SEQUENTIAL)
            of_sd = _map(right, sd[c][k], channel, (0.0, highest), SEQUENTIAL)
            if c == 0:
                left.set_ylabel(f"{short(name, 16)}\n{channel.second}", fontsize=7)
            if k == 0:
                left.set_title(f"{short(channel.title, 22)}\nmean", fontsize=7)
                right.set_title("\nSD", fontsize=7)
        bottom = panels[-1, 2 * c]
        for axis, limits in ((bottom.xaxis, channel.birth_range), (bottom.yaxis, channel.second_range)):
            axis.set_ticks(*ends(*limits), fontsize=6)
        bottom.set_xlabel("Birth", fontsize=7, labelpad=1)
        for drawn, column in ((of_mean, 2 * c), (of_sd, 2 * c + 1)):
            bar = colour_bar(figure, drawn, ax=list(panels[:, column]), location="bottom", fraction=0.05, pad=0.02)
            bar.ax.tick_params(labelsize=6)
            bar.ax.locator_params(nbins=3)
    figure.supxlabel(label, fontsize=7)
    return figure


def _map(axes: Axes, image: np.ndarray, channel: ImageAxes, limits: tuple[float, float], colours: str) -> Any:
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    low, high = channel.birth_range
    # If all bars are born at one value, the column has no width.
    width = (low, high) if high > low else (low - 0.5, low + 0.5)
    return axes.imshow(
        thinned(image), cmap=colours, vmin=limits[0], vmax=limits[1], origin="lower",
        extent=(*width, *channel.second_range), aspect="auto", interpolation="none",
    )  # fmt: skip
