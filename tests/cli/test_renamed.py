"""A former name of a verb or option is refused with one sentence that gives the new one."""

import sys

import pytest

from tdaflow.cli import main


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["tables"], "`tdaflow tables` is called `tdaflow reproduce` now"),
        (["evaluate", "RUN", "--again"], "the option --again is called --allow-second-test now"),
        (["baselines", "RUN", "--again"], "the option --again is called --allow-second-test now"),
        (["evaluate", "RUN", "--fuse", "all"], "the option --fuse is called --late-fusion now"),
    ],
)
def test_a_former_name_gives_the_new_one(typed, sentence, monkeypatch, capsys):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["tdaflow", *typed])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
