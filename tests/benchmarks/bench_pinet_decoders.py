"""Volume PI-Net's two decoders under one schedule, and two predictions that know less, on a run's validation volumes.

``python tests/benchmarks/bench_pinet_decoders.py RUN [--epochs 12]`` prints relative L2 by channel and the time on the
core of a volume. "nearest" copies the images of the training volume whose voxels are nearest: a network that had only
learned to recognise volumes would be no better. The test split is not read.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pytest


def compare(run, schedule, options, say=lambda text: None):
    """Relative L2 (channels,) by prediction, milliseconds of one core a volume by decoder, and the channels' names."""
    from dataclasses import replace

    from tdaflow.nets.pinet.model.image_errors import fidelity
    from tdaflow.nets.pinet.model.network import forward
    from tdaflow.nets.pinet.train.pairs import run_pairs
    from tdaflow.nets.pinet.train.volume_training import train_volume_net

    pairs = run_pairs(Path(run))
    mean = pairs.train.pixels.mean(axis=0, dtype=np.float64)

    def relative(pixels):
        return np.array([c.relative_l2 for c in fidelity(pixels, pairs.val.pixels, mean, pairs.channels)])

    found = {
        "mean image": relative(np.tile(mean, (len(pairs.val), 1))),
        "nearest": relative(pairs.train.pixels[nearest(pairs.val.voxels, pairs.train.voxels)]),
    }
    milliseconds = {}
    for decoder in ("paper", "basis"):
        trained = train_volume_net(
            pairs, replace(options, decoder=decoder), schedule, 0,
            after_epoch=lambda e, d=decoder: say(f"{d}: epoch {e.number + 1}, validation loss {e.validation:.5f}"),
        )  # fmt: skip
        found[decoder] = relative(trained.val_pixels)
        began = time.process_time()
        forward(trained.fitted.net, pairs.val.voxels)
        milliseconds[decoder] = 1e3 * (time.process_time() - began) / len(pairs.val)
    return found, milliseconds, pairs.exact.blocks


def nearest(volumes, training):
    """For each volume the position of the training volume with the smallest Euclidean distance."""
    a, b = (v.reshape(len(v), -1).astype(np.float32) for v in (volumes, training))
    squares = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
    return squares.argmin(axis=1)


@pytest.mark.benchmark
def test_the_comparison_runs(tmp_path):
    pytest.importorskip("torch")
    from tdaflow.config import RunConfig
    from tdaflow.nets.pinet.model.network import VolumeNetOptions
    from tdaflow.nets.pinet.train.schedule import PINetSchedule
    from tdaflow.nets.schedule import Phase
    from tdaflow.pipeline import InProcess, Silent, run
    from tdaflow.store import RunFolder

    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in (("train", 6), ("val", 3), ("test", 1)):
        arrays |= {f"{split}_images": rng.integers(0, 256, (n, 16, 16, 16), dtype=np.uint8)}
        arrays |= {f"{split}_labels": np.arange(n)[:, None] % 2}
    np.savez(tmp_path / "stack.npz", **arrays)
    config = {
        "data": {"kind": "arrays", "path": str(tmp_path / "stack.npz")},
        "filtrations": {"sublevel": {"kind": "cubical", "homology_dimensions": [0]}},
        "images": {"resolution": 6},
    }
    run(RunConfig.model_validate(config), RunFolder(tmp_path / "run"), InProcess(), Silent())
    found, milliseconds, blocks = compare(
        tmp_path / "run", PINetSchedule((Phase(1, 1e-3),), batch=3), VolumeNetOptions(width=2, hidden=8)
    )
    assert blocks == ("sublevel H0",)
    assert found.keys() == {"mean image", "nearest", "paper", "basis"}
    assert all(np.isfinite(values).all() for values in found.values())
    assert milliseconds.keys() == {"paper", "basis"}


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--width", type=int, default=8)
    given = parser.parse_args(arguments)
    import torch

    from tdaflow.nets.pinet.model.network import VolumeNetOptions
    from tdaflow.nets.pinet.train.schedule import schedule_named

    torch.set_num_threads(1)
    found, milliseconds, blocks = compare(
        given.run, schedule_named("short", epochs=given.epochs), VolumeNetOptions(width=given.width),
        lambda text: print(text, file=sys.stderr, flush=True),
    )  # fmt: skip
    print("channel".ljust(20), *(name.rjust(12) for name in found))
    for i, block in enumerate(blocks):
        print(block.ljust(20), *(f"{values[i]:12.3f}" for values in found.values()))
    print("ms a volume".ljust(20), *(f"{milliseconds.get(name, 0):12.2f}" for name in found))


if __name__ == "__main__":
    main(sys.argv[1:])
