"""What a run would do: counted from the source's description, looked at and timed on a sample of its volumes."""

import resource
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from dask.system import CPU_COUNT

from tdaflow.config import RunConfig
from tdaflow.errors import InputError
from tdaflow.pipeline.batch_sizes import n_batches, smallest_batch, volume_costs, volumes_a_batch
from tdaflow.pipeline.recipe import check_shapes, diagram_recipe, learnt_scales
from tdaflow.pipeline.stages.volumes import chosen_preprocessing, described, preprocessed, settled
from tdaflow.pipeline.tasks import volume_facts
from tdaflow.pipeline.volume import HeldVolume, volume_diagrams
from tdaflow.sources import Volume
from tdaflow.store import VolumeStore, VolumeTable
from tdaflow.store.integrity import check_cohort, cohort_line
from tdaflow.store.volume_builder import row_of, table_of

# Volumes that are timed, and those that are looked at.
_TIMED, _LOOKED_AT = 4, 20
_PAIR_BYTES = 18


@dataclass(frozen=True)
class Plan:
    """What `tdaflow plan` prints; points are those of each filtration of points, bytes are before compression."""

    name: str
    n_volumes: int
    shape: str
    splits: Mapping[str, int]
    n_points: Mapping[str, int]
    batch: int
    n_batches: int
    n_sampled: int
    seconds_a_volume: float
    seconds: float
    workers: int
    worker_bytes: int
    bytes_written: int
    notes: tuple[str, ...]


def make_plan(config: RunConfig, workers: int | None = None) -> Plan:
    """Describe a run and time a few of its volumes; nothing is written.

    Raises
    ------
    InputError
        If the source cannot be read, or none of the sampled volumes can be used.
    """
    workers = workers or CPU_COUNT
    about = _described(config)
    looked_at = list(_spread_volumes(config, about.n_volumes))
    if not looked_at:
        raise InputError(f"{about.name}: no usable volume was found; `tdaflow ingest` lists the reasons")
    table = _sample_table(looked_at)
    check_shapes(config, table)
    cohort = _look(table, about.n_volumes)
    sampled = looked_at[: _TIMED + 1]
    scales = learnt_scales(config, table)
    recipe = diagram_recipe(config, {name: scale.as_dict() for name, scale in scales.items()})
    n_bars, n_points, seconds = [], {}, []
    # The first volume pays for imports and compilation, unless it is the only one.
    for position, volume in enumerate(sampled):
        began = time.perf_counter()
        diagrams, facts = volume_diagrams(HeldVolume(volume_facts(table, position), volume.voxels), recipe)
        if position or len(sampled) == 1:
            seconds.append(time.perf_counter() - began)
        n_bars.append(sum(bars.n_bars for bars in diagrams.values()))
        n_points = facts["n_points"]
    cost = float(np.median(volume_costs(np.array([v.voxels.size for v in sampled]), recipe.steps)))
    voxel_bytes = float(np.median([v.voxels.nbytes for v in sampled]))
    batch = config.run.batch if config.run.batch != "auto" else volumes_a_batch(cost, about.n_volumes, workers)
    rows, columns = config.images.shape
    numbers = sum(
        len(config.filtrations[name].regions.names)
        * (rows * (1 if config.is_vector((name, dimension)) else columns) + _n_terms(config))
        for name, dimension in config.channels
    )
    pair_bytes = float(np.mean(n_bars)) * _PAIR_BYTES
    a_volume = voxel_bytes + pair_bytes + numbers * np.dtype(config.images.dtype).itemsize
    per_volume = float(np.median(seconds))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Plan(
        name=about.name,
        n_volumes=about.n_volumes,
        shape=about.shape,
        splits=about.splits,
        n_points=n_points,
        batch=batch,
        n_batches=n_batches(about.n_volumes, batch, smallest_batch(config.run.batch, batch), workers),
        n_sampled=len(seconds),
        seconds_a_volume=per_volume,
        seconds=per_volume * about.n_volumes / workers,
        workers=workers,
        worker_bytes=int(peak + batch * (voxel_bytes + 2 * pair_bytes)),
        bytes_written=int(about.n_volumes * a_volume),
        notes=(*about.notes, *cohort),
    )


def _look(table: VolumeTable, n_volumes: int) -> list[str]:
    """What the sampled volumes are like, and what stands apart among them."""
    of = f"{len(table)} of {n_volumes} volumes looked at: " if len(table) < n_volumes else ""
    problems = [f"{p.severity}: {p.where}: {p.what}; {p.remedy}" for p in check_cohort(table, ingested=False)]
    return [of + cohort_line(table), *problems]


@dataclass(frozen=True)
class _Described:
    name: str
    n_volumes: int
    shape: str
    splits: Mapping[str, int]
    notes: tuple[str, ...]


def _described(config: RunConfig) -> _Described:
    if config.store is not None:
        table = VolumeStore(config.store).table()
        splits, counts = np.unique(table.split.astype(str), return_counts=True)
        return _Described(
            str(config.store), table.n_ok, "from a volume store", dict(zip(splits, map(int, counts), strict=True)), ()
        )
    info = described(config)
    shape = "unequal shapes" if info.shape is None else "×".join(map(str, info.shape)) + f" {info.dtype}"
    return _Described(info.name, info.n_volumes, shape, info.splits, tuple(info.notes))


def _spread_volumes(config: RunConfig, n_volumes: int) -> Iterator[Volume]:
    """Usable volumes from the whole of the source, evenly spread."""
    wanted = min(_LOOKED_AT, n_volumes)
    starts = [i * n_volumes // wanted for i in range(wanted)]
    if config.store is None:
        info = described(config)
        source = settled(config.source(), info)
        preprocessing, _ = chosen_preprocessing(config, info)
        # Every region in turn, for a step of even length would meet the same one each time.
        n_rois = len(info.rois) or 1
        starts = [start // n_rois * n_rois + i % n_rois for i, start in enumerate(starts)]
        for start in starts:
            item = next(iter(source.volumes(start)), None)
            if item is not None and isinstance(made := preprocessed(item, preprocessing), Volume):
                yield made
        return
    store = VolumeStore(config.store)
    rows = store.table().of_rows()
    for row in starts:
        z, y, x = rows.spacing[row]
        (voxels,) = store.voxels(row, row + 1)
        yield Volume(str(rows.id[row]), voxels, (float(z), float(y), float(x)))


def _n_terms(config: RunConfig) -> int:
    """Numbers that the vectorisations give of one channel and region."""
    return sum(len(options.terms((0.0, 1.0))) for options in config.vectorisation_options().values())


def _sample_table(sampled: list[Volume]) -> VolumeTable:
    """The volume table of the sample, all of it for training, so that it serves any reference."""
    return table_of([row_of(replace(volume, split="train")) for volume in sampled])
