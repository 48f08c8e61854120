"""Figures as SVG for a page and as PNG."""

import re

from matplotlib.figure import Figure

from tdaflow.report.render import png, svg
from tdaflow.report.style import INK, styled


@styled
def named(text: str) -> Figure:
    figure = Figure(figsize=(2, 2), layout="constrained")
    figure.subplots().set_title(text)
    return figure


def test_an_svg_takes_its_colours_from_the_page_and_nothing_from_elsewhere():
    text = svg(named("title"), "f1")

    assert text.startswith("<svg")
    assert text.endswith("</svg>")
    assert "var(--ink)" in text
    assert INK not in text
    assert not re.search(r"(?:href|src)=\"(?!#|data:)", text)
    assert "<!--" not in text
    assert "<metadata" not in text


def test_ids_begin_with_the_prefix_and_the_same_figure_gives_the_same_text():
    text = svg(named("title"), "f1")

    ids = re.findall(r'\sid="([^"]+)"', text)
    assert ids
    assert all(i.startswith("f1-") for i in ids)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)
    assert svg(named("title"), "f1") == text


def test_names_are_drawn_and_never_written():
    text = svg(named("<script>alert(1)</script> $\\frac"), "f1")

    assert "script" not in text


def test_letters_that_the_font_lacks_are_no_failure():
    assert svg(named("肝臓"), "f1")
    assert png(named("肝臓"))


def test_a_png_is_one():
    assert png(named("title"), dpi=40)[:8] == b"\x89PNG\r\n\x1a\n"
