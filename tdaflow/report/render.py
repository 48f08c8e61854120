"""Render figures as inline SVG with the colours of the page, and as PNG."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from tdaflow.report.style import FAINT, INK, MUTED, styled

# Custom properties of the page's style sheet; each has a light and a dark value.
_VARIABLES = {INK: "var(--ink)", MUTED: "var(--muted)", FAINT: "var(--faint)"}
_RASTER_DPI = 170


@styled
def svg(figure: Figure, prefix: str) -> str:
    """Render a figure as an ``<svg>`` element for an HTML page.

    Parameters
    ----------
    figure : Figure
    prefix : str
        Prefix of every id, so that ids of figures on one page differ.

    Returns
    -------
    str
        Without XML declaration, comments, metadata and external references; neutral colours are the custom properties
        ``--ink``, ``--muted`` and ``--faint``. The same figure gives the same text.
    """
    target = io.StringIO()
    with _quiet():
        FigureCanvasSVG(figure)
        figure.savefig(
            target,
            format="svg",
            dpi=_RASTER_DPI,
            metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")),
        )
    text = target.getvalue()
    text = text[text.index("<svg") :]
    # Comments repeat the text of labels, which comes from data and is drawn as outlines.
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns:(?:cc|dc|rdf)="[^"]*"', "", text)
    for plain, variable in _VARIABLES.items():
        text = text.replace(plain, variable)
    text = re.sub(r'(<svg[^>]*?)\swidth="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?)\sheight="[^"]*"', r"\1", text, count=1)
    return _renamed(text, prefix).strip()


@styled
def png(figure: Figure, dpi: int = 130) -> bytes:
    """Render a figure as a PNG on white."""
    target = io.BytesIO()
    with _quiet():
        FigureCanvasAgg(figure)
        figure.savefig(target, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return target.getvalue()


def _renamed(text: str, prefix: str) -> str:
    """Number the ids that are referred to, and remove the others."""
    used = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    names: dict[str, str] = {}
    for found in re.findall(r'\sid="([^"]+)"', text):
        if found in used and found not in names:
            names[found] = f"{prefix}-{len(names)}"
    text = re.sub(r'\sid="([^"]+)"', lambda m: f' id="{names[m[1]]}"' if m[1] in names else "", text)
    text = re.sub(r'href="#([^"]+)"', lambda m: f'href="#{names[m[1]]}"', text)
    return re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{names[m[1]]})", text)


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings about characters that the font lacks, because names come from data."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield
