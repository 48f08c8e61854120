"""Parts of a page: figures with their text, tables, and sections."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup
from matplotlib.figure import Figure, FigureBase

from tdaflow.report.render import svg
from tdaflow.report.style import PAGE_WIDTH

# Characters that fit side by side on the screen of a telephone.
_NARROW = 34


@dataclass(frozen=True)
class FigureBlock:
    """A figure on the page.

    Attributes
    ----------
    figure : Figure
    title, caption, alt : str
        Plain text; `alt` is the alternative text for readers who cannot see the figure.
    number : int
        Given by the page, in its order.
    scans : tuple of str
        Ids of the volumes of whom the figure shows voxels.
    """

    figure: Figure
    title: str
    caption: str
    alt: str
    number: int = 0
    scans: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Share of the width of the page; on narrow screens figures scroll instead of shrinking."""
        return round(min(1.0, float(self.figure.get_size_inches()[0]) / PAGE_WIDTH), 3)

    @property
    def drawing(self) -> Markup:
        """SVG without text from data: all text is drawn as outlines."""
        return Markup(svg(self.figure, f"f{self.number}"))


@dataclass(frozen=True)
class TableBlock:
    """A table on the page: plain text cells; columns from `numeric` on are aligned right."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: int = 1
    kinds: Sequence[str] = ()

    @property
    def stacked(self) -> bool:
        """True if rows are broken into lines, a line a cell, where the screen is narrow."""
        columns = zip(self.header, *self.rows, strict=False)
        width = sum(max(len(part) for cell in column for part in cell.split(" [")) for column in columns)
        return len(self.header) > 2 and width > _NARROW


@dataclass
class Section:
    """A section: anchor, title, introductory paragraphs, items in order, and notes."""

    anchor: str
    title: str
    paragraphs: list[str] = field(default_factory=list)
    items: list[FigureBlock | TableBlock | str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def figure_block(figure: FigureBase, title: str, caption: str, alt: str, scans: Sequence[str] = ()) -> FigureBlock:
    """Make the block of a figure that was drawn for the page."""
    if not isinstance(figure, Figure):
        raise TypeError("only a whole figure can be put on a page")
    return FigureBlock(figure, title, caption, alt, scans=tuple(scans))
