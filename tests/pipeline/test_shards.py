"""Parts of a run, each by itself in one folder, and joined: the bits of one run."""

import threading
from itertools import pairwise

import numpy as np
import pytest

from tdaflow import open_run
from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.pipeline import InProcess, Silent, ingest_only, run, shards
from tdaflow.pipeline.shard import Shard, clipped
from tdaflow.pipeline.shards import merged_config, run_shard
from tdaflow.store import RunFolder, VolumeStore


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(shards, "_PATIENCE", 0.2)
    monkeypatch.setattr(shards, "_LOOK", 0.05)


def results(folder):
    opened = open_run(folder.path)
    return opened.features["persistence_image"].values, opened.state["ranges"], opened.state["digests"]


def assert_equal_runs(one, other):
    np.testing.assert_array_equal(results(one)[0], results(other)[0])
    assert results(one)[1:] == results(other)[1:]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_joined_shards_have_the_bits_of_one_run(settings, folder, tmp_path, count):
    config = settings()
    parts = [Shard(number, count) for number in range(1, count + 1)]
    for shard in parts[:-1]:
        with pytest.raises(RunError, match=f"nobody reads those of .*{count}/{count}"):
            run_shard(config, folder, InProcess(), Silent(), shard)
    for shard in reversed(parts):
        state = run_shard(config, folder, InProcess(), Silent(), shard)
        assert state.state == "done"
    merged = run(merged_config(folder), folder, InProcess(), Silent())
    assert merged.stages["superpixels+persistence"].computed == 0
    alone = RunFolder(tmp_path / "alone")
    run(config, alone, InProcess(), Silent())
    assert_equal_runs(folder, alone)
    (read,), (again,) = (VolumeStore(f.volumes).voxels(3, 4) for f in (folder, alone))
    np.testing.assert_array_equal(read, again)


def test_shards_at_the_same_time_wait_for_each_other(settings, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_PATIENCE", 20.0)
    config, states = settings(), []
    threads = [
        threading.Thread(
            target=lambda s=shard: states.append(run_shard(config, folder, InProcess(), Silent(), s)), daemon=True
        )
        for shard in (Shard(1, 3), Shard(2, 3), Shard(3, 3))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [state.state for state in states] == ["done"] * 3
    assert sum(state.stages["superpixels+persistence"].computed for state in states) == 12
    run(merged_config(folder), folder, InProcess(), Silent())
    alone = RunFolder(tmp_path / "alone")
    run(config, alone, InProcess(), Silent())
    assert_equal_runs(folder, alone)


def test_what_is_missing_is_named(settings, folder):
    config = settings()
    with pytest.raises(InputError, match="holds no shards"):
        merged_config(folder)
    with pytest.raises(RunError):
        run_shard(config, folder, InProcess(), Silent(), Shard(2, 3))
    with pytest.raises(InputError, match=r"1/3 \(not begun\), 2/3 \(the volumes of .*\), 3/3 \(not begun\)"):
        merged_config(folder)
    with pytest.raises(ConfigError, match="holds shard 2/3, this is 1/2"):
        run_shard(config, folder, InProcess(), Silent(), Shard(1, 2))
    with pytest.raises(ConfigError, match="other settings"):
        run_shard(settings(images={"resolution": 4}), folder, InProcess(), Silent(), Shard(1, 3))


def test_a_run_without_shards_does_what_they_have_left(settings, folder, tmp_path):
    config = settings()
    run_shard(config, folder, InProcess(), Silent(), Shard(3, 3))  # the volumes are one chunk, which is the last part
    state = run(config, folder, InProcess(), Silent())
    made = state.stages["superpixels+persistence"]
    assert (made.reused, made.computed) == (4, 8)
    alone = RunFolder(tmp_path / "alone")
    run(config, alone, InProcess(), Silent())
    assert_equal_runs(folder, alone)


def test_shards_after_an_ingest_read_nothing(settings, folder, tmp_path):
    config = settings()
    ingest_only(config, folder, InProcess(), Silent())
    for number in (3, 1, 2):
        state = run_shard(config, folder, InProcess(), Silent(), Shard(number, 3))
        assert (state.stages["ingest"].computed, state.stages["superpixels+persistence"].computed) == (0, 4)
    run(merged_config(folder), folder, InProcess(), Silent())
    alone = RunFolder(tmp_path / "alone")
    run(config, alone, InProcess(), Silent())
    assert_equal_runs(folder, alone)


def test_a_source_replaced_between_two_shards_is_refused(save_stack, settings, volumes, folder, tmp_path):
    config = settings(data=save_stack(tmp_path / "data", volumes))
    with pytest.raises(RunError):
        run_shard(config, folder, InProcess(), Silent(), Shard(1, 2))
    np.save(tmp_path / "data" / "stack.npy", volumes[::-1])
    with pytest.raises(ConfigError, match=r"other shards have read .* from another source"):
        run_shard(config, folder, InProcess(), Silent(), Shard(2, 2))


@pytest.mark.parametrize(("n", "count", "step"), [(10, 3, 1), (10, 3, 4), (2, 5, 1), (0, 2, 1), (100, 7, 9)])
def test_parts_cover_all_and_do_not_overlap(n, count, step):
    parts = [Shard(number, count).part(n, step) for number in range(1, count + 1)]
    assert parts[0][0] == 0
    assert parts[-1][1] == n
    assert all(before[1] == after[0] for before, after in pairwise(parts))
    assert all(start % step == 0 or start == n for start, _ in parts)


@pytest.mark.parametrize("text", ["0/3", "4/3", "a/b", "3", "1/0", ""])
def test_other_words_are_no_part(text):
    with pytest.raises(ConfigError, match="second of eight"):
        Shard.told(text)
    assert Shard.named(Shard.told("2/12").name) == Shard(2, 12)


def test_clipped():
    assert clipped([(0, 3), (5, 9), (10, 12)], (2, 11)) == [(2, 3), (5, 9), (10, 11)]
