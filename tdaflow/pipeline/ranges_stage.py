"""Stage 3, reduce: the ranges of every channel over the data set, and from them σ and the grid of its images."""

import time
from typing import Any

import numpy as np

from tdaflow.config import RunConfig
from tdaflow.diagrams import Channel, RangeRecord, ResolvedRange, resolve_ranges
from tdaflow.images import sigma_from_epsilon
from tdaflow.pipeline.batches import reduce_ranges
from tdaflow.pipeline.context import Context, reduced
from tdaflow.pipeline.tasks import RangeTask
from tdaflow.store import ChannelAxes, DiagramStore, VolumeTable

STAGE = "ranges"
_BATCHES_A_TASK = 32


def run_ranges(context: Context, rows: VolumeTable, store: DiagramStore) -> tuple[ChannelAxes, ...]:
    """Reduce over all finished batches in a tree, and resolve every channel."""
    began = time.perf_counter()
    counts, images = context.state.stages[STAGE], context.config.images
    tasks = []
    batches = store.batches()
    for left in range(0, len(batches), _BATCHES_A_TASK):
        here = tuple(batches[left : left + _BATCHES_A_TASK])
        selected = tuple(
            int(row)
            for start, stop in here
            for row in range(start, stop)
            if images.ranges_from == "all" or rows.split[row] == "train"
        )
        tasks.append(
            RangeTask(
                store.path.resolve(), here, selected, tuple(context.config.channels), images.quantiles is not None
            )
        )
    counts.total = len(batches)
    context.observer.stage_begins(STAGE, len(batches), 0)
    record = reduced(context, STAGE, reduce_ranges, tasks, RangeRecord.merge_all)
    resolved = {c: resolve_channel(record, c, context.config) for c in context.config.channels}
    context.state.ranges = {f"{name}/{d}": _as_json(*resolved[name, d]) for name, d in resolved}
    counts.done = counts.computed = len(batches)
    counts.seconds = time.perf_counter() - began
    context.observer.advanced(STAGE, len(batches))
    context.observer.stage_ends(STAGE, counts.seconds)
    context.state.save()
    return tuple(axes for axes, _ in resolved.values())


def resolve_channel(record: RangeRecord, channel: Channel, config: RunConfig) -> tuple[ChannelAxes, ResolvedRange]:
    """The grid, σ and pixel centres of one channel from the merged record.

    σ follows from ε by the rule of `tdaflow.sigma_from_epsilon`.
    """
    images = config.images
    vector = config.is_vector(channel)
    rows, columns = images.shape[0], 1 if vector else images.shape[1]
    found = resolve_ranges(record, channel, resolution=(rows, columns), plane=images.plane, quantiles=images.quantiles)
    sigma = sigma_from_epsilon(images.epsilon, found.birth_range, found.death_range, (rows, columns))
    axes = ChannelAxes(
        filtration=channel[0],
        homology_dimension=channel[1],
        birth_range=found.birth_range,
        death_range=found.death_range,
        sigma=sigma,
        birth=_centres(found.birth_range, columns),
        death=_centres(found.death_range, rows),
        vector=vector,
    )
    return axes, found


def _centres(bounds: tuple[float, float], n: int) -> np.ndarray:
    return bounds[0] + (np.arange(n) + 0.5) * (bounds[1] - bounds[0]) / n


def _as_json(axes: ChannelAxes, found: ResolvedRange) -> dict[str, Any]:
    return {
        "sigma": axes.sigma,
        "birth_range": list(axes.birth_range),
        "death_range": list(axes.death_range),
        "observed_birth_range": list(found.observed_birth_range),
        "observed_death_range": list(found.observed_death_range),
        "n_bars": found.n_bars,
        "resolution": [len(axes.death), len(axes.birth)],
    }
