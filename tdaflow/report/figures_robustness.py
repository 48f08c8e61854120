"""Figures of robustness: perturbations by severity, ROC of out-of-distribution scores, fusion by weight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from tdaflow.report.style import MARKERS, MUTED, PAGE_WIDTH, canvas, colour, line_style, short, styled

_DASHED = (0, (3, 2))
_COLUMNS = 4


@dataclass(frozen=True)
class Severities:
    """Values of one quantity over the severity of one kind of perturbation.

    Attributes
    ----------
    severity, value, low, high : arrays, shape (n,)
        `low` and `high` are the ends of the interval; NaN if there is none.
    clean : float
        Value of unperturbed volumes; NaN if there is none.
    """

    severity: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    clean: float = float("nan")


@styled
def robustness_figure(
    kinds: Mapping[str, tuple[str, Mapping[str, Severities], Severities]], *, into: FigureBase | None = None
) -> FigureBase:
    """Draw metrics over the severity of every kind of perturbation, and below the distance of the images.

    Parameters
    ----------
    kinds : mapping of str to (unit, metrics, distance)
        Title of the kind → unit of its severity; metric → `Severities`; relative distance of the images.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    groups = -(-len(kinds) // _COLUMNS)
    columns = min(_COLUMNS, len(kinds))
    figure = canvas(max(5.0, PAGE_WIDTH * columns / _COLUMNS), 3.4 * groups + 0.4, into)
    panels = figure.subplots(2 * groups, columns, squeeze=False, height_ratios=[2, 1.1] * groups, sharey="row")
    for axes in panels.ravel():
        axes.set_visible(False)
    decades = _limits([distance for _, _, distance in kinds.values()])
    for position, (title, (unit, metrics, distance)) in enumerate(kinds.items()):
        row, column = divmod(position, columns)
        above, below = panels[2 * row, column], panels[2 * row + 1, column]
        for k, (name, line) in enumerate(metrics.items()):
            _band(above, line, k, name)
        _band(below, distance, 3, "")
        above.set(title=title)
        below.set(xlabel=unit)
        if column == 0:
            above.set_ylabel("Test volumes")
            below.set_ylabel("Relative distance\nof the images")
        for axes in (above, below):
            axes.set_visible(True)
            axes.set_xlim(left=0)
            axes.grid(visible=True, linewidth=0.5)
        _decades(below, decades)
    handles, texts = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=len(texts), handlelength=2.6)
    return figure


@styled
def ood_figure(
    curves: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]], *, into: FigureBase | None = None
) -> FigureBase:
    """ROC of every score in every set: out-of-distribution volumes detected over own ones rejected.

    Parameters
    ----------
    curves : mapping of str to mapping of str to (false alarm rate, detection rate)
        Set → score → arrays (n,).
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    columns = min(_COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    figure = canvas(max(5.0, PAGE_WIDTH * columns / _COLUMNS), 2.6 * rows + 0.5, into)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(curves) :]:
        axes.set_visible(False)
    for axes, (title, scores) in zip(panels, curves.items(), strict=False):
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=_DASHED)
        for k, (name, (false_rate, true_rate)) in enumerate(scores.items()):
            axes.plot(false_rate, true_rate, color=colour(k), linestyle=line_style(k), label=name)
        axes.set(title=short(title, 30), xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        axes.set(xlabel="Own volumes rejected", ylabel="OOD volumes detected")
        axes.grid(visible=True, linewidth=0.5)
    handles, texts = panels[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=min(3, len(texts)), handlelength=2.6)
    return figure


@styled
def fusion_figure(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    chosen: tuple[str, float],
    metric: str,
    *,
    into: FigureBase | None = None,
) -> FigureBase:
    """Draw the validation metric of a late fusion over the weight α of the persistence images.

    Parameters
    ----------
    curves : mapping of str to (alphas, values)
        Fused method → its line.
    chosen : (str, float)
        Chosen method and α.
    metric : str
        Name of the metric.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    figure = canvas(PAGE_WIDTH * 0.8, 3.6, into)
    axes = figure.subplots()
    for k, (name, (alphas, values)) in enumerate(curves.items()):
        axes.plot(alphas, values, color=colour(k), linestyle=line_style(k), label=short(name, 60))
        if name == chosen[0]:
            at = int(np.argmin(np.abs(np.asarray(alphas) - chosen[1])))
            axes.plot([alphas[at]], [values[at]], marker="o", markersize=8, markerfacecolor="none", color=colour(k))
    axes.set(xlim=(-0.01, 1.01), xlabel="α: weight of the persistence images (0: the other method alone)")
    axes.set_ylabel(f"Validation {metric}")
    axes.grid(visible=True, linewidth=0.5)
    figure.legend(loc="outside lower center", ncols=2, handlelength=2.6)
    return figure


def _limits(distances: Sequence[Severities]) -> tuple[int, int]:
    """Return the powers of ten around all positive distances."""
    values = np.concatenate([distance.value for distance in distances])
    positive = values[np.isfinite(values) & (values > 0)]
    if not positive.size:
        return -1, 0
    return int(np.floor(np.log10(positive.min()))), int(np.ceil(np.log10(positive.max())))


def _decades(axes: Axes, powers: tuple[int, int]) -> None:
    # Logarithmic: isolated voxels move images of cubical filtrations a hundred times as far as a shift does.
    axes.set_yscale("log")
    axes.set_ylim(10.0 ** powers[0], 10.0 ** max(powers[1], powers[0] + 1))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _band(axes: Axes, line: Severities, k: int, name: str) -> None:
    known = np.isfinite(line.value)
    if np.isfinite(line.clean):
        axes.axhline(line.clean, color=colour(k), linewidth=0.8, linestyle=_DASHED)
    axes.fill_between(line.severity[known], line.low[known], line.high[known], color=colour(k), alpha=0.15, linewidth=0)
    axes.plot(
        line.severity[known], line.value[known], color=colour(k), marker=MARKERS[k], markersize=3.5, linewidth=1.3,
        label=name,
    )  # fmt: skip
