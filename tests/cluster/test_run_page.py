"""The page about a run: it answers while the run works, says what run.json says, and shows others' text as text."""

import json
import shutil
import subprocess
from collections import deque
from dataclasses import dataclass
from types import SimpleNamespace
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdaflow.cluster import cluster_spec, connect, on_demand
from tdaflow.cluster import run_page as module
from tdaflow.config import RunConfig
from tdaflow.pipeline import RunState, Silent, run
from tdaflow.pipeline.monitor import live_status
from tdaflow.store import RunFolder

EVIL = "</script><img src=x onerror=alert(1)>\u202e\x1b[31m"
COUNTS = ("total", "done", "computed", "reused", "quarantined", "failed", "left", "seconds", "began", "last_batch")


def asked(engine):
    with urlopen(engine.describe()["page"] + "/state.json", timeout=30) as answer:
        return json.loads(answer.read())


@pytest.fixture
def config():
    return RunConfig.model_validate(
        {
            "data": {"kind": "phantoms", "n_volumes": 8, "shape": [16, 16, 16], "kinds": ["ball", "shell"]},
            "superpixels": {"n_superpixels": 40},
            "filtrations": {"alpha": {}},
            "images": {"resolution": 4},
            "run": {"batch": 2},
        }
    )


class Asks(Silent):
    """Asks the page whenever something is done."""

    def __init__(self, engine):
        self.engine, self.answers = engine, []

    def advanced(self, stage, volumes):
        self.answers.append((stage, asked(self.engine)))


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_it_answers_while_a_run_works_and_says_at_the_end_what_run_json_says(kind, config, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_FRESH_SECONDS", -1.0)
    folder = RunFolder(tmp_path / "run")
    with connect(cluster_spec(kind=kind, workers=2, dashboard="127.0.0.1:0")) as engine:
        assert asked(engine)["run"] is None
        asks = Asks(engine)
        run(config, folder, engine, asks)
        last = asked(engine)
    during = [told["run"]["stages"][stage] for stage, told in asks.answers if stage == "superpixels+persistence"]
    assert [(each["total"], each["done"], each["left"]) for each in during] == [
        (8, 2, 6), (8, 4, 4), (8, 6, 2), (8, 8, 0),
    ]  # fmt: skip
    assert {told["run"]["state"] for _, told in asks.answers} == {"running"}
    written = folder.read()
    assert last["run"]["state"] == written["state"] == "done"
    for name, counts in written["stages"].items():
        assert {count: last["run"]["stages"][name][count] for count in COUNTS} == {c: counts[c] for c in COUNTS}
    assert len(last["run"]["slowest"]) == 8
    diagrams = last["tasks"]["diagrams"]
    assert sum(worker["volumes"] for worker in diagrams["workers"]) == 8
    assert sum(diagrams["rates"]) * diagrams["span_seconds"] == 8
    assert 0 < diagrams["median_seconds"] < 60


def test_its_address_is_in_the_first_line_of_a_run(config, tmp_path):
    lines = []
    with on_demand(cluster_spec(kind="threads", workers=1, dashboard="127.0.0.1:0"), lines.append) as engine:
        assert engine.workers == 1
        page = engine.describe()["page"]
    assert lines[0] == f"dashboard: {page.replace('/tdaflow', '/status')}, this run as a whole: {page}"


def test_tasks_that_fail_or_are_given_up_are_forgotten(wait_for):
    with connect(cluster_spec(kind="threads", workers=1, dashboard="127.0.0.1:0")) as engine:
        page = engine._page
        tasks = deque(SimpleNamespace(key=f"{i:08d}", n_volumes=3, fails=i == 0) for i in range(12))
        for done in (finished := engine.completed("some", _succeeds, tasks)):
            if done.error is None:
                break
        finished.close()
        wait_for(lambda: not page._expected)
        told = asked(engine)["tasks"]["some"]
        assert page._tallies["some"].n_at_work == 0
    assert 3 <= told["workers"][0]["volumes"] <= 12
    assert told["workers"][0]["volumes"] % 3 == 0


def _succeeds(task):
    if task.fails:
        raise ValueError("no")
    return True


@dataclass
class Watch:
    """Stands for the module `time`."""

    now: float = 0.0

    def monotonic(self):
        return self.now


@given(st.lists(st.tuples(st.floats(0, 1e5), st.integers(0, 100), st.sampled_from("abc")), max_size=80))
def test_spans_of_time_hold_every_volume_however_long_it_takes(batches):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time", watch := Watch())
        tally = module._Tally()
        for seconds, volumes, worker in batches:
            watch.now += seconds
            tally.add(worker, volumes, seconds)
        told = tally.as_dict()
    n = sum(volumes for _, volumes, _ in batches)
    assert len(told["rates"]) <= 60
    assert sum(told["rates"]) * told["span_seconds"] == pytest.approx(n)
    assert sum(worker["volumes"] for worker in told["workers"]) == n


@pytest.fixture
def evil(tmp_path):
    """The state of a run with many volumes of bad names that cannot be used."""
    state = RunState(RunFolder(tmp_path / "run"), {}, engine={"name": "threads"})
    state.quarantined = {f"{EVIL}{i}": f"{EVIL * (i % 50)} {i % 30}" for i in range(20_000)}
    state.failed = {EVIL: EVIL}
    state.timed({f"{EVIL}{i}": float(i) for i in range(100)})
    return state


def test_an_answer_is_small_and_printable_however_much_went_wrong(evil):
    told = live_status(evil)
    assert len(json.dumps(told)) < 50_000
    assert told["quarantined"]["total"] == 20_000
    assert len(told["quarantined"]["reasons"]) == len(told["slowest"]) == 20
    assert told["slowest"][0]["seconds"] == 99.0
    assert told["failed"]["reasons"][0]["reason"].isprintable()


def test_text_of_others_is_shown_as_text(evil, tmp_path):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with connect(cluster_spec(kind="threads", workers=1, dashboard="127.0.0.1:0")) as engine:
        engine.show(lambda: live_status(evil))
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--enable-logging=stderr", f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=1500", "--dump-dom", engine.describe()["page"],
        ]  # fmt: skip
        found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert [line for line in found.stderr.splitlines() if ":CONSOLE" in line] == []
    assert "&lt;img src=x onerror=alert(1)&gt;" in found.stdout
    assert "<img" not in found.stdout
    assert 'role="status"></p>' in found.stdout  # where it would say that nobody answers
