"""``plan`` computes a sample and writes nothing; ``status`` tells how far a run has come."""

import json
import subprocess
import sys
import time

from tdaflow.store import RunFolder

COUNTS = {"done", "computed", "reused", "quarantined", "failed", "left", "total", "seconds"}
PACE = {"state", "began", "last_batch", "rate", "eta_seconds", "last_batch_age"}


def test_plan_says_what_would_run_and_writes_nothing(tdaflow, config, tmp_path, monkeypatch):
    path = config()
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    ended = tdaflow("plan", path, "--workers", "2")
    assert ended.code == 0
    assert sorted(tmp_path.rglob("*")) == before
    for told in ("6 volumes, 12×12×12 float32", "3 of 2 volumes", "alpha H0, alpha H1, alpha H2", "memory a worker"):
        assert told in ended.out
    assert "all volumes (no labels used)" in ended.out


def test_plan_of_a_store_needs_no_source(tdaflow, config, tmp_path):
    tdaflow("ingest", config(), "--out", tmp_path / "run")
    (tmp_path / "stored.toml").write_text(f'[data]\nstore = "{tmp_path / "run" / "volumes.zarr"}"\n')
    ended = tdaflow("plan", tmp_path / "stored.toml", "--set", "superpixels.n_superpixels=40")
    assert ended.code == 0
    assert "6 volumes" in ended.out


def test_status_json_counts_every_stage(tdaflow, config, tmp_path):
    tdaflow("run", config(nan=1), "--out", tmp_path / "run")
    ended = tdaflow("status", tmp_path / "run", "--json")
    assert ended.code == 0
    status = json.loads(ended.out)
    assert status["state"] == "done"
    assert list(status["stages"]) == ["ingest", "superpixels+persistence", "ranges", "images"]
    for counts in status["stages"].values():
        assert counts.keys() == COUNTS | PACE
        assert counts["state"] == "done"
        assert counts["done"] == counts["computed"] + counts["reused"]
        assert counts["left"] == 0
    assert (status["stages"]["ingest"]["total"], status["stages"]["ingest"]["quarantined"]) == (6, 1)
    assert len(status["quarantined"]) == 1
    assert status["workers"] == []
    assert 0 <= status["heartbeat_age"] < 300
    assert status["ranges"]["alpha/2"]["sigma"] > 0


def test_status_is_also_for_people(tdaflow, config, tmp_path):
    tdaflow("run", config(nan=1), "--out", tmp_path / "run")
    shown = tdaflow("status", tmp_path / "run").out
    for told in ("done", "superpixels+persistence", "quarantined: stack/00000: 1 NaN"):
        assert told in shown


def test_status_of_a_run_at_work_says_how_fast_it_goes_what_is_left_and_who_works(tdaflow, config, tmp_path):
    tdaflow("run", config(), "--out", tmp_path / "run")
    folder, now = RunFolder(tmp_path / "run"), time.time()
    state = folder.read()
    state["state"] = "running"
    server = "http://127.0.0.1:8787"
    state["engine"] = {"name": "processes", "workers": 30, "dashboard": f"{server}/status", "page": f"{server}/tdaflow"}
    state["holder"]["heartbeat"] = now - 3
    state["stages"]["superpixels+persistence"].update(
        done=40, computed=40, left=60, total=100, seconds=10.0, began=now - 15, last_batch=now - 5
    )
    for stage in ("ranges", "images"):
        state["stages"][stage].update(done=0, computed=0, left=0, total=0, seconds=0.0, began=None, last_batch=None)
    worker = {"host": "node01", "threads": 1, "tasks": 2, "memory": 2e9, "memory_limit": 4e9, "cpu": 99.0}
    state["workers"] = [{**worker, "name": f"w{i}", "seen": now - (100 if i == 29 else 1)} for i in range(30)]
    folder.write(state)
    with folder.locked():
        shown = tdaflow("status", folder.path).out
    for told in (
        "running on processes, pid",
        "heartbeat 3 s ago",
        f"dashboard: {server}/status, this run as a whole: {server}/tdaflow",
        "superpixels+persistence: last batch finished 5 s ago, about 10 s left",
        "30 workers, 1 silent for more than 30 s; the 20 that were silent longest",
        "2.0 GB of 4.0 GB",
        "0:01:40 ago",
        "waiting",
    ):
        assert told in shown


def test_a_run_whose_process_is_gone_is_interrupted_and_counted_from_its_stores(tdaflow, config, tmp_path):
    tdaflow("run", config(), "--out", tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    state = folder.read()
    # As a process leaves it that is killed long after it last wrote run.json.
    state["state"] = "running"
    state["holder"]["pid"] = 2**22 + 1
    for counts in state["stages"].values():
        counts.update(done=0, computed=0, left=6)
    state["stages"]["ingest"].update(done=6)
    folder.write(state)
    status = json.loads(tdaflow("status", folder.path, "--json").out)
    assert status["state"] == "interrupted"
    counts = status["stages"]["superpixels+persistence"]
    assert (counts["done"], counts["computed"], counts["left"]) == (6, 6, 0)


def test_the_version_and_the_verbs(tdaflow):
    from tdaflow import __version__

    assert tdaflow("--version").out == f"tdaflow {__version__}\n"
    shown = tdaflow("--help")
    assert shown.code == 0
    for verb in ("run", "plan", "ingest", "status"):
        assert f" {verb} " in shown.out
    assert "Exit codes" in shown.out


def test_watching_ends_with_the_run(tdaflow, config, tmp_path):
    out = tmp_path / "run"
    running = subprocess.Popen([sys.executable, "-m", "tdaflow", "run", str(config()), "--out", str(out)])
    while not (out / "run.json").exists():
        assert running.poll() is None
        time.sleep(0.05)
    watched = tdaflow("status", out, "--watch", "--json")
    assert running.wait(120) == 0
    decoder, states, text = json.JSONDecoder(), [], watched.out
    while text := text.lstrip():
        told, end = decoder.raw_decode(text)
        states.append(told["state"])
        text = text[end:]
    assert states[-1] == "done"
    assert set(states[:-1]) <= {"running"}
    assert "\x1b" not in tdaflow("status", out, "--watch").out


def test_a_plan_describes_once_and_times_no_more_than_it_needs(tdaflow, config, monkeypatch):
    from tdaflow.pipeline import plan

    described, timed = [], []
    for name, called in (("described", described), ("volume_diagrams", timed)):
        real = getattr(plan, name)
        monkeypatch.setattr(plan, name, lambda *given, real=real, called=called: called.append(1) or real(*given))
    assert tdaflow("plan", config()).code == 0
    assert (len(described), len(timed)) == (1, 5)
    monkeypatch.setattr(plan, "_TIMED_SECONDS", 0.0)
    ended = tdaflow("plan", config())
    assert ended.code == 0
    assert len(timed) == 6
    assert "1 volume" in ended.out
