"""``plan`` computes a sample and writes nothing; ``status`` tells how far a run has come."""

import json

from tdaflow.store import RunFolder

COUNTS = {"done", "computed", "reused", "quarantined", "failed", "left", "total", "seconds"}


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
        assert counts.keys() == COUNTS
        assert counts["done"] == counts["computed"] + counts["reused"]
        assert counts["left"] == 0
    assert (status["stages"]["ingest"]["total"], status["stages"]["ingest"]["quarantined"]) == (6, 1)
    assert len(status["quarantined"]) == 1
    assert status["ranges"]["alpha/2"]["sigma"] > 0


def test_status_is_also_for_people(tdaflow, config, tmp_path):
    tdaflow("run", config(nan=1), "--out", tmp_path / "run")
    shown = tdaflow("status", tmp_path / "run").out
    for told in ("done", "superpixels+persistence", "quarantined: stack/00000: 1 NaN"):
        assert told in shown


def test_a_run_whose_process_is_gone_is_interrupted_and_counted_from_its_stores(tdaflow, config, tmp_path):
    tdaflow("run", config(), "--out", tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    state = folder.read()
    # As a process leaves it that is killed long after it last wrote run.json.
    state["state"] = "running"
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
