"""The reliability of a run's channels as a table for terminals and pages."""

from typing import TYPE_CHECKING

from tdaflow.evaluation.stress.reliability.table import CHANNEL, ENOUGH, ENOUGH_LOW, FEATURE, SUMMARY, repeating
from tdaflow.evaluation.tables.pages import Table

if TYPE_CHECKING:
    import pandas as pd

RULE = f"ICC ≥ {ENOUGH:g}, 95 % interval from {ENOUGH_LOW:g} on".replace("0.", ".")


def channel_table(table: "pd.DataFrame") -> Table:
    """A row a channel: its ICC, that under each kind of change alone, and how many of its columns repeat."""
    rows = []
    kinds = [name for name in table.columns if name.startswith("icc_")]
    repeats = repeating(table)
    whole = table[table["kind"] == CHANNEL].set_index("column")
    for channel, of_channel in table[table["kind"] != CHANNEL].groupby("channel", sort=False):
        counts = [_count(repeats[of_channel.index[of_channel["kind"] == kind]]) for kind in (SUMMARY, FEATURE)]
        of_image = whole.loc[channel] if channel in whole.index else None
        icc = (
            ["–"] * (1 + len(kinds))
            if of_image is None
            else [icc_text(of_image), *(f"{of_image[k]:.2f}" for k in kinds)]
        )
        rows.append((str(channel), *icc, *counts))
    return Table(
        f"Numbers that repeat ({RULE})",
        (
            "channel",
            "ICC of the image",
            *(f"{k.removeprefix('icc_')} alone" for k in kinds),
            "summary numbers",
            "columns",
        ),
        tuple(rows),
    )


def icc_text(row: "pd.Series") -> str:
    """An ICC with its interval; a dash for a number that is the same for all volumes."""
    if row["icc"] != row["icc"]:
        return "–"
    return f"{row['icc']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def _count(repeats: "pd.Series") -> str:
    return f"{int(repeats.sum()):,} of {len(repeats):,}" if len(repeats) else "–"
