"""What the quantiles cost: extents of grey values and ranges of bars, as a share of a run.

``python tests/benchmarks/bench_extents.py`` prints the shares by voxel type and preset, of processor time, and exits 1
where one is 2 % or more; as a test a few volumes are timed.
"""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tdaflow.config import RunConfig
from tdaflow.diagrams import RangeRecord
from tdaflow.extents import grey_values
from tdaflow.pipeline.recipe import diagram_recipe, image_recipe, learnt_scales
from tdaflow.pipeline.stages.images import images_of
from tdaflow.pipeline.stages.ranges import resolve_channel
from tdaflow.pipeline.tasks import volume_facts
from tdaflow.pipeline.volume import HeldVolume, volume_diagrams
from tdaflow.sources import Volume
from tdaflow.store.volume_builder import row_of, table_of

MOST = 0.02


def volumes(n: int, dtype: str) -> list[Volume]:
    """Smooth volumes of 28³ voxels and 256 grey levels."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(n):
        smooth = gaussian_filter(rng.standard_normal((28, 28, 28)), 1.5)
        found.append(Volume(str(i), np.rint(255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(dtype)))
    return found


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor time, and what came of it."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def share(n: int, dtype: str, preset: str) -> float:
    """Processor time of the quantiles over that of a volume's way to its images; both for `n` volumes, twice."""
    stack, config = volumes(n, dtype), RunConfig(preset=preset)
    table = table_of([row_of(volume) for volume in stack])
    scales = {name: scale.as_dict() for name, scale in learnt_scales(config, table).items()}
    recipe = diagram_recipe(config, scales)
    volume_diagrams(HeldVolume(volume_facts(table, 0), stack[0].voxels), recipe)  # compiles
    quantiles, path = 0.0, 0.0
    for _ in range(2):
        spent, diagrams = seconds(
            lambda: [
                volume_diagrams(HeldVolume(volume_facts(table, i), v.voxels), recipe)[0] for i, v in enumerate(stack)
            ]
        )
        path += spent
        record = RangeRecord.from_volumes(diagrams, config.channels)
        channels = tuple(resolve_channel(record, channel, config)[0] for channel in config.channels)
        path += seconds(lambda made=diagrams, of=channels: images_of(made, image_recipe(config, of)))[0]
        quantiles += seconds(lambda: [grey_values(v.voxels) for v in stack])[0]
        quantiles += seconds(lambda found=diagrams: RangeRecord.from_volumes(found, config.channels))[0]
    return quantiles / path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--volumes", type=int, default=32)
    chosen = parser.parse_args()
    shares = {
        (dtype, preset): share(chosen.volumes, dtype, preset)
        for dtype in ("uint8", "int16", "float32")
        for preset in ("default", "wide")
    }
    for (dtype, preset), found in shares.items():
        print(f"{dtype:8} {preset:8} {found:.2%} of the processor time from voxels to images")
    return int(max(shares.values()) >= MOST)


@pytest.mark.benchmark
def test_the_quantiles_cost_little():
    assert share(4, "float32", "default") < 3 * MOST  # machines of tests are busy


if __name__ == "__main__":
    sys.exit(main())
