"""Ground truth of many signals or images, made batch by batch on an engine and kept in a Zarr array."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr

from tdaflow.atomic import rename_whole, sync_tree
from tdaflow.errors import InputError
from tdaflow.nets.pinet.paper.targets import IMAGES, SIGNALS, TargetOptions, image_targets, signal_targets
from tdaflow.pipeline import Engine, Observer, Silent, StageCounts
from tdaflow.pipeline.fan_out import RowRange, Stop, fan_out
from tdaflow.store import content_digest, options_digest, remove_whole, written_whole
from tdaflow.store.zarr_layout import attributes_of, create_array, member, open_group

Kind = Literal["signals", "images"]

STAGE = "targets"
ARRAY = "persistence_image"
OPTIONS: dict[Kind, TargetOptions] = {"signals": SIGNALS, "images": IMAGES}
MAKERS = {"signals": signal_targets, "images": image_targets}
# Rows of a task and of a chunk: about a second of work.
_CHUNK = 256


@dataclass(frozen=True)
class TargetTask(RowRange):
    """Make the targets of the rows [start, stop) of an array and write them as one chunk."""

    inputs: Path
    targets: Path
    kind: Kind
    options: TargetOptions
    start: int
    stop: int


def compute_targets(task: TargetTask) -> int:
    """Make and write one chunk, unless it is there; return the number of rows."""
    if not _is_written(task.targets, task.start):
        rows = np.load(task.inputs, mmap_mode="r", allow_pickle=False)[task.start : task.stop]
        made = MAKERS[task.kind](rows, task.options)
        member(open_group(task.targets, "target store", mode="r+"), ARRAY)[task.start : task.stop] = made
    return task.n_volumes


def make_targets(
    inputs: Path,
    path: Path,
    kind: Kind,
    engine: Engine,
    *,
    options: TargetOptions | None = None,
    observer: Observer | None = None,
) -> np.ndarray:
    """Make the ground truth of an array, or read the one that is there.

    Parameters
    ----------
    inputs : Path
        A ``.npy``: signals (n, channels, t), prepared, or images (n, height, width, channels).
    path : Path
        The store. An interrupted one is gone on with; one of other inputs or options is refused.
    kind : "signals" or "images"
    engine : Engine
    options : TargetOptions, optional
        `SIGNALS` or `IMAGES` by default.
    observer : Observer, optional

    Returns
    -------
    float32 (n, channels, rows, columns)

    Raises
    ------
    InputError
        If the array cannot be used, or `path` holds other targets.
    RunError
        If a batch fails; finished ones are kept.
    """
    options, observer = options or OPTIONS[kind], observer or Silent()
    path, inputs = Path(path), Path(inputs).resolve()
    try:
        values = np.load(inputs, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{inputs} is no array of signals or images ({error}); save one with numpy.save") from None
    digest = options_digest(kind, options.as_dict(), content_digest(np.asarray(values)))
    if path.exists():
        return _read(path, digest)
    unfinished = path.with_name(f".{path.name}.in-progress")
    _open(unfinished, values, kind, options, digest)
    n = len(values)
    tasks = [
        TargetTask(inputs, unfinished.resolve(), kind, options, left, min(left + _CHUNK, n))
        for left in range(0, n, _CHUNK)
    ]
    missing = [task for task in tasks if not _is_written(task.targets, task.start)]
    reused = n - sum(task.n_volumes for task in missing)
    counts = StageCounts(total=n, done=reused, reused=reused)
    for _ in fan_out(engine, STAGE, compute_targets, missing, counts, observer, Stop(), refusals=InputError):
        pass
    sync_tree(unfinished)
    rename_whole(unfinished, path)
    return _read(path, digest)


def _open(path: Path, values: np.ndarray, kind: Kind, options: TargetOptions, digest: str) -> None:
    """Make an empty store, unless one of the same targets is there."""
    if path.exists():
        if attributes_of(open_group(path, "target store")).get("digest") == digest:
            return
        remove_whole(path)
    n, channels = len(values), values.shape[1] if kind == "signals" else values.shape[-1]
    side = options.resolution
    attributes: dict[str, Any] = {"digest": digest, "kind": kind, **options.as_dict()}
    with written_whole(path) as temporary:
        group = zarr.create_group(temporary, zarr_format=3)
        create_array(
            group, ARRAY, shape=(n, channels, side, side), chunks=(min(_CHUNK, max(1, n)), channels, side, side),
            dtype=np.float32, dimensions=("row", "channel", "y", "x"), fill_value=np.nan,
        )  # fmt: skip
        group.attrs["tdaflow"] = attributes


def _is_written(path: Path, start: int) -> bool:
    return path.joinpath(ARRAY, "c", str(start // _CHUNK), "0", "0", "0").is_file()


def _read(path: Path, digest: str) -> np.ndarray:
    group = open_group(path, "target store")
    if attributes_of(group).get("digest") != digest:
        raise InputError(f"{path} holds the targets of other inputs or options: give another path, or delete it")
    return np.asarray(member(group, ARRAY)[...])
