"""Figures of a PI-Net's training: losses (after Figure 6 of Som et al. 2019), exact and predicted images."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import FuncFormatter, NullFormatter

from tdaflow.atomic import write_whole
from tdaflow.report.render import png
from tdaflow.report.style import MUTED, PAGE_WIDTH, SEQUENTIAL, canvas, colour, styled


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


@styled
def examples_figure(
    exact: np.ndarray,
    predicted: np.ndarray,
    channels: Sequence[str],
    *,
    origin: Literal["lower", "upper"] = "lower",
    into: FigureBase | None = None,
) -> FigureBase:
    """Exact and predicted persistence images of some samples, a row a sample, on one scale.

    Parameters
    ----------
    exact, predicted : arrays (n, channels, rows, columns)
    channels : sequence of str
        Names.
    origin : "lower" or "upper"
        Where row 0 is drawn: "lower" if it is the smallest lifetime.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    n, n_channels = exact.shape[:2]
    figure = canvas(0.8 * PAGE_WIDTH, 1.2 * n + 0.4, into)
    grid = figure.subplots(n, 2 * n_channels, squeeze=False)
    for i in range(n):
        for j, (what, images) in enumerate((("exact", exact), ("predicted", predicted))):
            for k, name in enumerate(channels):
                axes = grid[i, 2 * k + j]
                axes.imshow(images[i, k], origin=origin, cmap=SEQUENTIAL, vmin=0, vmax=max(exact[i, k].max(), 1e-12))
                axes.set(xticks=[], yticks=[])
                if i == 0:
                    axes.set_title(f"{name}, {what}")
    return figure


def draw_training(folder: Path) -> None:
    """Draw ``loss.png`` from ``loss.json`` in a folder, and ``examples.png`` where there is an ``examples.npz``."""
    curves = json.loads((folder / "loss.json").read_text(encoding="utf-8"))
    figure = Figure(figsize=(6.0, 3.0), layout="constrained")
    loss_figure(curves["epochs"], curves["chosen"], into=figure)
    write_whole(folder / "loss.png", png(figure))
    if (folder / "examples.npz").exists():
        with np.load(folder / "examples.npz", allow_pickle=False) as file:
            exact, predicted, channels = (file[name] for name in ("exact", "predicted", "channels"))
            origin = cast(Literal["lower", "upper"], str(file["origin"]) if "origin" in file else "lower")
        figure = Figure(figsize=(8.0, 1.2 * len(exact) + 0.4), layout="constrained")
        examples_figure(exact, predicted, channels.tolist(), origin=origin, into=figure)
        write_whole(folder / "examples.png", png(figure))
