"""The page: all of its parts, nothing from outside, nothing unescaped; and what it says where something is missing."""

import html
import json
import re
import shlex
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from typer.testing import CliRunner

from tdaflow.cli.app import app
from tdaflow.report.page import report_page, with_code
from tdaflow.report.run_data import RunData
from tdaflow.report.section_classes import classes_section
from tdaflow.report.section_evaluation import evaluation_section, read_evaluations, read_results
from tdaflow.report.section_run import run_section
from tdaflow.report.section_sweep import read_sweep
from tdaflow.store import RunFolder

SCRIPT = "<script>alert(1)</script>"
NAMES = (f"{SCRIPT}$x", "a & b")


class Parts(HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def page(finished_run) -> str:
    return report_page(RunData(finished_run))


def figures(page: str) -> list[str]:
    return re.findall(r'<figure id="figure-([^"]+)">', page)


def through(page: str) -> list[str]:
    return [str(n) for n in range(1, len(figures(page)) + 1)]


def test_its_figures_are_numbered_through_and_what_was_not_made_has_no_section(page):
    anchors = re.findall(r'<section id="([^"]+)"', page)

    assert anchors == ["classes", "volume", "run", "methods", "details"]
    assert figures(page) == through(page)
    assert len(figures(page)) == 7


def test_it_refers_to_nothing_outside_itself(page):
    parts = Parts(page)

    for tag, attributes in parts.tags:
        assert tag not in ("script", "iframe", "object", "embed")
        for name in ("src", "href", "xlink:href", "srcset", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, name, value)
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_it_is_small(page):
    assert len(page.encode()) < 5_000_000


def test_what_comes_from_data_is_escaped(page):
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;23" in page


def test_every_figure_has_a_caption_and_words_in_place_of_it(page):
    parts = Parts(page)

    drawings = [a for tag, a in parts.tags if a.get("role") == "img"]
    assert len(drawings) == len(figures(page)) == len(re.findall("<figcaption>", page))
    assert all(len(a["aria-label"] or "") > 20 for a in drawings)


def test_ids_are_unique(page):
    ids = [a["id"] for _, a in Parts(page).tags if "id" in a]

    assert len(set(ids)) == len(ids)


def test_it_says_what_ran_and_what_was_left_out(page):
    text = Parts(page).text

    assert "quarantined" in text
    assert "NaN" in text
    assert "23 of 24" in text
    for word in ("σ", "Timings", "superpixels+persistence", "numpy", "Volumes by class and split", "n_superpixels"):
        assert word in text


def test_it_says_how_significance_was_tested(page):
    assert "max-T" in Parts(page).text


def test_the_commands_that_it_names_work(page, finished_run, tmp_path, monkeypatch):
    commands = dict.fromkeys(html.unescape(found) for found in re.findall(r"<code>(tdaflow [^<]+)</code>", page))
    monkeypatch.chdir(tmp_path)
    verbs = set()
    for command in commands:
        program, verb, run, *options = shlex.split(command)
        verbs.add(verb)
        assert (program, run) == ("tdaflow", str(finished_run))
        if verb in ("inspect", "report"):
            more = ["--out", str(tmp_path / f"{verb}.made")]
            assert CliRunner().invoke(app, [verb, run, *options, *more]).exit_code == 0, command
            assert (tmp_path / f"{verb}.made").stat().st_size > 0
    assert {"evaluate", "sweep", "distances", "inspect", "report"} <= verbs


def test_the_page_shows_scans_or_none_and_says_which(finished_run, page):
    without = report_page(RunData(finished_run, scans=False))

    assert re.search(r'<p class="scans">This page shows slices of \d+ scans \(', page)
    assert '<p class="scans">This page shows no scan' in without
    # Slices, superpixels, point cloud and outliers.
    assert len(figures(page)) - len(figures(without)) == 4
    assert figures(without) == through(without)


def test_a_volume_without_orientation_has_no_letters(page):
    assert "Orientation unknown: slices along z as stored" in page
    assert "as stored where no letters stand" in page


def test_it_is_called_as_the_cohort(run_copy):
    assert "<h1>stack</h1>" not in report_page(RunData(run_copy))
    state = json.loads((run_copy / "run.json").read_text())
    for given, shown in (({"source": "manifest"}, "run"), ({"source": "COPD trial"}, "COPD trial")):
        state["source"] |= given
        RunFolder(run_copy).write(state)
        assert f"<h1>{shown}</h1>" in report_page(RunData(run_copy))


def test_it_has_a_text_for_a_paper(page):
    text = Parts(page).text

    assert "Persistent homology was computed with tdaflow" in text
    assert "CLAIM 20" in text
    assert "train 16" in text


def test_with_evaluation_and_sweep_it_shows_them(evaluated_run):
    page = report_page(RunData(evaluated_run))

    assert figures(page) == through(page)
    text = Parts(page).text
    assert "small: test split (12 volumes, patients unknown)" in text
    assert "On the test split (12 volumes, patients unknown) method" in text
    assert "12 volumes, patients unknown are few" in text
    assert "No volume of 12 is decided wrongly by method" in text
    # Twelve volumes have no curve of reliability.
    assert "Calibration of the predicted confidence" not in text
    assert "95 % bootstrap interval" in text
    assert "The framed cell was chosen" in text
    assert "arctan" in text
    assert SCRIPT not in page


def test_of_many_channels_those_with_the_clearest_differences_are_shown(finished_run, monkeypatch):
    monkeypatch.setattr("tdaflow.report.section_classes._CHANNELS", 2)
    run = RunData(finished_run)

    section = classes_section(run)

    assert "The 2 of 3 channels with the clearest differences are shown" in section.items[0].caption


def test_the_difference_is_that_of_the_positive_class(finished_run):
    run = RunData(finished_run)

    first, second = (classes_section(run, name).items[0].caption for name in run.class_names)

    a, b = run.class_names
    assert f"right: {a} − {b}." in first
    assert f"right: {b} − {a}." in second


def test_wrong_cases_are_listed_the_surest_first_with_their_scans(evaluated_run):
    from tdaflow.evaluation import EvaluationFolder, summarise, write_results

    folder = EvaluationFolder(evaluated_run)
    ids = RunData(evaluated_run).column("id")[:20]
    wrong = np.full(20, 0.1)
    wrong[[12, 14]] = (0.7, 0.9)  # of class 0
    values = np.where(folder.predictions()[0].labels == 0, wrong, 0.9)
    made = replace(
        folder.predictions()[0], ids=ids.astype(str), probabilities={0: np.column_stack([1 - values, values])}
    )
    folder.save(made)
    write_results(summarise([made], n_resamples=50), folder.path)
    run = RunData(evaluated_run)

    section = evaluation_section(run, *read_evaluations(run))

    *_, figure, table = section.items
    assert figure.scans == (ids[14], ids[12])
    assert "2 of 2 wrong among 12" in figure.caption
    assert table.rows == [(ids[14], NAMES[0], NAMES[1], "0.900"), (ids[12], NAMES[0], NAMES[1], "0.700")]
    hidden = RunData(evaluated_run, scans=False)
    assert evaluation_section(hidden, *read_evaluations(hidden)).items[-1] == table


def test_results_that_cannot_be_read_are_a_sentence(tmp_path):
    (tmp_path / "results.json").write_text('{"rows": [{"no": 1}]}')

    assert "--rebuild" in read_results(tmp_path / "results.json")


def test_tables_that_are_older_than_the_predictions_are_made_anew(evaluated_run):
    from tdaflow.evaluation import EvaluationFolder

    folder = EvaluationFolder(evaluated_run)
    run = RunData(evaluated_run)
    ((before,), _) = read_evaluations(run)
    assert (before.remark, before.results.positive) == ("", NAMES[1])

    folder.save(replace(folder.predictions()[0], method="another", kind="baseline"))

    ((after,), _) = read_evaluations(run)
    assert "made anew here" in after.remark
    assert f"tdaflow evaluate {evaluated_run} --rebuild" in after.remark
    assert set(after.results.confusion) == {before.first.method, "another"}
    assert "made anew here" in Parts(report_page(run)).text


def test_a_sweep_is_read_up_to_what_is_damaged(evaluated_run, tmp_path):
    lines, choice = read_sweep(evaluated_run / "sweep")

    assert len(lines) == 5
    assert choice == {"overrides": {"images.epsilon": 0.95}, "subset": "alpha H1"}
    assert read_sweep(tmp_path / "none") == ([], None)


def test_an_unfinished_run_has_a_report_that_says_so(run_copy):
    shutil.rmtree(run_copy / "features.zarr")

    page = report_page(RunData(run_copy))

    assert "The run has not come to its end" in page
    assert figures(page) == ["1", "2", "3", "4"]


def test_without_its_volumes_a_run_still_has_a_report(run_copy):
    shutil.rmtree(run_copy / "volumes.zarr")
    shutil.rmtree(run_copy / "diagrams.zarr")

    page = report_page(RunData(run_copy))

    assert "This page shows no scan" in page
    assert figures(page) == ["1", "2"]


def test_volumes_without_labels_are_shown_without_classes(run_copy):
    import zarr

    zarr.open_array(run_copy / "features.zarr" / "label", mode="r+")[:] = -1

    page = report_page(RunData(run_copy))

    assert "no labels, so there is nothing to compare" in page
    assert "Persistence images of some volumes" in page


def test_many_left_out_volumes_are_cut(run_copy):
    state = json.loads((run_copy / "run.json").read_text())
    state["quarantined"] = {f"bad-{i}": SCRIPT for i in range(1000)}
    RunFolder(run_copy).write(state)

    section = run_section(RunData(run_copy))

    (table,) = [item for item in section.items if getattr(item, "title", "") == "Volumes that were left out"]
    assert len(table.rows) == 201
    assert table.rows[-1][0] == "and 800 more"


def test_code_in_sentences_is_escaped_too():
    assert with_code("use `a < b` & c") == "use <code>a &lt; b</code> &amp; c"
    assert with_code("one ` alone <b>") == "one ` alone &lt;b&gt;"
