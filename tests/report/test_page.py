"""The page: all of its parts, nothing from outside, nothing unescaped; and what it says where something is missing."""

import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from tdaflow.report.page import report_page, with_code
from tdaflow.report.run_data import RunData
from tdaflow.report.section_evaluation import read_results
from tdaflow.report.section_run import run_section
from tdaflow.report.section_sweep import read_sweep
from tdaflow.store import RunFolder

SCRIPT = "<script>alert(1)</script>"


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


def test_it_has_every_section_and_the_methods_five_figures(page):
    anchors = re.findall(r'<section id="([^"]+)"', page)

    assert anchors == ["run", "volume", "classes", "evaluation", "sweep", "robustness", "explanation", "details"]
    assert figures(page) == ["1", "2", "3", "4", "5", "6", "7", "8"]


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


def test_without_evaluation_or_sweep_it_names_the_commands(page):
    assert "<code>tdaflow evaluate RUN</code>" in page
    assert "<code>tdaflow sweep RUN</code>" in page


def test_with_evaluation_and_sweep_it_shows_them(evaluated_run):
    page = report_page(RunData(evaluated_run))

    assert figures(page)[-4:] == ["9", "10", "11", "12"]
    text = Parts(page).text
    assert "small: test split" in text
    assert "95 % bootstrap interval" in text
    assert "The framed cell was chosen" in text
    assert "arctan" in text
    assert SCRIPT not in page


def test_results_that_cannot_be_read_are_a_sentence(tmp_path):
    (tmp_path / "results.json").write_text('{"rows": [{"no": 1}]}')

    assert "--rebuild" in read_results(tmp_path / "results.json")
    assert "tdaflow evaluate" in read_results(tmp_path / "nothing.json")


def test_a_sweep_is_read_up_to_what_is_damaged(evaluated_run, tmp_path):
    lines, choice = read_sweep(evaluated_run / "sweep")

    assert len(lines) == 5
    assert choice == {"overrides": {"images.epsilon": 0.95}, "subset": "alpha H1"}
    assert read_sweep(tmp_path / "none") == ([], None)


def test_an_unfinished_run_has_a_report_that_says_so(run_copy):
    shutil.rmtree(run_copy / "features.zarr")

    page = report_page(RunData(run_copy))

    assert "no persistence images yet" in page
    assert figures(page) == ["1", "2", "3", "4"]


def test_without_its_volumes_a_run_still_has_a_report(run_copy):
    shutil.rmtree(run_copy / "volumes.zarr")
    shutil.rmtree(run_copy / "diagrams.zarr")

    page = report_page(RunData(run_copy))

    assert "Figures 1 to 4 are left out" in page
    assert figures(page)[0] == "5"


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
