"""Parts of a page: figures with their text, tables, and sections."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup
from matplotlib.figure import Figure, FigureBase

from tdaflow.report.render import svg
from tdaflow.report.style import PAGE_WIDTH


@dataclass(frozen=True)
class FigureBlock:
    """A figure on the page.

    Attributes
    ----------
    number : str
        Such as "4" or "5b".
    title, caption, alt : str
        Plain text; `alt` is the alternative text for readers who cannot see the figure.
    drawing : Markup
        SVG without text from data: all text is drawn as outlines.
    share : float
        Share of the width of the page; on narrow screens figures scroll instead of shrinking.
    """

    number: str
    title: str
    caption: str
    alt: str
    drawing: Markup
    share: float = 1.0


@dataclass(frozen=True)
class TableBlock:
    """A table on the page: plain text cells; columns from `numeric` on are aligned right."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: int = 1
    kinds: Sequence[str] = ()


@dataclass
class Section:
    """A section: anchor, title, introductory paragraphs, items in order, and notes."""

    anchor: str
    title: str
    paragraphs: list[str] = field(default_factory=list)
    items: list[FigureBlock | TableBlock | str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def figure_block(figure: FigureBase, number: str, title: str, caption: str, alt: str) -> FigureBlock:
    """Render a figure for the page."""
    if not isinstance(figure, Figure):
        raise TypeError("only a whole figure can be put on a page")
    drawing = Markup(svg(figure, f"f{number}"))
    share = min(1.0, float(figure.get_size_inches()[0]) / PAGE_WIDTH)
    return FigureBlock(number, title, caption, alt, drawing, round(share, 3))
