"""What the vectorisations of a channel share over the data set: the range of its values, and what ATOL learns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdaflow.config import RunConfig
from tdaflow.diagrams import Channel, RangeRecord, resolve_ranges
from tdaflow.pipeline.tasks import RangeTask, SampleTask, SummaryStep
from tdaflow.vectorisations import Atol, BarSample, FittedAtol, fit_atol


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
            facts["atol"] = fit_atol(atol, _usual(samples[channel].bars, *facts["values"])).as_dict()
        found[range_key(channel)] = facts
    return found


def _usual(bars: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """The bars within the cohort's values and as far around them: those of one odd volume would take all centres."""
    width = high - low
    near = (bars[:, 0] >= low - width) & (bars[:, 1] <= high + width)
    return bars[near] if near.any() else bars


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
