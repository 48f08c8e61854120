"""``run --performance-report`` saves what Dask saw beside the run, as pages that open offline."""

import re


def test_the_report_and_the_task_stream_are_saved_with_the_stages_by_name(tdaflow, config, tmp_path):
    out = tmp_path / "run"
    ended = tdaflow("run", config(), "--out", out, "--cluster", "threads", "--workers", 1, "--performance-report")
    assert ended.code == 0
    assert "performance.html, task stream in" in ended.err.replace("\n", "")
    report, stream = (out / "performance.html").read_text(), (out / "task-stream.html").read_text()
    assert "number of tasks" in report
    for stage in ("ingest", "diagrams", "ranges", "images"):
        assert re.search(rf'"{stage}"', stream), stage
    for page in (report, stream):
        assert not re.search(r'<script[^>]* src=.https?://|rel="stylesheet"[^>]* href=.https?://', page)


def test_a_run_that_fails_has_its_report_too(tdaflow, config, tmp_path, monkeypatch):
    from tdaflow.pipeline.stages import diagrams

    def fails(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(diagrams, "volume_diagrams", fails)
    out = tmp_path / "run"
    ended = tdaflow("run", config(), "--out", out, "--cluster", "threads", "--workers", 1, "--performance-report")
    assert ended.code == 3
    assert (out / "performance.html").is_file()


def test_without_a_scheduler_there_is_nothing_to_report(tdaflow, config, tmp_path):
    ended = tdaflow("run", config(), "--out", tmp_path / "run", "--performance-report")
    assert ended.code == 2
    assert "sync has no scheduler and so no performance report" in ended.err.splitlines()[-1]
    assert not (tmp_path / "run" / "run.json").exists()
