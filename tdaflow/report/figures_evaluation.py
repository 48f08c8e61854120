"""Figures of predictions: confusion matrices, ROC and precision–recall curves, reliability, sweeps."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import FigureBase

from tdaflow.report.style import MUTED, PAGE_WIDTH, SEQUENTIAL, canvas, colour, colour_bar, line_style, short, styled

Curves = Mapping[str, tuple[np.ndarray, np.ndarray]]

# Largest number of classes with numbers in the cells.
_NUMBERS = 16


@styled
def confusion_figure(
    matrices: Mapping[str, np.ndarray], class_names: Sequence[str], *, into: FigureBase | None = None
) -> FigureBase:
    """Draw confusion matrices side by side, coloured by the share of each true class, with counts in the cells.

    Parameters
    ----------
    matrices : mapping of str to int array (class, class)
        Method → counts; rows are true classes. A row without volumes stays blank.
    class_names : sequence of str
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    columns = min(len(matrices), 3 if len(class_names) <= 4 else 2)
    rows = -(-len(matrices) // columns)
    side = min((PAGE_WIDTH - 1.0) / columns, 2.0 + 0.35 * len(class_names))
    figure = canvas(columns * side + 1.0, rows * side * 0.95 + 0.2, into)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    size = 7 if len(class_names) <= 8 else 5.5
    for axes, (method, counts) in zip(panels, matrices.items(), strict=False):
        totals = counts.sum(axis=1, keepdims=True)
        shares = np.where(totals > 0, counts / np.maximum(totals, 1), np.nan)
        drawn = axes.imshow(shares, cmap=SEQUENTIAL, vmin=0, vmax=1, interpolation="none")
        if len(class_names) <= _NUMBERS:
            for i, j in np.ndindex(counts.shape):
                light = not shares[i, j] > 0.6
                axes.text(
                    j, i, f"{counts[i, j]:,}", ha="center", va="center", fontsize=size,
                    color="#ffffff" if light else "#000000",
                )  # fmt: skip
        texts = [short(name, 16) for name in class_names]
        axes.set_xticks(range(len(texts)), texts, rotation=40, ha="right", rotation_mode="anchor", fontsize=size + 0.5)
        axes.set_yticks(range(len(texts)), texts, fontsize=size + 0.5)
        axes.set(title=short(method, 48), xlabel="Predicted class", ylabel="True class")
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    for axes in panels[len(matrices) :]:
        axes.set_visible(False)
    bar = colour_bar(figure, drawn, ax=list(panels), fraction=0.03, pad=0.02, aspect=28)
    bar.set_label("Share of the true class")
    return figure


@styled
def curves_figure(
    roc: Curves, precision_recall: Curves, prevalence: float | None = None, *, into: FigureBase | None = None
) -> FigureBase:
    """Draw ROC and precision–recall curves.

    Parameters
    ----------
    roc : mapping of str to (false positive rate, true positive rate)
        Arrays of shape (n,) each; the key is the legend's text.
    precision_recall : mapping of str to (recall, precision)
        Recall ascending.
    prevalence : float, optional
        Share of the positive class, drawn as the chance level of the second panel.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    figure = canvas(PAGE_WIDTH, 4.0, into)
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
    for k, (name, (false_rate, true_rate)) in enumerate(roc.items()):
        left.plot(false_rate, true_rate, color=colour(k), linestyle=line_style(k), label=short(name, 52))
    for k, (recall, precision) in enumerate(precision_recall.values()):
        right.step(recall, precision, where="pre", color=colour(k), linestyle=line_style(k))
    if prevalence is not None:
        right.axhline(prevalence, color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
    left.set(title="ROC", xlabel="False positive rate (1 − specificity)", ylabel="True positive rate (sensitivity)")
    right.set(title="Precision–recall", xlabel="Recall (sensitivity)", ylabel="Precision")
    for axes in (left, right):
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), aspect="equal")
        axes.grid(visible=True, linewidth=0.5)
    handles, texts = left.get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=2 if len(texts) <= 6 else 4, handlelength=2.6)
    return figure


@styled
def reliability_figure(bins: Mapping[str, Mapping[str, np.ndarray]], *, into: FigureBase | None = None) -> FigureBase:
    """Draw reliability diagrams: accuracy over confidence, and the histogram of the confidence.

    Parameters
    ----------
    bins : mapping of str to mapping
        Method → ``count``, ``accuracy`` and ``confidence``, arrays (n_bins,); the last two NaN in empty bins.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    figure = canvas(PAGE_WIDTH, 3.9, into)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
    left.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
    for k, (name, found) in enumerate(bins.items()):
        filled = found["count"] > 0
        left.plot(
            found["confidence"][filled], found["accuracy"][filled], marker="o", markersize=3.5, color=colour(k),
            linestyle=line_style(k), label=short(name, 60),
        )  # fmt: skip
        edges = np.linspace(0, 1, len(found["count"]) + 1)
        share = found["count"] / max(found["count"].sum(), 1)
        right.stairs(share, edges, color=colour(k), linestyle=line_style(k), linewidth=1.4)
    left.set(xlim=(0, 1), ylim=(0, 1.02), aspect="equal", title="Reliability")
    left.set(xlabel="Confidence (mean of the bin)", ylabel="Accuracy of the bin")
    right.set(xlim=(0, 1), title="How often", xlabel="Confidence", ylabel="Share of predictions")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.grid(visible=True, linewidth=0.5)
    handles, texts = left.get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=2, handlelength=2.6)
    return figure


@styled
def sweep_figure(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    row_label: str,
    column_label: str,
    metric: str,
    chosen: tuple[int, int] | None = None,
    into: FigureBase | None = None,
) -> FigureBase:
    """Draw a heat map of a metric over a grid of settings.

    Parameters
    ----------
    values : float array (row, column)
        NaN where nothing was computed.
    rows, columns : sequence of str
        Values of the settings.
    row_label, column_label, metric : str
        Titles of rows, columns and colours.
    chosen : tuple of int, optional
        Row and column of the chosen cell.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    figure = canvas(PAGE_WIDTH, float(np.clip(0.36 * len(rows) + 1.1, 2.0, 8.0)), into)
    axes = figure.subplots()
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    drawn = axes.imshow(values, cmap=SEQUENTIAL, vmin=low, vmax=high if high > low else low + 1e-9, aspect="auto")
    for i, j in np.ndindex(values.shape):
        if np.isfinite(values[i, j]):
            light = values[i, j] < low + 0.6 * (high - low)
            weight = "bold" if (i, j) == chosen else "normal"
            axes.text(
                j, i, f"{values[i, j]:.3f}", ha="center", va="center", fontsize=6.5, fontweight=weight,
                color="#ffffff" if light else "#000000",
            )  # fmt: skip
    if chosen is not None:
        i, j = chosen
        axes.plot(
            [j - 0.5, j + 0.5, j + 0.5, j - 0.5, j - 0.5], [i - 0.5, i - 0.5, i + 0.5, i + 0.5, i - 0.5],
            color="#d55e00", linewidth=2, clip_on=False,
        )  # fmt: skip
    axes.set_xticks(range(len(columns)), [short(text, 14) for text in columns])
    axes.set_yticks(range(len(rows)), [short(text, 32) for text in rows])
    axes.set(xlabel=column_label, ylabel=row_label)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    bar = colour_bar(figure, drawn, ax=axes, fraction=0.04, pad=0.01)
    bar.set_label(metric)
    return figure
