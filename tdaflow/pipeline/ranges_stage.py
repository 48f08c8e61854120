"""Stage 3, reduce: the ranges of every channel over the data set, and from them σ and the grid of its images."""

from dataclasses import replace
from typing import Any

import numpy as np

from tdaflow.config import RunConfig
from tdaflow.diagrams import Channel, RangeRecord, ResolvedRange, resolve_ranges
from tdaflow.images import sigma_from_epsilon
from tdaflow.pipeline.batches import reduce_ranges, sample_bars
from tdaflow.pipeline.context import Context, reduced
from tdaflow.pipeline.summaries import range_key, sample_tasks, shared_facts, summary_steps
from tdaflow.pipeline.tasks import RangeTask, SummaryStep
from tdaflow.store import ChannelAxes, DiagramStore, VolumeTable
from tdaflow.vectorisations import merge_samples

STAGE = "ranges"
SAMPLE_STAGE = "bar-sample"
_BATCHES_A_TASK = 32
# Each task's record is held until the last merge, so their number has a limit.
_TASKS = 1024


def run_ranges(
    context: Context, rows: VolumeTable, store: DiagramStore
) -> tuple[tuple[ChannelAxes, ...], tuple[SummaryStep, ...]]:
    """Reduce over all finished batches in a tree, and resolve every channel; all its regions share what is found."""
    counts, images = context.state.stages[STAGE], context.config.images
    counts.begin()
    tasks = []
    batches = store.batches()
    size = max(_BATCHES_A_TASK, -(-len(batches) // _TASKS))
    for left in range(0, len(batches), size):
        here = tuple(batches[left : left + size])
        selected = tuple(
            int(row)
            for start, stop in here
            for row in range(start, stop)
            if context.config.reference == "all" or rows.split[row] == "train"
        )
        tasks.append(RangeTask(store.path.resolve(), here, selected, tuple(context.config.channels), images.quantiles))
    counts.total = len(batches)
    context.observer.stage_begins(STAGE, len(batches), 0)
    record = reduced(context, STAGE, reduce_ranges, tasks, RangeRecord.merge_all)
    drawn = sample_tasks(context.config, tasks)
    samples = reduced(context, SAMPLE_STAGE, sample_bars, drawn, merge_samples) if drawn else {}
    resolved = {c: resolve_channel(record, c, context.config) for c in context.config.channels}
    shared = shared_facts(context.config, record, samples)
    context.state.ranges = {
        key: {**_as_json(*found), **shared.get(key, {})}
        for key, found in ((range_key(channel), found) for channel, found in resolved.items())
    }
    counts.done = counts.computed = len(batches)
    counts.batch_finished()
    context.observer.advanced(STAGE, len(batches))
    context.observer.stage_ends(STAGE, counts.seconds)
    context.state.save()
    channels = tuple(axes for found, _ in resolved.values() for axes in regional_axes(found, context.config))
    return channels, summary_steps(context.config, context.state.ranges)


def resolve_channel(record: RangeRecord, channel: Channel, config: RunConfig) -> tuple[ChannelAxes, ResolvedRange]:
    """The grid, σ and pixel centres of one channel from the merged record.

    σ follows from ε by the rule of `tdaflow.sigma_from_epsilon`.
    """
    images = config.images
    vector = config.is_vector(channel)
    rows, columns = images.shape[0], 1 if vector else images.shape[1]
    found = resolve_ranges(record, channel, resolution=(rows, columns), plane=images.plane)
    sigma = sigma_from_epsilon(images.epsilon, found.birth_range, found.death_range, (rows, columns))
    axes = ChannelAxes(
        filtration=channel[0],
        homology_dimension=channel[1],
        birth_range=found.birth_range,
        death_range=found.death_range,
        sigma=sigma,
        birth=pixel_centres(found.birth_range, columns),
        death=pixel_centres(found.death_range, rows),
        vector=vector,
    )
    return axes, found


def regional_axes(axes: ChannelAxes, config: RunConfig) -> tuple[ChannelAxes, ...]:
    """A channel once for every region of its filtration."""
    return tuple(replace(axes, region=region) for region in config.filtrations[axes.filtration].regions.names)


def pixel_centres(bounds: tuple[float, float], n: int) -> np.ndarray:
    """Centres of `n` pixels of one size that cover a range, ascending, (n,)."""
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
