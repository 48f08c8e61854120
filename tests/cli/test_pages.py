"""The pages that people read: links lead somewhere, commands are accepted, and what should run as it stands does."""

import ast
import re
import shlex
import tomllib
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import typer
from scipy.ndimage import gaussian_filter

import tdaflow as library
from tdaflow.cli.app import app
from tdaflow.cluster.local import Sync
from tdaflow.config import load_config
from tdaflow.evaluation import evaluate_nested
from tdaflow.from_scans import PROTOCOL
from tdaflow.homology import FILTRATIONS

ROOT = Path(__file__).parents[2]
FOLDERS = ("", "workflows", "workflows/tutorials", "data", "cluster", "tdaflow", "tests/benchmarks", ".github")
PAGES = {str(p.relative_to(ROOT)): p.read_text(encoding="utf-8") for f in FOLDERS for p in (ROOT / f).glob("*.md")}
FENCE = re.compile(r"^```(\S*) ?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)


def code(page: str, *languages: str) -> list[str]:
    """Fenced blocks of a page in some languages."""
    return [text for language, _, text in FENCE.findall(PAGES[page]) if language in languages]


def commands(page: str) -> list[str]:
    """What follows a "tdaflow" in its fenced blocks, up to a pipe or another command."""
    lines = [line.partition("  #")[0] for text in code(page, "", "bash") for line in text.splitlines()]
    return _of_tdaflow(lines)


def mentions(page: str) -> list[str]:
    """The same of its inline code, which may leave out what has to be given."""
    text = FENCE.sub("", PAGES[page]).replace("\n", " ").replace("\\|", "/")
    return _of_tdaflow(re.findall(r"`(tdaflow [a-z][^`]*)`", text))


def _of_tdaflow(lines: list[str]) -> list[str]:
    found = {c.strip() for line in lines for c in re.findall(r"(?<![\w./-])tdaflow( +[a-z][^|;&']*)", line)}
    return sorted(command for command in found if "…" not in command)


def anchors(page: str) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", PAGES[page]), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_lead_to_files_and_headings_that_are_there(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", PAGES[page])):
        name, _, anchor = link.partition("#")
        if "://" in name or name.startswith("mailto:"):
            continue
        there = (ROOT / page).parent / name if name else ROOT / page
        assert there.exists(), link
        if anchor:
            assert anchor in anchors(str(there.resolve().relative_to(ROOT))), link


def parse(command: str) -> None:
    """Give a command to the parser of the command line; nothing is run."""
    program = typer.main.get_command(app)
    context = program.make_context("tdaflow", shlex.split(command))
    while hasattr(context.command, "resolve_command"):
        name, verb, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
        context = verb.make_context(name, rest, parent=context)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_is_accepted_by_the_command_line(page):
    for command in commands(page):
        parse(command)
    for command in mentions(page):
        try:
            parse(command.replace("[", "").replace("]", ""))
        except Exception as error:
            if type(error).__name__ != "MissingParameter":
                raise


@pytest.mark.parametrize("page", PAGES)
def test_python_and_configurations_of_a_page_are_sound(page):
    for text in code(page, "python", "{code-cell}"):
        ast.parse(text)
    for language, title, text in FENCE.findall(PAGES[page]):
        if language == "toml" and title.startswith("title="):
            load_config(None, (), tables=tomllib.loads(text))


def test_the_citation_is_of_this_version():
    assert f"version: {library.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A working folder with scans, labels and scans of later, as the README names them."""
    nibabel = pytest.importorskip("nibabel")
    rng = np.random.default_rng(0)
    rows = ["scan,diagnosis"]
    for number in range(18):
        folder = tmp_path / ("scans" if number < 16 else "new-scans")
        folder.mkdir(exist_ok=True)
        voxels = 400 * gaussian_filter(rng.standard_normal((12, 13, 14)), 1.0 + number % 2)
        nibabel.save(nibabel.Nifti1Image(voxels.astype(np.int16), np.eye(4)), folder / f"s{number}.nii.gz")
        rows += [f"s{number}.nii.gz,{('healthy', 'ill')[number % 2]}"] if number < 16 else []
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.timeout(600)  # for a machine that is busy
def test_the_readme_runs_as_it_stands(here, tdaflow, monkeypatch):
    pytest.importorskip("matplotlib")
    # Few and small features, two candidates and no threads, for time.
    small = {"filtrations": {"alpha": {}, "cubical": {}}, "superpixels": {"n_superpixels": 60}}
    monkeypatch.setattr("tdaflow.from_scans._features", lambda largest, say: {**small, "images": {"resolution": 5}})
    monkeypatch.setattr("tdaflow.from_scans.PROTOCOL", replace(PROTOCOL, classifiers=("committee",)))
    monkeypatch.setattr("tdaflow.from_scans.evaluate_nested", partial(evaluate_nested, n_resamples=100))
    monkeypatch.setattr("tdaflow.api.read_spec", lambda *_: Sync(kind="sync"))
    quickstart = {"data.n_volumes": 2, "superpixels.n_superpixels": 60}
    library.run("quickstart", out="runs/quickstart", set=quickstart, progress=False)
    names: dict[str, object] = {}
    for block in code("README.md", "python"):
        exec(compile(block, "README.md", "exec"), names)
    assert len(names["predicted"]) == 2
    assert names["images"].sizes["volume"] == 16
    for verb in ("check", "try", "predict"):
        (command,) = [c for c in commands("README.md") if c.startswith(f"{verb} ")]
        ended = tdaflow(*shlex.split(command), *(() if verb == "check" else ("--cluster", "sync")))
        assert ended.code == 0, f"{command}\n{ended.out}{ended.err}"
    assert (here / "predictions.csv").read_text().count("\n") == 3


def test_the_filtration_of_ones_own_runs_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    try:
        for block in code("workflows/tutorials/own-filtration.md", "python"):
            exec(compile(block, "own-filtration.md", "exec"), names)
    finally:
        FILTRATIONS.pop("texture", None)
    assert names["diagram"].metadata["filtration"] == "texture-sublevel"
    assert names["features"].shape[0] == names["run"].features.sizes["volume"] == 4
