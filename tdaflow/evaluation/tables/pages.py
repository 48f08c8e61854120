"""Tables as Markdown and as one self-contained HTML page."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }
body { max-width: 78rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid #8886 }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left }
tr.published, tr.baseline { opacity: .75 }
tr.published-protocol { font-style: italic }
td:first-child { min-width: 15rem }
.scroll { overflow-x: auto }
@media print { body { max-width: none; margin: 0; font-size: 8pt } tr { break-inside: avoid } }
"""


@dataclass(frozen=True)
class Table:
    """A title, a header and rows of text; `kinds` are the style classes of the rows."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    kinds: tuple[str, ...] = ()


def markdown_page(tables: Sequence[Table], notes: Sequence[str]) -> str:
    """Format tables with headings, and notes under them, as Markdown."""
    parts = []
    for table in tables:
        lines = [_pipes(table.header), _pipes(["---", "---", *["---:"] * (len(table.header) - 2)])]
        parts.append("\n".join([f"### {table.title}", "", *lines, *(_pipes(row) for row in table.rows)]))
    return "\n\n".join([*parts, "\n".join(f"- {note}" for note in notes)]) + "\n"


def html_document(title: str, tables: Sequence[Table], notes: Sequence[str]) -> str:
    """Format tables and notes as self-contained HTML, for light and dark screens and for paper."""
    listed = "\n".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n<body>\n'
        f"<h1>{html.escape(title)}</h1>\n"
        + "\n".join(_html_table(table) for table in tables)
        + f"\n<ul>\n{listed}\n</ul>\n</body></html>\n"
    )


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.header)
    kinds = table.kinds or ("",) * len(table.rows)
    body = "\n".join(
        f'<tr class="{html.escape(kind.replace(" ", "-"))}">'
        f"{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
        for row, kind in zip(table.rows, kinds, strict=True)
    )
    return (
        f'<h2>{html.escape(table.title)}</h2>\n<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _pipes(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
