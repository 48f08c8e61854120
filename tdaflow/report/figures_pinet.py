"""Figures of the training of a PI-Net, after Figure 6 of Som et al. 2019 (PI-Net)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.ticker import FuncFormatter, NullFormatter

from tdaflow.report.style import MUTED, PAGE_WIDTH, canvas, colour, styled


@styled
def loss_figure(
    epochs: Sequence[Mapping[str, Any]], chosen: int | None = None, *, into: FigureBase | None = None
) -> FigureBase:
    """Draw training and validation loss by epoch, on a logarithmic axis.

    Parameters
    ----------
    epochs : sequence of mapping
        Each with ``number`` (from 0), ``loss``, ``val_loss`` and ``learning_rate``, whose changes are marked.
    chosen : int, optional
        Number of the epoch that was kept.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    figure = canvas(0.6 * PAGE_WIDTH, 3.0, into)
    axes = figure.subplots()
    numbers = np.array([e["number"] + 1 for e in epochs])
    rates = np.array([e["learning_rate"] for e in epochs])
    for position, (name, title) in enumerate((("loss", "training"), ("val_loss", "validation"))):
        axes.plot(numbers, [e[name] for e in epochs], color=colour(position), linewidth=1.2, label=title)
    axes.set_yscale("log")
    # Matplotlib's labels of logarithmic axes are formulas, which this style does not render.
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    for start in np.flatnonzero(np.diff(rates, prepend=np.nan) != 0):
        axes.axvline(numbers[start], color=MUTED, linewidth=0.6, linestyle=(0, (1.2, 1.2)))
        axes.annotate(
            f"{rates[start]:g}", (numbers[start], 1), xycoords=("data", "axes fraction"), xytext=(3, -9),
            textcoords="offset points", fontsize=6.5, color=MUTED,
        )  # fmt: skip
    if chosen is not None:
        axes.plot([chosen + 1], [epochs[chosen]["val_loss"]], "o", color=colour(1), markersize=4, label="kept")
    axes.set(xlabel="Epoch (learning rate above)", ylabel="Mean squared error")
    axes.grid(visible=True, which="major", linewidth=0.5)
    axes.legend()
    return figure
