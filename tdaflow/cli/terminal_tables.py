"""Tables of results on a terminal."""

from rich.box import HEAVY_HEAD, Box
from rich.table import Table as RichTable

from tdaflow.evaluation.tables.pages import Table


def terminal_table(table: Table, n_text: int = 2, box: Box = HEAVY_HEAD) -> RichTable:
    """Format a table for rich; columns after the first `n_text` hold numbers and are aligned right."""
    shown = RichTable(title=table.title, title_justify="left", box=box)
    for column, name in enumerate(table.header):
        shown.add_column(name, justify="right" if column >= n_text else "left")
    for row in table.rows:
        shown.add_row(*(cell.replace("[", "\\[") for cell in row))
    return shown
