"""Section on which numbers repeat: channels, and the features that the model weighs most."""

from typing import TYPE_CHECKING, Any

from tdaflow.errors import InputError
from tdaflow.evaluation.model.strengths import strongest_features
from tdaflow.evaluation.stress.reliability.pages import RULE, channel_table, icc_text
from tdaflow.evaluation.stress.reliability.table import FEATURE, SUMMARY, read_reliability, repeating
from tdaflow.evaluation.stress.robustness.perturbations import RETESTS
from tdaflow.report.blocks import Section, TableBlock
from tdaflow.report.run_data import RunData

if TYPE_CHECKING:
    import pandas as pd


def reliability_section(run: RunData) -> Section | None:
    """Build the section; None if nothing was measured again."""
    section = Section("reliability", "Which numbers repeat")
    try:
        found = read_reliability(run.folder.path)
    except InputError as error:
        section.paragraphs.append(str(error))
        return section
    if found is None:
        return None
    table, about = found
    section.paragraphs += [_measured(about), _result(table)]
    channels = channel_table(table)
    section.items.append(TableBlock(channels.title, channels.header, channels.rows))
    if strongest := _strongest(run, table):
        section.items.append(strongest)
    if about["without_effect"]:
        kinds = " and ".join(RETESTS[kind].title for kind in dict.fromkeys(about["without_effect"]))
        section.notes.append(f"{kinds} changes nothing of these volumes, as of masks, and is left out.")
    if about["left_out"]:
        section.notes.append(f"{len(about['left_out'])} volumes could not be measured again and are left out.")
    section.notes += [
        "ICC(A,1) of McGraw and Wong (1996), also ICC(2,1): the share of a number's variance that is between volumes; "
        "what all measurements change alike counts against it. A dash stands for a number that is the same for all. "
        "The ICC of an image adds up the variances of its pixels (Shou et al. 2013), its interval is from the "
        "bootstrap over volumes.",
        "Retests are computed, not second scans: a patient who moves, another scanner or another reader changes more.",
        "`evaluation/reliability.csv` has every column; `tdaflow export RUN --table` puts it beside the table.",
    ]
    return section


def _measured(about: dict[str, Any]) -> str:
    retests = [
        f"{kind.title} ({kind.severities[0]:g} {kind.unit})"
        for name, kind in RETESTS.items()
        if name in about["retests"]
    ]
    n = len(about["retests"])
    return (
        f"{len(about['ids'])} {'training ' if about['of_training'] else ''}volumes, one a patient where patients are "
        f"known, were measured {n} times more: {', '.join(retests)}. Their features are made by the run's recipe with "
        "its scales, ranges and σ."
    )


def _result(table: "pd.DataFrame") -> str:
    repeats = repeating(table)
    told = [
        f"{int(repeats[rows].sum()):,} of {int(rows.sum()):,} {what}"
        for kind, what in ((SUMMARY, "summary numbers"), (FEATURE, "columns of features"))
        if (rows := table["kind"] == kind).any()
    ]
    return f"{' and '.join(told)} repeat ({RULE})."


def _strongest(run: RunData, table: "pd.DataFrame") -> TableBlock | None:
    try:
        strongest = strongest_features(run.folder.path)
    except InputError:  # no model, or not a linear one
        return None
    known = table[table["kind"] == FEATURE].set_index("column")
    binary = len(run.class_names) == 2
    rows = [
        (
            row["column"], *(() if binary else (row["class_name"],)), f"{row['effect']:+.3f}".replace("-", "−"),
            icc_text(known.loc[row["column"]]),
        )
        for _, row in strongest.iterrows()
    ]  # fmt: skip
    return TableBlock(
        f"The features that the model weighs most{', for ' + strongest['class_name'][0] if binary else ''}",
        ("column", *(() if binary else ("class",)), "log-odds by one SD", "ICC"),
        rows,
        numeric=1 if binary else 2,
    )
