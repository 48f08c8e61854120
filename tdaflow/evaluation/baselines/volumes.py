"""Labelled volumes of a run, streamed from its volume store: the input of baselines on voxels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.config import RunConfig
from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.checks import check_table
from tdaflow.evaluation.protocol.features import SPLITS, Features, repacked_note
from tdaflow.evaluation.protocol.ledger import split_digest
from tdaflow.store import RunFolder, VolumeStore, VolumeTable, content_digest, options_digest
from tdaflow.store.zarr_layout import open_dataset

# Bytes of all voxels that a baseline may hold at once.
MAX_BYTES = 8 << 30


@dataclass(frozen=True)
class LabelledVolumes:
    """Volumes with a label and a split, in the order of the store.

    Attributes
    ----------
    store : VolumeStore
    table : VolumeTable
        One row a volume; `table.row` is its row in the store.
    class_names : tuple of str
    run : Path
        Folder of the run, or the bare store.
    config : RunConfig
        Of the run, the defaults for a bare store: its superpixels and images are those that 2D-TDA uses too.
    about : mapping
        JSON-able: ``data_set``, ``limit``, ``digest`` of volumes and selection.
    """

    store: VolumeStore
    table: VolumeTable
    class_names: tuple[str, ...]
    run: Path
    config: RunConfig
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def train(self) -> np.ndarray:
        """Mask of the training volumes, bool (n,)."""
        return self.table.split == "train"

    def voxels(self) -> Iterator[np.ndarray]:
        """Yield the voxels (z, y, x) of every row, in the store's dtype.

        Raises
        ------
        InputError
            If voxels are not those that were ingested (a lost chunk reads as zeros without any error).
        """
        wanted = {int(row): position for position, row in enumerate(self.table.row)}
        for row, voxels in enumerate(self.store.voxels(0, int(self.table.row[-1]) + 1)):
            if row not in wanted:
                continue
            position = wanted[row]
            if content_digest(voxels) != self.table.digest[position]:
                raise InputError(
                    f"the voxels of {self.table.id[position]!r} in {self.store.path} are not those that were ingested: "
                    "ingest again"
                )
            yield voxels

    def stacked(self) -> np.ndarray:
        """All voxels, shape (n, z, y, x); InputError if shapes differ or they exceed `MAX_BYTES`.

        In the dtype of the store, or float32 if every volume is an array of its own.
        """
        if len(np.unique(self.table.shape, axis=0)) > 1:
            raise InputError(
                f"volumes have unequal shapes, such as {tuple(self.table.shape.min(axis=0).tolist())} and "
                f"{tuple(self.table.shape.max(axis=0).tolist())}, and this baseline needs one: resample them first, or "
                "leave it out"
            )
        stack: np.ndarray | None = None
        for position, voxels in enumerate(self.voxels()):
            if stack is None:
                dtype = voxels.dtype if self.store.is_one_array else np.dtype(np.float32)
                n_bytes = voxels.size * dtype.itemsize * len(self)
                if n_bytes > MAX_BYTES:
                    raise InputError(
                        f"the voxels of {len(self)} volumes take {n_bytes / 2**30:.1f} GiB, more than the "
                        f"{MAX_BYTES / 2**30:.0f} GiB that a baseline may hold: downsample them first, or leave it out"
                    )
                stack = np.empty((len(self), *voxels.shape), dtype)
            stack[position] = voxels
        assert stack is not None
        return stack

    @cached_property
    def grey_values(self) -> tuple[float, float] | None:
        """The two values of a mask-like data set, all of whose voxels have one of two values; None for others."""
        low, high = float(self.table.minimum.min()), float(self.table.maximum.max())
        for voxels in self.voxels():
            if not ((voxels == low) | (voxels == high)).all():
                return None
        return low, high

    def features(self, blocks: Mapping[str, np.ndarray], **about: Any) -> Features:
        """Make labelled features of blocks of columns, each (n, d)."""
        text = {name: _text(getattr(self.table, name)) for name in ("id", "split", "group")}
        return Features(
            ids=text["id"],
            labels=self.table.label,
            splits=text["split"],
            groups=text["group"],
            blocks=blocks,
            class_names=self.class_names,
            about={**self.about, **about},
        )


def development_volumes(run: Path, ids: np.ndarray) -> LabelledVolumes:
    """Read the volumes of a run with some ids, all as training volumes, in the order of the store.

    Raises
    ------
    InputError
        If there is no volume store.
    """
    run = Path(run)
    store, config, state = _opened(run)
    table = store.table().of_rows()
    return _labelled(run, store, config, state, table, np.isin(_text(table.id), ids), "train")


def load_volumes(path: Path) -> LabelledVolumes:
    """Read which volumes of a run have a label and a split; voxels are read on demand.

    Parameters
    ----------
    path : Path
        Folder of a run, or a volume store. Where the run has a feature store, only its volumes are taken, so that
        baselines stand in one table with the method.

    Raises
    ------
    InputError
        If there is no volume store, no label, or the table cannot make an honest evaluation, see `check_table`.
    """
    path = Path(path)
    store, config, state = _opened(path)
    table = store.table().of_rows()
    keep = (table.label >= 0) & np.isin(table.split.astype(str), SPLITS)
    featured = _ids_with_features(path / "features.zarr")
    if featured is not None:
        keep &= np.array([identity in featured for identity in table.id], dtype=bool)
    if not keep.any():
        raise InputError(f"{store.path} has no labelled volume in 'train', 'val' and 'test': give labels and splits")
    volumes = _labelled(path, store, config, state, table, keep)
    ids, split, group = (_text(getattr(volumes.table, name)) for name in ("id", "split", "group"))
    check_table(ids, volumes.table.label, split, group, volumes.class_names)
    return volumes


def _opened(path: Path) -> tuple[VolumeStore, RunConfig, dict[str, Any] | None]:
    """Volume store, configuration and state of a run, or of a bare store."""
    if (path / "zarr.json").is_file():
        return VolumeStore(path), RunConfig(), None
    folder = RunFolder(path)
    state = folder.read()
    config = RunConfig() if state is None else RunConfig.model_validate(state["config"])
    elsewhere = config.store
    if elsewhere is None and not folder.volumes.exists():
        raise InputError(f"{path} holds no volumes.zarr: run `tdaflow run ... --out {path}` first")
    return VolumeStore(elsewhere or folder.volumes), config, state


def _labelled(
    run: Path,
    store: VolumeStore,
    config: RunConfig,
    state: dict[str, Any] | None,
    table: VolumeTable,
    keep: np.ndarray,
    split: str | None = None,
) -> LabelledVolumes:
    """The volumes where `keep` is true, all in `split` if one is given."""
    table = VolumeTable(**{name: column[keep] for name, column in vars(table).items()})
    if split is not None:
        table = replace(table, split=np.full(len(table), split))
    names = tuple(str(name) for name in store.attributes.get("class_names") or ())
    class_names = names or tuple(str(k) for k in range(int(table.label.max()) + 1))
    data = {} if state is None else state["config"].get("data", {})
    return LabelledVolumes(
        store, table, class_names, run, config,
        {
            "data_set": str(data.get("name") or data.get("kind") or store.attributes.get("source", "volumes")),
            "limit": data.get("limit"),
            "repacked": None if state is None else repacked_note(state),
            "digest": options_digest(store.digest, split_digest(_text(table.id), table.label)),
        },
    )  # fmt: skip


def _text(values: np.ndarray) -> np.ndarray:
    return np.array([str(value) for value in values], dtype=np.str_)


def _ids_with_features(store: Path) -> set[str] | None:
    if not (store / "zarr.json").is_file():
        return None
    with open_dataset(store, "feature store") as data:
        return {str(identity) for identity in data["id"].values}
