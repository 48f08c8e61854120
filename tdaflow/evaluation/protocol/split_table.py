"""Give a table of volumes a column of splits, by scikit-learn's splitters."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from tdaflow.atomic import write_whole
from tdaflow.errors import ConfigError, InputError, did_you_mean
from tdaflow.sources.cells import whole_number
from tdaflow.sources.guess_columns import LabelTable, read_label_table

COLUMN = "split"


def split_table(
    table: str | Path,
    out: str | Path,
    *,
    by: str | None = None,
    stratify: str | None = None,
    seed: int = 0,
    test: float = 0.2,
    validation: float = 0.1,
    overwrite: bool = False,
) -> dict[str, dict[str, int]]:
    """Write a table again with a column ``split`` of train, val and test.

    Parameters
    ----------
    table : path
        CSV (UTF-8, comma-separated, with a header line); all its cells are kept as they are.
    out : path
        New CSV.
    by : str, optional
        Column of what no split may divide, such as patients; by default every row is divided by itself.
    stratify : str, optional
        Column of labels whose shares all splits have, as far as whole patients allow; a patient counts with its most
        frequent label. Patients without any label get no split.
    seed : int
        The division is a function of it and of the set of rows, not of their order.
    test, validation : float
        Shares of the patients (of the rows without `by`); 0 for none.
    overwrite : bool
        Replace a column ``split``, and `out` if it exists.

    Returns
    -------
    dict of str to dict of str to int
        Rows by split ("" for none) and label ("" without `stratify`).

    Raises
    ------
    ConfigError
        If the shares are not possible, or something would be overwritten.
    InputError
        If the table cannot be read, lacks a column or a patient's cell, or has too few patients of a label.
    """
    table, out = Path(table), Path(out)
    if not (0 <= test < 1 and 0 <= validation < 1 and 0 < test + validation < 1):
        raise ConfigError(
            f"test {test} and validation {validation} are no shares: give two from 0 up with a sum between 0 and 1"
        )
    read = read_label_table(table)
    header, rows = list(read.header), [list(row) for row in read.rows]
    labels, patients = _cells(read, stratify, "--stratify"), _cells(read, by, "--by")
    if COLUMN in header and not overwrite:
        raise ConfigError(f"{table} has a column {COLUMN!r} already: give --overwrite to replace it")
    if out.exists() and not overwrite:
        raise ConfigError(f"{out} exists already: name a new file, or give --overwrite to replace it")
    if by is None:
        # Rows in another order are the same rows: what tells them apart is their text.
        seen: Counter[str] = Counter()
        for position, row in enumerate(rows):
            text = "\0".join(cell for name, cell in zip(header, row, strict=True) if name != COLUMN)
            patients[position] = f"{text}\0{seen[text]}"
            seen[text] += 1
    elif "" in patients:
        raise InputError(f"{table} line {patients.index('') + 2} has no {by!r}: fill the cell, every row needs one")
    split_of = _divided(_label_of(patients, labels, stratify), seed, test, validation, by or "row", stratify)
    splits = [split_of.get(patient, "") for patient in patients]
    if COLUMN in header:
        at = header.index(COLUMN)
        rows = [[*row[:at], split, *row[at + 1 :]] for row, split in zip(rows, splits, strict=True)]
    else:
        header = [*header, COLUMN]
        rows = [[*row, split] for row, split in zip(rows, splits, strict=True)]
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows([header, *rows])
    write_whole(out, written.getvalue())
    counts: dict[str, dict[str, int]] = {}
    for (split, label), n in sorted(Counter(zip(splits, labels, strict=True)).items()):
        counts.setdefault(split, {})[label] = n
    return {split: counts[split] for split in ("train", "val", "test", "") if split in counts}


def _cells(table: LabelTable, column: str | None, option: str) -> list[str]:
    """Cells of a column, "" for missing values; all "" without a column."""
    if column is None:
        return [""] * table.n_rows
    if column not in table.header:
        raise InputError(f"{table.path} has no column {column!r} ({option}); {did_you_mean(column, table.header)}")
    return [whole_number(cell) for cell in table.columns[column]]


def _label_of(patients: Sequence[str], labels: Sequence[str], stratify: str | None) -> dict[str, str]:
    """The most frequent label of every patient, of equals the rarest in the table; without `stratify` ""."""
    if stratify is None:
        return dict.fromkeys(patients, "")
    overall = Counter(labels)
    own: dict[str, Counter[str]] = {}
    for patient, label in zip(patients, labels, strict=True):
        if label:
            own.setdefault(patient, Counter())[label] += 1
    return {p: max(found, key=lambda label: (found[label], -overall[label], label)) for p, found in own.items()}


def _divided(
    label_of: Mapping[str, str], seed: int, test: float, validation: float, unit: str, stratify: str | None
) -> dict[str, str]:
    """Split of every patient."""
    names = np.array(sorted(label_of), dtype=object)
    split_of = dict.fromkeys(names.tolist(), "train")
    for split, share in (("test", test), ("val", validation / (1 - test))):
        left = np.array([name for name in names if split_of[name] == "train"], dtype=object)
        if not share:
            continue
        of_class = [label_of[name] for name in left]
        try:
            _, held = train_test_split(
                left, test_size=share, random_state=seed, stratify=of_class if stratify else None
            )
        except ValueError as error:
            counts = Counter(of_class)
            rarest = min(counts, key=lambda label: (counts[label], label)) if counts else ""
            also = f" and every label in both parts ({rarest!r} has {counts[rarest]})" if stratify else ""
            raise InputError(
                f"the {len(left)} {unit}s that are left cannot be divided so that {share:.0%} are {split!r}{also}: "
                "give other --test and --validation, or use no split and `tdaflow evaluate RUN --nested`"
            ) from error
        split_of.update(dict.fromkeys(held.tolist(), split))
    return split_of
