"""Splits of a table: patients stay whole, labels are spread, and the order of the rows means nothing."""

import csv

import numpy as np
import pytest

from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation import split_table


def write(path, rows, header="scan,patient,label,note"):
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    return path


def read(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def rows():
    """100 scans of 50 patients, a third of them ill."""
    return [(f"s{i:03d}", f"p{i // 2:02d}", "ill" if (i // 2) % 3 == 0 else "well", "NA") for i in range(100)]


def test_patients_stay_whole_and_labels_are_spread(tmp_path, rows):
    counts = split_table(write(tmp_path / "t.csv", rows), tmp_path / "out.csv", by="patient", stratify="label")
    found = read(tmp_path / "out.csv")
    assert [tuple(row.values())[:4] for row in found] == rows
    split_of = {(row["patient"], row["split"]) for row in found}
    assert len(split_of) == 50
    assert {split: sum(by_label.values()) for split, by_label in counts.items()} == {"train": 70, "val": 10, "test": 20}
    shares = [by_label["ill"] / sum(by_label.values()) for by_label in counts.values()]
    assert shares == pytest.approx([0.34] * 3, abs=0.1)


@pytest.mark.parametrize("by", ["patient", None])
def test_the_order_of_the_rows_changes_no_split(tmp_path, rows, by):
    order = np.random.default_rng(0).permutation(100)
    found = []
    for name, listed in (("a", rows), ("b", [rows[i] for i in order])):
        split_table(write(tmp_path / f"{name}.csv", listed), tmp_path / f"{name}-out.csv", by=by, seed=3)
        found.append({row["scan"]: row["split"] for row in read(tmp_path / f"{name}-out.csv")})
    assert found[0] == found[1]
    split_table(tmp_path / "a.csv", tmp_path / "other.csv", by=by, seed=4)
    assert found[0] != {row["scan"]: row["split"] for row in read(tmp_path / "other.csv")}


def test_patients_without_a_label_get_no_split(tmp_path, rows):
    rows = [(scan, patient, "" if patient == "p00" else label, "") for scan, patient, label, _ in rows]
    counts = split_table(write(tmp_path / "t.csv", rows), tmp_path / "out.csv", by="patient", stratify="label")
    assert counts[""] == {"": 2}


def test_nothing_is_overwritten_without_the_option(tmp_path, rows):
    table, out = write(tmp_path / "t.csv", [(*row[:3], "x") for row in rows]), tmp_path / "out.csv"
    split_table(table, out, by="patient")
    with pytest.raises(ConfigError, match=r"out.csv exists already.*--overwrite"):
        split_table(table, out, by="patient")
    with pytest.raises(ConfigError, match=r"has a column 'split' already: give --overwrite"):
        split_table(out, tmp_path / "new.csv", by="patient")
    split_table(out, out, by="patient", test=0.5, validation=0, overwrite=True)
    assert {row["split"] for row in read(out)} == {"train", "test"}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"by": "patients"}, InputError, r"no column 'patients' \(--by\); did you mean 'patient'"),
        ({"by": "note"}, InputError, "line 2 has no 'note'"),
        ({"test": 0, "validation": 0}, ConfigError, "no shares"),
        ({"stratify": "scan"}, InputError, "cannot be divided.*every label in both parts"),
    ],
)
def test_what_cannot_be_split_is_one_sentence(tmp_path, rows, options, error, message):
    table = write(tmp_path / "t.csv", rows)
    with pytest.raises(error, match=message):
        split_table(table, tmp_path / "out.csv", **options)
    assert not (tmp_path / "out.csv").exists()
