"""``tdaflow config``."""

import json
import sys
import tomllib

import pytest

from tdaflow.cli import main


@pytest.fixture
def call(monkeypatch, capsys):
    """Exit code, stdout and stderr of a command line."""

    def run(*words):
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr(sys, "argv", ["tdaflow", "config", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code, *capsys.readouterr()

    return run


def test_the_reference_fits_a_terminal_of_80_columns(call):
    code, text, _ = call()
    assert code == 0
    assert "images.epsilon = 0.95" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_workflow_is_resolved_with_what_is_set(call):
    code, text, _ = call("quickstart", "--set", "images.epsilon=0.9", "--set", "preset=adams")
    assert code == 0
    told = tomllib.loads(text)
    assert (told["preset"], told["images"]["epsilon"], told["images"]["weight"]) == ("adams", 0.9, "linear")
    assert told["data"]["kind"] == "phantoms"


def test_what_is_printed_is_a_configuration(call, tmp_path):
    assert call("quickstart", "--out", tmp_path / "run.toml")[0] == 0
    code, text, _ = call(tmp_path / "run.toml")
    assert code == 0
    assert text == (tmp_path / "run.toml").read_text(encoding="utf-8")


def test_the_schema_is_json(call):
    code, text, _ = call("--json-schema")
    assert code == 0
    assert set(json.loads(text)["properties"]) >= {"data", "images", "run"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "images.epsilon=0.9"], "--set and --data need a configuration"),
        (["quickstart", "--json-schema"], "leave out quickstart"),
        (["quickstart", "--set", "images.epsilonn=1"], "did you mean 'images.epsilon'?"),
        (["quickstar"], "there is no file quickstar and no workflow of that name"),
        (["--out", "/nowhere/file"], "cannot be written"),
    ],
)
def test_what_cannot_be_is_one_sentence(call, words, message):
    code, _, told = call(*words)
    assert code == 2
    assert message in told
