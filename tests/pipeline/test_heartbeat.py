"""A run shows that it lives, also in the middle of a batch; nothing is written before it began or after it ended."""

import json
import threading
import time

import pytest

from tdaflow.pipeline import InProcess, RunState, Silent, read_status, run
from tdaflow.pipeline.monitor import heartbeat
from tdaflow.pipeline.stages import diagrams

DIAGRAMS = "superpixels+persistence"
WORKER = {
    "name": "w", "host": "h", "threads": 1, "tasks": 2, "memory": 3, "memory_limit": 0, "cpu": 4.0, "seen": 5.0,
}  # fmt: skip


class Listed(InProcess):
    """A loop that says that it has a worker."""

    def list_workers(self):
        return [WORKER]


@pytest.fixture
def quick(monkeypatch):
    """Beat fast."""
    monkeypatch.setattr("tdaflow.pipeline.monitor._BEAT", 0.01)


def wait_for(ready):
    end = time.monotonic() + 30
    while not ready():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def test_the_heartbeat_moves_and_the_workers_are_listed_while_one_batch_is_at_work(
    settings, folder, monkeypatch, quick
):
    computed, seen = diagrams.volume_diagrams, []

    def watched(volume, *arguments):
        if not seen:
            before = folder.read()["holder"]["heartbeat"]
            wait_for(lambda: folder.read()["holder"]["heartbeat"] > before and folder.read()["workers"])
            seen.append(read_status(folder))
        return computed(volume, *arguments)

    monkeypatch.setattr(diagrams, "volume_diagrams", watched)
    run(settings(), folder, Listed(), Silent())
    (status,) = seen
    assert status["state"] == "running"
    assert status["heartbeat_age"] < 30
    (worker,) = status["workers"]
    assert worker.items() > WORKER.items()
    counts = status["stages"][DIAGRAMS]
    assert (counts["state"], counts["rate"], counts["eta_seconds"]) == ("running", None, None)
    assert counts["last_batch_age"] is None
    assert [stage["state"] for stage in status["stages"].values()] == ["done", "running", "waiting", "waiting"]
    ended = read_status(folder)
    assert ended["workers"] == []
    assert {stage["state"] for stage in ended["stages"].values()} == {"done"}


def test_the_rate_and_the_time_left_follow_from_the_batches_that_are_done(settings, folder):
    state = RunState(folder, {}, engine=InProcess().describe())
    folder.create()
    counts = state.stages[DIAGRAMS]
    counts.begin()
    counts.total, counts.done, counts.computed, counts.reused = 100, 30, 20, 10
    counts.batch_finished()
    counts.seconds = 5.0
    with folder.locked():
        state.save()
        pace = read_status(folder)["stages"][DIAGRAMS]
    assert pace["rate"] == 4.0
    assert pace["left"] == 70
    assert pace["eta_seconds"] + pace["last_batch_age"] == pytest.approx(17.5)


def test_a_scheduler_that_does_not_answer_stops_no_heartbeat(folder, quick, monkeypatch):
    monkeypatch.setattr("tdaflow.pipeline.monitor._PATIENCE", 0.1)
    answers = threading.Event()

    class Hanging(InProcess):
        def list_workers(self):
            answers.wait(30)
            return []

    folder.create()
    state = RunState(folder, {})
    state.save()
    with heartbeat(state, Hanging(), print):
        before = folder.read()["holder"]["heartbeat"]
        wait_for(lambda: folder.read()["holder"]["heartbeat"] > before)
    answers.set()


def test_nothing_is_written_before_a_run_has_begun_nor_after_it_ended(folder, quick):
    folder.create()
    state = RunState(folder, {})
    with heartbeat(state, InProcess(), print):
        time.sleep(0.1)
        assert not folder.run_json.exists()
        state.outcomes = {"v0": "ok"}
        state.finish("done")
        last = folder.run_json.read_text()
        time.sleep(0.1)
    assert folder.run_json.read_text() == last
    assert json.loads(last)["outcomes"] == {"v0": "ok"}


def test_a_beat_that_fails_ends_neither_the_run_nor_the_heartbeat(folder, quick):
    class Lost(InProcess):
        def list_workers(self):
            raise OSError("the scheduler is gone")

    folder.create()
    state = RunState(folder, {})
    state.save()
    with heartbeat(state, Lost(), print):
        before = folder.read()["holder"]["heartbeat"]
        wait_for(lambda: folder.read()["holder"]["heartbeat"] > before)


def test_a_run_on_another_machine_lives_as_long_as_its_heartbeat_is_fresh(folder):
    folder.create()
    RunState(folder, {}).save()
    state = folder.read()
    for host, age, expected in (("elsewhere", 5, "running"), ("elsewhere", 300, "interrupted")):
        state["holder"] = {"host": host, "pid": 1, "heartbeat": time.time() - age}
        folder.write(state)
        assert read_status(folder)["state"] == expected


class Leaving(InProcess):
    """A loop whose workers come, go for a moment, and then go for good."""

    def __init__(self):
        self.asked = 0

    def list_workers(self):
        self.asked += 1
        return [WORKER] if self.asked in (2, 4) else []


def test_workers_that_have_all_gone_are_noticed_once_and_a_moment_without_them_is_not(folder, monkeypatch, quick):
    monkeypatch.setattr("tdaflow.pipeline.monitor._ASK_SECONDS", 0.0)
    folder.create()
    engine, said = Leaving(), []
    with heartbeat(RunState(folder, {}), engine, lambda text: said.append((engine.asked, text))):
        wait_for(lambda: engine.asked >= 9)
    [(asked, text)] = said
    assert asked == 6
    assert text.startswith("all workers have gone, so the run waits; start others where they came from")


def test_workers_in_jobs_that_have_all_gone_are_asked_for_anew(folder, monkeypatch, quick):
    class InJobs(Leaving):
        def describe(self):
            return {"name": "slurm", "jobs": {}}

    monkeypatch.setattr("tdaflow.pipeline.monitor._ASK_SECONDS", 0.0)
    folder.create()
    said = []
    with heartbeat(RunState(folder, {}), InJobs(), said.append):
        wait_for(lambda: said)
    assert said[0].startswith("all workers have gone; new jobs are asked for, and the run goes on")
