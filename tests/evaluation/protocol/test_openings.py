"""A test split is opened once wherever the run lies: what was opened is known by what the volumes hold."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation import EvaluationFolder, Protocol, evaluate, evaluate_run, load_features
from tdaflow.evaluation.protocol import openings
from tdaflow.evaluation.protocol.ledger import Ledger, Split
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.store import RunFolder, content_digest

QUICK = {"n_resamples": 50}


def digests(*numbers):
    return [content_digest(np.array([number])) for number in numbers]


@pytest.fixture
def ledger(tmp_path):
    """Maker of the ledger of a run folder over volumes that hold these numbers, and its test split."""

    def make(name, numbers):
        contents = dict(zip([f"{name}-{k}" for k in range(len(numbers))], digests(*numbers), strict=True))
        split = Split(np.array(list(contents)), np.zeros(len(numbers), dtype=int))
        return Ledger(tmp_path / name / "evaluation", lambda: contents), split

    return make


def lines():
    return [json.loads(line) for line in openings.openings_path().read_text().splitlines()]


def test_a_second_folder_is_no_second_first_look(ledger):
    first, split = ledger("a", [1, 2, 3])
    assert first.touch("tda", split, {"C": 1}).note.endswith("after it was made.")
    # Other ids and another order, one more volume: the same volumes nevertheless.
    second, of_second = ledger("b", [4, 3, 2, 1])
    said = r"3 of 4 test volumes were opened before, on 20\S+ by the run 'a' \(choice \w{8}\), .*--allow-second-test"
    for refused in (second.refuse_other, second.touch):
        with pytest.raises(ConfigError, match=said):
            refused("tda", of_second, {"C": 2})
    assert second.entries() == []
    touch = second.touch("tda", of_second, {"C": 2}, allow_second_test=True)
    assert (touch.number, touch.n_choices) == (2, 2)
    assert "choice 2 on the same test split" in touch.note
    assert "3 of 4 test volumes were opened before" in touch.note
    # The same choice again, here or in a copy, is the same opening; another family and other volumes have their own.
    assert second.touch("tda", of_second, {"C": 2}).number == 2
    assert ledger("copy", [1, 2, 3])[0].touch("tda", ledger("copy", [1, 2, 3])[1], {"C": 1}).number == 1
    assert second.touch("baseline", of_second, {"C": 3}).number == 1
    others, of_others = ledger("c", [5, 6])
    assert others.touch("tda", of_others, {"C": 3}).number == 1


def test_the_file_holds_no_path_no_id_and_no_label(ledger, tmp_path):
    first, split = ledger("a", [1, 2])
    first.touch("tda", split, {"C": 1})
    (line,) = lines()
    assert set(line) == {"format", "time", "run", "family", "choice", "test", "n", "volumes"}
    assert line["run"] == "a"
    assert not [text for text in (str(tmp_path), *split.ids) if text in openings.openings_path().read_text()]
    # What a split holds is written once.
    first.touch("tda", split, {"C": 2}, allow_second_test=True)
    assert ["volumes" in line for line in lines()] == [True, False]


def test_of_a_large_split_a_sample_tells_the_share(ledger, monkeypatch):
    monkeypatch.setattr(openings, "LISTED", 64)
    first, split = ledger("a", range(1000))
    first.touch("tda", split, {"C": 1})
    assert len(lines()[0]["volumes"]) == 64
    second, of_second = ledger("b", range(500, 1500))
    (found,) = openings.Openings().before("tda", "other", second._volumes(of_second)[0])
    assert not found.exact
    assert found.in_words.startswith("about ")
    assert abs(found.n_shared - 500) < 4 * 1000 * (0.25 / 64) ** 0.5


def test_entries_of_a_ledger_from_before_count(ledger):
    first, split = ledger("a", [1, 2])
    first.touch("tda", split, {"C": 1})
    openings.openings_path().unlink()
    with pytest.raises(ConfigError, match="differs in C"):
        first.touch("tda", split, {"C": 2})
    # Another family of the same run brings the old entry into the user's file.
    first.touch("baseline", split, {"C": 1})
    assert [line["family"] for line in lines()] == ["tda", "baseline"]
    # A number is never given twice in a folder.
    openings.openings_path().unlink()
    numbers = [first.touch("tda", split, {"C": c}, allow_second_test=True).number for c in (1, 2, 3, 2)]
    assert numbers == [1, 2, 3, 2]


def test_where_the_file_cannot_be_written_the_folder_counts_and_it_is_said(ledger, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TDAFLOW_LEDGER", str(tmp_path / "file" / "opened.jsonl"))
    first, split = ledger("a", [1, 2])
    assert "cannot be written" in first.touch("tda", split, {"C": 1}).note
    with pytest.raises(ConfigError, match="differs in C"):
        first.touch("tda", split, {"C": 2})
    unknown = Ledger(tmp_path / "b" / "evaluation")
    assert "what the test volumes hold is not known" in unknown.touch("tda", split, {"C": 1}).note


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 9}', '{"format": 1, "test": "a", "n": 1}', "\udcff"])
def test_a_damaged_file_is_not_taken_for_an_empty_one(ledger, text):
    openings.openings_path().write_bytes(text.encode(errors="surrogateescape"))
    first, split = ledger("a", [1, 2])
    with pytest.raises(InputError, match=r"line 1 of .* cannot be read"):
        first.touch("tda", split, {"C": 1})
    assert first.entries() == []


def test_of_two_evaluations_at_once_one_is_refused(tmp_path):
    code = (
        "import sys, numpy as np; from pathlib import Path; from tdaflow.evaluation.protocol.ledger import *\n"
        "ledger = Ledger(Path(sys.argv[1]) / 'evaluation', lambda: {'a': 'f' * 32})\n"
        "ledger.touch('tda', Split(np.array(['a']), np.array([0])), {'run': sys.argv[1]})"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / name)], stderr=subprocess.PIPE) for name in "ab"
    ]
    errors = [process.communicate()[1] for process in started]
    assert sorted(process.returncode for process in started) == [0, 1]
    assert b"".join(errors).count(b"1 of 1 test volumes were opened before") == 1
    assert len(lines()) == 1


def test_the_same_volumes_repacked_and_preprocessed_are_the_same(evaluated, volume_data, tmp_path):
    evaluate(load_features(evaluated), Protocol(("logistic",), n_seeds=1), EvaluationFolder(evaluated).ledger)
    np.save(tmp_path / "other.npy", np.load(volume_data / "stack.npy")[::-1])
    rows = (volume_data / "table.csv").read_text().splitlines()
    (tmp_path / "other.csv").write_text("\n".join([rows[0], *(f"w{row}" for row in rows[:0:-1])]) + "\n")
    config = RunConfig.model_validate(
        {
            "data": {"kind": "arrays", "path": str(tmp_path / "other.npy"), "table": str(tmp_path / "other.csv")},
            "preprocess": {"steps": [{"step": "rescale"}]},
            "filtrations": {"below": {"kind": "cubical", "homology_dimensions": (0, 1)}},
            "images": {"resolution": 6},
        }
    )
    folder = RunFolder(tmp_path / "other")
    run(config, folder, InProcess(), Silent())
    with pytest.raises(ConfigError, match="10 of 10 test volumes were opened before"):
        evaluate_run(folder.path, Protocol(("logistic",), n_seeds=1), **QUICK)
    results = evaluate_run(folder.path, Protocol(("logistic",), n_seeds=1), allow_second_test=True, **QUICK).results
    assert any("(choice 2)" in row.method for row in results.rows)


def test_the_file_lies_in_the_data_folder_of_the_user(monkeypatch):
    assert Path(os.environ["TDAFLOW_LEDGER"]) == openings.openings_path()
    monkeypatch.delenv("TDAFLOW_LEDGER")
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: Path("/data") / name)
    assert openings.openings_path() == Path("/data/tdaflow/opened-test-splits.jsonl")
