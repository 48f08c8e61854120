"""A large CT through superpixels and persistence in one process: time, peak memory, the bytes of the whole volume.

``python tests/benchmarks/bench_large.py`` generates 512 × 512 × 600 voxels of int16 (300 MiB), written block by block
into a Zarr store with chunks of 64³ under a temporary folder, and prints figures (``--quick`` a tiny version); as a
test the tiny version asserts that block by block and in memory give the same bytes.
"""

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

LIMIT = 1024  # MiB of one worker
SPACING = (1.0, 0.8, 0.8)
SCALE = 0.1  # mm a grey level


def make(path, shape, chunk):
    """Air, a body with lungs, a spine and vessels, and noise; one layer of chunks in memory at a time."""
    import numpy as np
    import zarr

    array = zarr.create_array(path, shape=shape, chunks=(chunk,) * 3, dtype="int16")
    y, x = (
        np.linspace(-1, 1, n, dtype=np.float32).reshape(s) for n, s in zip(shape[1:], ((-1, 1), (1, -1)), strict=True)
    )
    for start in range(0, shape[0], chunk):
        rng = np.random.default_rng(start)
        layer = np.empty((min(chunk, shape[0] - start), *shape[1:]), dtype=np.int16)
        for k in range(len(layer)):
            z = 2 * (start + k) / shape[0] - 1
            plane = np.full(shape[1:], -1000, dtype=np.float32)
            plane[x**2 / 0.7 + y**2 / 0.4 < 1] = 40
            for side in (-0.4, 0.4):
                plane[((x - side) / 0.3) ** 2 + (y / 0.45) ** 2 + ((z + 0.4) / 0.45) ** 2 < 1] = -850
            plane[x**2 + (y - 0.45) ** 2 < 0.01 + 0.004 * np.cos(60 * z)] = 600
            plane[(x - 0.1 * np.cos(9 * z)) ** 2 + (y - 0.1 * np.sin(7 * z)) ** 2 < 0.004] = 250
            layer[k] = plane + rng.normal(0, 20, plane.shape)
        array[start : start + len(layer)] = layer


def go(path, n, factor, memory, whole):
    """Cloud, alpha and cubical diagrams; facts as JSON on standard output, peak memory after each stage."""
    import numpy as np
    import zarr

    from tdaflow.homology import Alpha, Cubical
    from tdaflow.pipeline.large_volumes import blockwise_superpixels, filtration_input
    from tdaflow.superpixels import SuperpixelOptions, superpixels

    volume = zarr.open_array(path, mode="r")
    options = SuperpixelOptions(n, intensity_scale=SCALE, intensity_step=1.0)
    facts = {"imports": {"seconds": 0.0, "peak": peak()}}

    def stage(name, function):
        began = time.perf_counter()
        value = function()
        facts[name] = {"seconds": time.perf_counter() - began, "peak": peak()}
        return value

    if whole:
        voxels = stage("read", lambda: volume[...])
        cloud = stage(
            "superpixels", lambda: superpixels(voxels, n, spacing=SPACING, intensity_scale=SCALE, intensity_step=1.0)
        )
        reduced, data = Cubical(downsample=factor), voxels
    else:
        cloud = stage("superpixels", lambda: blockwise_superpixels(volume, options, spacing=SPACING, memory=memory))
        reduced, data, _ = stage(
            "block means", lambda: filtration_input(volume, Cubical(downsample=factor), memory=memory)
        )
    diagrams = [
        stage("alpha", lambda: Alpha().diagram(cloud.points, (0, 1, 2))),
        stage("cubical", lambda: reduced.diagram(data, (0, 1, 2))),
    ]
    digest = hashlib.sha256(cloud.points.tobytes())
    for diagram in diagrams:
        for dimension in (0, 1, 2):
            digest.update(np.ascontiguousarray(diagram[dimension]).tobytes())
    print(json.dumps({"n_points": len(cloud.points), "digest": digest.hexdigest(), "stages": facts}))


def peak():
    """Peak resident memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(*arguments):
    """This script in a fresh process; the parent stays small, because a child's peak starts from its parent's."""
    out = subprocess.run([sys.executable, __file__, *map(str, arguments)], capture_output=True, text=True, check=True)
    return json.loads(out.stdout) if out.stdout else None


def measure(shape, chunk, n, factor, memory, *, compare):
    """Facts of the blockwise process and, with `compare`, of one that holds the volume."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ct.zarr"
        child("make", path, json.dumps([shape, chunk]))
        blocks = child("go", path, json.dumps([n, factor, memory, False]))
        return blocks, child("go", path, json.dumps([n, factor, memory, True])) if compare else None


@pytest.mark.benchmark
def test_blocks_and_the_whole_give_the_same_bytes():
    blocks, whole = measure((70, 41, 52), 16, 100, 3, 100_000, compare=True)
    assert blocks["digest"] == whole["digest"]
    assert set(blocks["stages"]) == {"imports", "superpixels", "block means", "alpha", "cubical"}


def main(argv=None):
    if argv and argv[0] == "make":
        make(argv[1], *json.loads(argv[2]))
        return 0
    if argv and argv[0] == "go":
        go(argv[1], *json.loads(argv[2]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="70 × 41 × 52 voxels")
    parser.add_argument("--superpixels", type=int, default=600)
    parser.add_argument("--downsample", type=int, default=5, help="of the cubical filtration; 5 is the least for 128³")
    parser.add_argument("--memory", type=int, default=256, help="MiB of blocks at a time")
    parser.add_argument("--compare", action="store_true", help="also in memory, which takes more than 1 GiB")
    given = parser.parse_args(argv)
    size = (
        ((70, 41, 52), 16, 100, 3, 100_000)
        if given.quick
        else ((600, 512, 512), 64, given.superpixels, given.downsample, given.memory << 20)
    )
    blocks, whole = measure(*size, compare=given.compare or given.quick)
    print(f"{' × '.join(map(str, size[0]))} int16, chunks of {size[1]}³, {blocks['n_points']} points")
    for name, facts in (("block by block", blocks), ("in memory", whole)):
        if facts:
            print(f"  {name}")
            for stage, figures in facts["stages"].items():
                print(f"    {stage:12s} {figures['seconds']:7.2f} s   peak {figures['peak']:6.0f} MiB")
    if whole:
        print(f"  same bytes: {blocks['digest'] == whole['digest']}")
    within = max(f["peak"] for f in blocks["stages"].values()) < LIMIT
    print(f"  under {LIMIT} MiB: {within}")
    return 0 if within and (not whole or blocks["digest"] == whole["digest"]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
