"""Workers are started by the work that needs them: after the input was checked, and never for nothing."""

import pytest

from tdaflow.errors import ConfigError, InputError
from tdaflow.pipeline import InProcess, OnDemand, Silent, jobs_sentence, run
from tdaflow.pipeline.stages import diagrams


class Said(Silent):
    """Keeps what it is told."""

    def __init__(self):
        self.lines = []

    def message(self, text):
        self.lines.append(text)


@pytest.fixture
def engine():
    """Make an engine; `started` counts how often it was started."""

    def make(start=InProcess):
        def begin(say):
            made.started += 1
            say("started")
            return start()

        made = OnDemand("some", begin, lambda _: None)
        made.started = 0
        return made

    return make


def test_a_run_starts_its_workers_once_and_a_finished_one_not_at_all(settings, folder, engine):
    first, said = engine(), Said()
    state = run(settings(), folder, first, said)
    assert (first.started, state.engine["workers"]) == (1, 1)
    assert "started" in said.lines
    second = engine()
    state = run(settings(), folder, second, Silent())
    assert (second.started, state.engine) == (0, {"name": "some", "workers": None, "dashboard": None})


def test_a_source_that_cannot_be_read_starts_nothing(settings, folder, engine, tmp_path):
    unused = engine()
    with pytest.raises((InputError, ConfigError)):
        run(settings(data={"kind": "nifti", "path": str(tmp_path / "none")}), folder, unused, Silent())
    assert unused.started == 0


def test_kernels_are_compiled_before_workers_are_asked_for(settings, folder, engine, monkeypatch):
    order = []
    monkeypatch.setattr(diagrams, "compile_kernels", lambda _: order.append("compiled"))
    monkeypatch.setattr(OnDemand, "workers", property(lambda _: order.append("asked") or 1))
    run(settings(), folder, engine(), Silent())
    assert order[0] == "compiled"
    assert "asked" in order


def test_looking_at_it_does_not_start_it(engine):
    watched = engine()
    assert watched.list_workers() == []
    assert watched.describe()["name"] == "some"
    assert watched.started == 0


def test_jobs_are_counted_in_words():
    jobs = {"wanted": 3, "running": 1, "pending": {"Resources": 1, "Priority": 1}, "since": 100.0}
    assert jobs_sentence(jobs) == "1 of 3 jobs run, 1 pending (Resources), 1 pending (Priority)"
    assert jobs_sentence(jobs, 165.0).endswith(", for 0:01:05")
    assert jobs_sentence({"wanted": 0, "running": 0, "pending": {}, "since": 0.0}) == "0 of 0 jobs run"
