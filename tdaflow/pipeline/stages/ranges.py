"""Stage 3, reduce: ranges of every channel over the data set; from them σ, grids and what vectorisations share."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tdaflow.config import RunConfig
from tdaflow.diagrams import Bars, Channel, RangeRecord, ResolvedRange, resolve_ranges
from tdaflow.homology.regions import filtration_of
from tdaflow.images import sigma_from_epsilon
from tdaflow.pipeline.context import Context
from tdaflow.pipeline.fan_out import reduce_over
from tdaflow.pipeline.tasks import RangeTask, SampleTask, SummaryStep
from tdaflow.store import ChannelAxes, DiagramStore, VolumeTable
from tdaflow.vectorisations import Atol, BarSample, FittedAtol, fit_atol, merge_samples, usual_bars

STAGE = "ranges"
SAMPLE_STAGE = "bar-sample"
_BATCHES_A_TASK = 32
# Each task's record is held until the last merge, so their number has a limit.
_TASKS = 1024


def run_ranges(
    context: Context, rows: VolumeTable, store: DiagramStore, n_learnt: int, *, hold: bool = False
) -> tuple[tuple[ChannelAxes, ...], tuple[SummaryStep, ...]]:
    """Reduce over the finished batches in a tree, and resolve every channel; all its regions share what is found.

    The ranges are those of the first `n_learnt` rows. If `hold`, these are in the state already; they, and those of the
    run that ``reference`` names, are taken as they are.
    """
    counts, images = context.state.stages[STAGE], context.config.images
    frozen = context.config.frozen
    if frozen is not None or hold:
        if frozen is not None:
            context.observer.message(f"ranges and σ are those of {frozen.name}")
            context.state.ranges = frozen.ranges
        counts.total = counts.done = counts.reused = len(store.batches())
        context.state.save()
        return run_channels(context.config, context.state.ranges), summary_steps(context.config, context.state.ranges)
    counts.begin()
    tasks = []
    batches = [(start, stop) for start, stop in store.batches() if start < n_learnt]
    size = max(_BATCHES_A_TASK, -(-len(batches) // _TASKS))
    for left in range(0, len(batches), size):
        here = tuple(batches[left : left + size])
        selected = tuple(
            int(row)
            for start, stop in here
            for row in range(start, min(stop, n_learnt))
            if context.config.reference == "all" or rows.split[row] == "train"
        )
        tasks.append(RangeTask(store.path.resolve(), here, selected, tuple(context.config.channels), images.quantiles))
    counts.total = len(batches)
    context.observer.stage_begins(STAGE, len(batches), 0)
    record = reduce_over(context.engine, STAGE, reduce_ranges, tasks, RangeRecord.merge_all)
    drawn = sample_tasks(context.config, tasks)
    samples = reduce_over(context.engine, SAMPLE_STAGE, sample_bars, drawn, merge_samples) if drawn else {}
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


def run_channels(config: RunConfig, ranges: Mapping[str, Any]) -> tuple[ChannelAxes, ...]:
    """The grid and σ of every channel and region, from the ranges that run.json holds."""
    found: list[ChannelAxes] = []
    for channel in config.channels:
        told = ranges[range_key(channel)]
        rows, columns = told["resolution"]
        birth_range, death_range = tuple(told["birth_range"]), tuple(told["death_range"])
        axes = ChannelAxes(
            *channel, birth_range, death_range, told["sigma"],
            pixel_centres(birth_range, columns), pixel_centres(death_range, rows), vector=config.is_vector(channel),
        )  # fmt: skip
        found += regional_axes(axes, config)
    return tuple(found)


def regional_axes(axes: ChannelAxes, config: RunConfig) -> tuple[ChannelAxes, ...]:
    """A channel once for every region of its filtration."""
    table = config.filtrations[axes.filtration]
    return tuple(replace(axes, region=region, unit=table.filtration().unit) for region in table.regions.names)


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


def sample_tasks(config: RunConfig, tasks: list[RangeTask]) -> list[SampleTask]:
    """Draw the bars that ATOL learns from among those that the ranges are of; none where nothing learns."""
    options = config.vectorisation_options().get("atol")
    return [] if options is None else [SampleTask(task, options.n_bars, options.seed) for task in tasks]


def shared_facts(
    config: RunConfig, record: RangeRecord, samples: Mapping[Channel, BarSample]
) -> dict[str, dict[str, Any]]:
    """What `summary_steps` needs to know of every channel, JSON-able, by the channel's name in run.json.

    Parameters
    ----------
    config : RunConfig
    record : RangeRecord
        Of the volumes that `reference` selects.
    samples : mapping of Channel to BarSample
        Of the same volumes; looked at by ATOL alone.
    """
    found: dict[str, dict[str, Any]] = {}
    options = config.vectorisation_options()
    for channel in config.channels if options else ():
        ranges = resolve_ranges(record, channel, resolution=1, plane="birth-death")
        facts: dict[str, Any] = {"values": [ranges.observed_birth_range[0], ranges.observed_death_range[1]]}
        if isinstance(atol := options.get("atol"), Atol):
            facts["atol"] = fit_atol(atol, usual_bars(samples[channel].bars, *facts["values"])).as_dict()
        found[range_key(channel)] = facts
    return found


def summary_steps(config: RunConfig, ranges: Mapping[str, Mapping[str, Any]]) -> tuple[SummaryStep, ...]:
    """Every vectorisation of every channel and region.

    Parameters
    ----------
    config : RunConfig
    ranges : mapping
        As run.json holds them, with the facts of `shared_facts`.
    """
    steps = []
    every = config.vectorisation_options()
    for filtration, dimension in config.channels if every else ():
        told = ranges[range_key((filtration, dimension))]
        low, high = told["values"]
        for region in config.filtrations[filtration].regions.names:
            for kind, options in every.items():
                fitted = FittedAtol.from_dict(options, told["atol"]) if isinstance(options, Atol) else options
                steps.append(SummaryStep(kind, filtration, dimension, region, fitted, (float(low), float(high))))
    return tuple(steps)


def range_key(channel: Channel) -> str:
    """Name of a channel in run.json."""
    return f"{channel[0]}/{channel[1]}"


def reduce_ranges(task: RangeTask) -> RangeRecord:
    """What the selected rows say of the ranges, a row of the record a volume; all regions of a volume together."""
    selected = set(task.rows)
    store = DiagramStore(task.diagrams)
    volumes = (
        {channel: Bars.joined(parts) for channel, parts in _over_regions(diagram).items()}
        for start, stop in task.batches
        for row, diagram in enumerate(store.read(start, stop).diagrams, start=start)
        if row in selected
    )
    return RangeRecord.from_volumes(volumes, task.channels, task.quantiles)


def sample_bars(task: SampleTask) -> dict[Channel, BarSample]:
    """Draw bars of each channel of the selected rows, over all regions."""
    ranges, store = task.ranges, DiagramStore(task.ranges.diagrams)
    drawn = {channel: BarSample(task.n_bars) for channel in ranges.channels}
    for row, diagram in zip(ranges.rows, store.read_rows(ranges.rows, ranges.batches), strict=True):
        for channel, parts in _over_regions(diagram).items():
            pairs = np.concatenate([bars.expanded for bars in parts])
            of_volume = BarSample.from_pairs(pairs, (row, *channel), size=task.n_bars, seed=task.seed)
            drawn[channel] = drawn[channel].merge(of_volume)
    return drawn


def _over_regions(diagram: Mapping[Channel, Bars]) -> dict[Channel, list[Bars]]:
    """The bars of each channel in each of its regions."""
    found: dict[Channel, list[Bars]] = {}
    for name, dimension in sorted(diagram):
        found.setdefault((filtration_of(name), dimension), []).append(diagram[name, dimension])
    return found
