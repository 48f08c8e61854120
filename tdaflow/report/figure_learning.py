"""Figure of learning curves: AUC over the number of training volumes of each class."""

from collections.abc import Mapping

from matplotlib.figure import FigureBase
from matplotlib.ticker import NullLocator, ScalarFormatter

from tdaflow.report.style import MARKERS, canvas, colour, line_style, styled

Curves = Mapping[str, Mapping[int, tuple[float, float, float]]]


@styled
def learning_figure(sets: Mapping[str, Curves], *, into: FigureBase | None = None) -> FigureBase:
    """Draw mean AUC and the middle 80 % of the draws, a panel a data set.

    Parameters
    ----------
    sets : mapping
        Data set → columns → volumes a class → mean, low and high.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    columns = min(2, len(sets))
    rows = -(-len(sets) // columns)
    figure = canvas(4.2 * columns, 3.2 * rows + 0.5, into)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(sets) :]:
        axes.set_visible(False)
    sizes = sorted({n for curves in sets.values() for of in curves.values() for n in of})
    for axes, (title, curves) in zip(panels, sets.items(), strict=False):
        for k, (name, of) in enumerate(curves.items()):
            mean, low, high = zip(*of.values(), strict=True)
            axes.fill_between(list(of), low, high, color=colour(k), alpha=0.15, linewidth=0)
            axes.plot(
                list(of), mean, color=colour(k), linestyle=line_style(k), marker=MARKERS[k % len(MARKERS)], label=name
            )
        axes.set(title=title, xscale="log", xlabel="Training volumes of each class", ylabel="AUC")
        axes.set_xticks(sizes)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(ScalarFormatter())
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure
