"""Style of all figures: fonts, and colours that colour-blind readers can distinguish.

Figures use matplotlib's object interface, never pyplot and its global state. The neutral colours below are used only
for text, lines and grids, so that a page can replace them by its light and dark colours.
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from tdaflow.colours import MARKERS as MARKERS
from tdaflow.colours import MUTED as MUTED
from tdaflow.colours import PALETTE as PALETTE
from tdaflow.colours import colour as colour

INK, FAINT = "#1b1c21", "#d3d4da"

LINES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)))
SEQUENTIAL, DIVERGING, ANATOMY = "viridis", "RdBu_r", "gray"

# Width of a page in inches; a page of 70 rem shows such a figure about one and a half times as large.
PAGE_WIDTH = 10.0

STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.5,
    "figure.titlesize": 9.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": FAINT,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    # Names come from data, so a dollar sign must not start a formula.
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "svg.fonttype": "path",
}

P = ParamSpec("P")
R = TypeVar("R")


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function to run with tdaflow's style, and restore matplotlib's settings."""

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        # Keep the backend, which other users of pyplot in this process may have set.
        settings: Any = {**{k: v for k, v in matplotlib.rcParamsDefault.items() if k != "backend"}, **STYLE}
        with matplotlib.rc_context(settings):
            return function(*args, **kwargs)

    return inside


def canvas(width: float, height: float, into: FigureBase | None = None) -> FigureBase:
    """Return `into`, or a new figure of this size in inches with a constrained layout."""
    return into if into is not None else Figure(figsize=(width, height), layout="constrained")


def colour_bar(figure: FigureBase, drawn: Any, **options: Any) -> Any:
    """Draw a colour bar without a frame, for one panel or several (`ax`)."""
    bar: Any = figure.colorbar(drawn, **options)
    bar.outline.set_visible(False)
    return bar


def line_style(index: int) -> Any:
    """Return the dashes of a line: neighbours differ without colours, 18 lines differ with them."""
    return LINES[(index + index // len(PALETTE)) % len(LINES)]


def short(text: str, length: int = 18) -> str:
    """Shorten text to a length."""
    return text if len(text) <= length else text[: length - 1] + "…"


def bare(axes: Axes) -> None:
    """Remove ticks and frame."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def ends(low: float, high: float) -> tuple[list[float], list[str]]:
    """Return ticks and labels at both ends of a range, with three digits of its width."""
    span = abs(high - low) or abs(high) or 1.0
    decimals = max(0, 2 - int(np.floor(np.log10(span)))) if span < 1000 else 0
    texts = [f"{value:.{decimals}f}" if 1e-4 <= span < 1e6 else f"{value:.2e}" for value in (low, high)]
    return [low, high], [_plain(text) for text in texts]


def _plain(text: str) -> str:
    """Format a number without trailing zeros and with a minus sign."""
    if "." in text and "e" not in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", "−")
