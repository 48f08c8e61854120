"""The ledger: one choice of a family a test split, written before anything is predicted."""

import json

import numpy as np
import pytest

from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.evaluation.protocol.ledger import Ledger, Split, split_digest

T, U = (Split(np.array([name]), np.array([0])) for name in "tu")


def test_the_first_choice_is_recorded(tmp_path):
    touch = Ledger(tmp_path / "evaluation").touch("tda", T, {"C": 1})
    assert (touch.number, touch.n_choices, touch.times) == (1, 1, 1)
    (entry,) = json.loads((tmp_path / "evaluation" / "ledger.json").read_text())["entries"]
    assert entry["choice"] == {"C": 1}
    assert entry["touched"].startswith("20")


def test_another_choice_is_refused_unless_told(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.touch("tda", T, {"C": 1})
    with pytest.raises(ConfigError, match="differs in C"):
        ledger.touch("tda", T, {"C": 2})
    assert ledger.touch("tda", T, {"C": 2}, allow_second_test=True).number == 2
    # Both are known now, and repeating either changes nothing.
    assert ledger.touch("tda", T, {"C": 1}).number == 1
    assert [entry["again"] for entry in ledger.entries()] == [False, True]


def test_other_families_and_other_test_splits_have_their_own_choice(tmp_path):
    ledger = Ledger(tmp_path)
    for family, split in (("tda", T), ("resnet", T), ("tda", U)):
        assert ledger.touch(family, split, {"choice": family + split.digest}).number == 1


def test_a_test_split_is_its_ids_and_labels_in_any_order():
    ids, labels = np.array(["a", "b", "c"]), np.array([0, 1, 0])
    assert split_digest(ids[::-1], labels[::-1]) == split_digest(ids, labels)
    assert split_digest(ids, 1 - labels) != split_digest(ids, labels)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 9, "entries": []}', '{"format": 1}'])
def test_a_damaged_ledger_is_not_taken_for_an_empty_one(tmp_path, text):
    (tmp_path / "ledger.json").write_text(text)
    with pytest.raises(InputError, match=r"ledger\.json cannot be read"):
        Ledger(tmp_path).touch("tda", T, {})


def test_a_ledger_that_cannot_be_written_keeps_the_test_split_closed(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="stays closed"):
        Ledger(tmp_path / "file" / "evaluation").touch("tda", T, {})


def test_a_further_use_is_noted_under_its_choice_and_needs_one(tmp_path):
    ledger = Ledger(tmp_path)
    with pytest.raises(ConfigError, match="no evaluation of this choice"):
        ledger.note_use("tda", T, {"C": 1}, "robustness")
    ledger.touch("tda", T, {"C": 1})
    for purpose in ("robustness", "robustness", "explanation"):
        ledger.note_use("tda", T, {"C": 1}, purpose)
    (entry,) = ledger.entries()
    assert {purpose: use["times"] for purpose, use in entry["further_uses"].items()} == {
        "robustness": 2,
        "explanation": 1,
    }
    # Looking again for another question is no second choice.
    assert ledger.touch("tda", T, {"C": 1}).number == 1
