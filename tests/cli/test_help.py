"""Help pages: what is typed first, verbs in the order of the work, an example of each that the program takes."""

import shlex

import pytest
import typer

from tdaflow.cli.app import app

ROOT = typer.main.get_command(app)


def verbs(group, *before):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from verbs(command, *before, name)
        else:
            yield (*before, name), command


VERBS = dict(verbs(ROOT))


def test_tdaflow_alone_says_what_to_do_first(tdaflow):
    shown = tdaflow()
    assert shown.code == 0
    assert shown.err == ""
    typed = [line.split()[1] for line in shown.out.splitlines() if line.startswith("  tdaflow")]
    assert typed == ["run", "check", "try", "predict", "--help"]


def test_a_group_of_verbs_alone_shows_them(tdaflow):
    shown = tdaflow("pinet")
    assert (shown.code, shown.err) == (0, "")
    assert "train" in shown.out


def test_verbs_are_in_the_order_of_the_work():
    names = list(ROOT.commands)
    in_order = ["try", "check", "plan", "run", "status", "report", "evaluate", "predict"]
    assert sorted(in_order, key=names.index) == in_order


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_help_page_has_an_example_that_is_taken(verb):
    command, root = VERBS[verb], typer.Context(ROOT, info_name="tdaflow")
    examples = [line.strip() for line in command.help.splitlines() if line.strip().startswith("tdaflow ")]
    assert any(example.split()[1:][: len(verb)] == list(verb) for example in examples), f"tdaflow {' '.join(verb)}"
    for example in examples:
        words = shlex.split(example)[1:]
        name = next(name for name in VERBS if tuple(words[: len(name)]) == name)
        VERBS[name].make_context(" ".join(name), words[len(name) :], parent=root)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["status"], "Missing argument 'RUN'; `tdaflow status --help` shows how"),
        (["pinet", "train"], "`tdaflow pinet train --help` shows how"),
        (["nothing"], "`tdaflow --help` shows how"),
    ],
)
def test_what_is_wrong_with_a_command_line_ends_with_the_help_to_ask_for(tdaflow, typed, told):
    ended = tdaflow(*typed)
    assert ended.code == 2
    assert told in ended.sentence


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_verbs(tdaflow, shell, monkeypatch):
    # In a process of its own the variable is read before anything else.
    monkeypatch.setenv("_TDAFLOW_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("COMP_WORDS", "tdaflow ingest")
    monkeypatch.setenv("COMP_CWORD", "1")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "tdaflow inge")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    assert "ingest" in tdaflow().out
