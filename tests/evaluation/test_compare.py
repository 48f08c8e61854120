"""Two runs beside each other: what differs, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.evaluation import EvaluationFolder, compare_runs
from tdaflow.evaluation.tables.pages import Table
from tdaflow.store import RunFolder

N = 30


@pytest.fixture
def pair(run_folder, features):
    """Two runs of the same features."""
    runs = [run_folder(features, name=name) for name in ("first", "second")]
    for path in runs:
        RunFolder(path).write({"config": {"images": {"epsilon": 0.9}, "data": {"kind": "phantoms"}}, "ranges": {}})
    return runs


def by_title(tables: list[Table]) -> dict[str, Table]:
    return {table.title: table for table in tables}


def test_equal_runs_are_equal_in_every_part(pair):
    found = by_title(compare_runs(*pair, n_resamples=100))

    assert found["Configuration and versions"].rows == (("all equal", "", ""),)
    assert found["σ and ranges"].rows == (("all equal", "", ""),)
    assert [told for _, told in found["Features of the same volumes"].rows] == ["equal, bit for bit (114 volumes)"] * 2
    assert "tdaflow evaluate RUN" in found["Evaluation"].rows[0][1]


def test_only_what_differs_is_listed(pair, run_folder, features):
    other = replace(features, blocks={**features.blocks, "alpha H1": 2 * features.blocks["alpha H1"]})
    changed = run_folder(other, name="third")
    sigma = {"alpha/1": {"sigma": 0.5, "birth_range": [0, 1]}}
    config = {"images": {"epsilon": 0.8}, "data": {"kind": "phantoms"}, "run": {"workers": 3}}
    RunFolder(changed).write({"config": config, "ranges": sigma})

    found = by_title(compare_runs(pair[0], changed))

    assert found["Configuration and versions"].header == ("key", "first", "third")
    assert found["Configuration and versions"].rows == (("images.epsilon", "0.9", "0.8"),)
    assert found["σ and ranges"].rows == (("alpha H1: σ", "–", "0.5"), ("alpha H1: birth", "–", "0 … 1"))
    told = dict(found["Features of the same volumes"].rows)
    assert told["alpha H1"] == "1 (mean of 114 volumes), largest 1"
    assert told["alpha H2"].startswith("equal, bit for bit")


def test_features_are_paired_by_id_whatever_their_order(pair, run_folder, features):
    turned = run_folder(features.taken(np.arange(len(features))[::-1]), name="turned")
    RunFolder(turned).write({"config": {"data": {}}, "ranges": {}})

    found = by_title(compare_runs(pair[0], turned))

    assert all("bit for bit" in told for _, told in found["Features of the same volumes"].rows)


def test_results_on_the_same_test_volumes_are_paired_and_others_are_not(pair, predictions):
    labels = np.arange(N) % 2
    good = predictions(labels, np.where(labels, 0.9, 0.2))
    bad = predictions(labels, np.where(labels, 0.2, 0.9))
    for path, made in zip(pair, (good, bad.aligned(bad.ids[::-1])), strict=True):
        EvaluationFolder(path).save(made)

    table = by_title(compare_runs(*pair, n_resamples=100))["Evaluation on the test split"]

    assert table.rows[2] == ("AUC", "1.000", "0.000", "+1.000 [+1.000, +1.000]", "0.0000")

    EvaluationFolder(pair[1]).save(replace(bad, ids=np.array([f"w{i}" for i in range(N)])))
    (table,) = [table for table in compare_runs(*pair, n_resamples=100) if table.title.startswith("Evaluation")]
    assert "not paired" in table.title
    assert table.rows[2] == ("AUC", "1.000", "0.000", "", "")


def test_a_folder_without_a_run_is_refused(pair, tmp_path):
    with pytest.raises(InputError, match="holds no run"):
        compare_runs(pair[0], tmp_path)
