"""The alpha kernel against GUDHI on real volumes: same number of bars, same values.

``python tests/benchmarks/oracle_alpha.py --precision exact --volumes 500`` compares volumes drawn evenly from the
MedMNIST sets under ``TDAFLOW_DATA`` and ends with 1 if one differs. ``--points`` names the kinds of clouds made of
them, in turn.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "homology" / "alpha_kernel"))

SETS = ("organ", "adrenal", "nodule", "fracture")
CLOUDS = {
    "1000": {"grid": "integer-step"},
    "600": {},
    "600 unsmoothed": {"smoothing": None},
    "600 anisotropic": {"spacing": (2.5, 0.7, 0.7), "space_weight": 0.8},
    "600 16-bit": {"sixteen_bit": True},
}


def volumes(data, count, seed=0):
    """Yield (set, position, voxels), the sets in turn, volumes of each in a random order without repetition."""
    rng = np.random.default_rng(seed)
    splits = ("train", "val", "test")
    with_arrays = {}
    for name in SETS:
        archive = np.load(data / "medmnist" / f"{name}mnist3d.npz")
        voxels = np.concatenate([archive[f"{split}_images"] for split in splits])
        with_arrays[name] = (voxels, rng.permutation(len(voxels)))
    made = position = 0
    while made < count and position < max(len(order) for _, order in with_arrays.values()):
        for name, (voxels, order) in with_arrays.items():
            if position < len(order) and made < count:
                yield name, int(order[position]), voxels[order[position]]
                made += 1
        position += 1


def compare(task):
    """Return (set, position, cloud, relative difference, bars, predicates, kernel seconds, GUDHI seconds)."""
    from alpha_oracles import difference, gudhi_bars

    from tdaflow.homology.alpha_kernel import alpha_persistence
    from tdaflow.superpixels import superpixel_point_cloud

    name, position, voxels, cloud, precision = task
    options = dict(CLOUDS[cloud])
    if options.pop("sixteen_bit", False):
        noise = np.random.default_rng(position).integers(0, 256, voxels.shape)
        voxels = (voxels.astype(np.uint16) << 8) + noise.astype(np.uint16)
    if voxels.min() == voxels.max():
        return name, position, cloud, 0.0, 0, "constant", 0.0, 0.0
    points = superpixel_point_cloud(voxels, 600, **options)
    start = time.process_time()
    bars, info = alpha_persistence(points, (0, 1, 2))
    middle = time.process_time()
    worst, count = difference(bars, gudhi_bars(points, precision=precision))
    return name, position, cloud, worst, count, info["predicates"], middle - start, time.process_time() - middle


def run(data, count, precision, clouds, processes):
    """Compare and print; return the number of volumes that differ."""
    tasks = [
        (name, position, voxels, clouds[i // len(SETS) % len(clouds)], precision)
        for i, (name, position, voxels) in enumerate(volumes(data, count))
    ]
    rows = []
    with ProcessPoolExecutor(processes) as pool:
        for row in pool.map(compare, tasks, chunksize=4):
            rows.append(row)
            if row[3] > 1e-9:
                print("DIFFERS", row, flush=True)
    print(f"{len(rows)} volumes against GUDHI {precision}")
    for key in sorted({(r[0], r[2]) for r in rows}):
        part = [r for r in rows if (r[0], r[2]) == key]
        predicates = "/".join(sorted({r[5] for r in part}))
        ours, theirs = (np.median([r[i] for r in part]) * 1e3 for i in (6, 7))
        print(
            f"{key[0]:9s} {key[1]:16s} {len(part):4d} volumes {sum(r[4] for r in part):9d} bars  {predicates:16s} "
            f"max difference {max(r[3] for r in part):.1e}  kernel {ours:6.1f} ms  GUDHI {theirs:7.0f} ms CPU"
        )
    return sum(r[3] > 1e-9 for r in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("TDAFLOW_DATA"))
    parser.add_argument("--volumes", type=int, default=20)
    parser.add_argument("--precision", choices=["exact", "safe"], default="exact")
    parser.add_argument("--points", nargs="+", choices=list(CLOUDS), default=list(CLOUDS))
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("give --data or set TDAFLOW_DATA to the folder of real volumes")
    return int(run(arguments.data, arguments.volumes, arguments.precision, arguments.points, arguments.processes) > 0)


if __name__ == "__main__":
    sys.exit(main())
