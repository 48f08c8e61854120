"""Several commands at once on one folder: each gives its result or one sentence, and the folder stays whole."""

import subprocess
import sys
import time

import numpy as np

from tdaflow import open_run, run
from tdaflow.store import VolumeStore


def start(*arguments):
    command = [sys.executable, "-m", "tdaflow", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(*processes):
    """Exit codes; fails if one ended in a traceback."""
    texts = [process.communicate(timeout=300)[0] for process in processes]
    assert not any("Traceback" in text for text in texts), texts
    return [process.returncode for process in processes]


def test_two_ingests(config, tmp_path):
    path, out = config(), tmp_path / "run"
    codes = ended(*(start("ingest", path, "--out", out) for _ in range(2)))
    assert 0 in codes
    assert set(codes) <= {0, 2}
    assert len(VolumeStore(out / "volumes.zarr").table()) == 6


def test_readers_and_a_second_run_while_a_run_is_at_work(config, tmp_path):
    path, out = config(), tmp_path / "run"
    first, others = start("run", path, "--out", out), []
    while first.poll() is None:
        if len(others) < 6:
            others += [start(verb, out) for verb in ("status", "check", "report")]
            others.append(start("run", path, "--out", out))
        time.sleep(0.5)
    codes = ended(first, *others)
    assert 0 in (codes[0], *codes[4::4])
    assert set(codes) <= {0, 2, 4}
    assert ended(start("check", out, "--deep")) == [0]
    alone = run(path, out=tmp_path / "alone", progress=False)
    images = [opened.features["persistence_image"].values for opened in (open_run(out), alone)]
    np.testing.assert_array_equal(*images)
