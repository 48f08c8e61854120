"""The reliability of a run's channels as a table for terminals and pages."""

from typing import TYPE_CHECKING

from tdaflow.evaluation.stress.reliability.table import CHANNEL, ENOUGH, ENOUGH_LOW, FEATURE, SUMMARY, repeating
from tdaflow.evaluation.tables.pages import Table

if TYPE_CHECKING:
    import pandas as pd

RULE = f"ICC ≥ {ENOUGH:g}, 95 % interval from {ENOUGH_LOW:g} on".replace("0.", ".")


def channel_table(table: "pd.DataFrame") -> Table:
    """A row a channel: its ICC, and how many of its columns repeat."""
    rows = []
    repeats = repeating(table)
    whole = table[table["kind"] == CHANNEL].set_index("column")
    for channel, of_channel in table[table["kind"] != CHANNEL].groupby("channel", sort=False):
        counts = [_count(repeats[of_channel.index[of_channel["kind"] == kind]]) for kind in (SUMMARY, FEATURE)]
        icc = "–" if channel not in whole.index else icc_text(whole.loc[channel])
        rows.append((str(channel), icc, *counts))
    return Table(
        f"Numbers that repeat ({RULE})", ("channel", "ICC of the image", "summary numbers", "columns"), tuple(rows)
    )


def icc_text(row: "pd.Series") -> str:
    """An ICC with its interval; a dash for a number that is the same for all volumes."""
    if row["icc"] != row["icc"]:
        return "–"
    return f"{row['icc']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def _count(repeats: "pd.Series") -> str:
    return f"{int(repeats.sum()):,} of {len(repeats):,}" if len(repeats) else "–"
