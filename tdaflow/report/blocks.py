"""What a page is made of: figures with their words, tables, and sentences about what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup
from matplotlib.figure import FigureBase

from tdaflow.report.render import svg


@dataclass(frozen=True)
class FigureBlock:
    """A figure on the page.

    Attributes
    ----------
    number : str
        Such as "4" or "5b".
    title, caption, alt : str
        Plain text; `alt` says what a reader who cannot see the figure should know.
    drawing : Markup
        The SVG; markup of our own making, in which text is outlines.
    wide : bool
        Keep it readable on narrow screens by scrolling.
    """

    number: str
    title: str
    caption: str
    alt: str
    drawing: Markup
    wide: bool = True


@dataclass(frozen=True)
class TableBlock:
    """A table on the page: plain text cells; `numeric` columns from this one on are set right."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: int = 1
    kinds: Sequence[str] = ()


@dataclass
class Section:
    """A section: its anchor, title, an introduction and what follows, in order."""

    anchor: str
    title: str
    paragraphs: list[str] = field(default_factory=list)
    items: list[FigureBlock | TableBlock | str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def figure_block(figure: FigureBase, number: str, title: str, caption: str, alt: str) -> FigureBlock:
    """Render a figure for the page."""
    drawing = Markup(svg(figure, f"f{number}"))
    return FigureBlock(number, title, caption, alt, drawing)
