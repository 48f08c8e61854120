"""A volume that is a batch by itself has the threads of its worker; the diagrams do not depend on it."""

import pytest

from tdaflow.homology import threads
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.pipeline.stages import diagrams
from tdaflow.store import RunFolder


class Wide(InProcess):
    """A worker with three threads."""

    threads = 3


@pytest.mark.parametrize(("batch", "given"), [(1, 3), (2, 1)])
def test_only_a_volume_that_is_a_batch_has_them(settings, tmp_path, monkeypatch, batch, given):
    monkeypatch.setattr(threads, "_LARGE", 1)
    seen = []
    compute = diagrams.volume_diagrams
    monkeypatch.setattr(diagrams, "volume_diagrams", lambda *a: seen.append(threads.threads_for(8)) or compute(*a))
    config = settings(run={"batch": batch})
    state = run(config, RunFolder(tmp_path / "run"), Wide(), Silent())
    assert set(seen) == {given}
    assert threads.threads_for(8) == 1
    assert state.state == "done"
