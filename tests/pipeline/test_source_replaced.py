"""A source that is replaced while it is read gives no mixture of the two."""

import numpy as np
import pytest

from tdaflow.errors import RunError
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.pipeline.stages import volumes as stage
from tdaflow.store import VolumeStore


def test_a_file_replaced_during_ingest_ends_the_run_and_the_next_one_reads_all_anew(
    save_stack, settings, volumes, tmp_path, folder, monkeypatch
):
    data = save_stack(tmp_path / "data", volumes)
    real = stage.ingest_batch

    def replaced_meanwhile(task):
        done = real(task)
        np.save(tmp_path / "data" / "stack.npy", volumes[::-1])
        return done

    monkeypatch.setattr(stage, "ingest_batch", replaced_meanwhile)
    with pytest.raises(RunError, match=r"changed while it was read \(.*stack.npy differs.*run again"):
        run(settings(data=data), folder, InProcess(), Silent())
    assert not folder.volumes.exists()
    assert folder.read()["state"] == "failed"
    monkeypatch.setattr(stage, "ingest_batch", real)
    state = run(settings(data=data), folder, InProcess(), Silent())
    assert state.stages["ingest"].computed == len(volumes)
    (first,) = VolumeStore(folder.volumes).voxels(0, 1)
    np.testing.assert_array_equal(first, volumes[-1])
