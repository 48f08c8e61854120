"""Features of a run as labelled rows and named blocks of columns."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.remote import place
from tdaflow.store import content_digest, options_digest
from tdaflow.store.block_names import BlockName
from tdaflow.store.zarr_layout import noted_in, open_dataset

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Features:
    """Labelled volumes and their features.

    Attributes
    ----------
    ids, splits, groups : arrays of str, shape (n,)
        `splits` are "train", "val" or "test"; `groups` are patients (studies), "" where unknown.
    labels : int64 array, shape (n,)
        Class index, 0 ≤ label < number of classes.
    blocks : mapping of str to float array, shape (n, d)
        One flattened image or one vectorisation each, named as `tdaflow.store.block_names.BlockName` says.
    class_names : tuple of str
    about : mapping
        JSON-able: ``digest`` of the images, ``reference``, ``data_set``, ``left_out`` and other facts of the run.
    """

    ids: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    groups: np.ndarray
    blocks: Mapping[str, np.ndarray]
    class_names: tuple[str, ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def digest(self) -> str:
        """Digest of the settings that made the features, or of their values if those are unknown."""
        told = self.about.get("digest")
        return str(told) if told else options_digest({name: content_digest(b) for name, b in self.blocks.items()})

    def rows(self, *splits: str) -> "Features":
        """Select the volumes of some splits."""
        return self.taken(np.isin(self.splits, splits))

    def taken(self, keep: np.ndarray) -> "Features":
        """Select the volumes at some positions, or where a mask is true."""
        return replace(
            self,
            ids=self.ids[keep],
            labels=self.labels[keep],
            splits=self.splits[keep],
            groups=self.groups[keep],
            blocks={name: block[keep] for name, block in self.blocks.items()},
        )

    def of_ids(self, ids: np.ndarray) -> "Features":
        """Select the volumes with these ids, in their order; KeyError if one is not there."""
        position = {identity: row for row, identity in enumerate(self.ids.tolist())}
        return self.taken(np.array([position[identity] for identity in ids.tolist()], dtype=np.int64))

    def matrix(self, blocks: Sequence[str]) -> np.ndarray:
        """Return the named blocks side by side, float64, shape (n, sum of their widths)."""
        return np.concatenate([self.blocks[name] for name in blocks], axis=1, dtype=np.float64)


_TOLD = ("digest", "epsilon", "plane", "reference", "learnt_from")
"""Attributes of the store that are kept."""


def load_features(path: Path) -> Features:
    """Read the features of a run.

    Parameters
    ----------
    path : Path
        Folder of a run, or a features.zarr.

    Returns
    -------
    Features
        Volumes without a label or outside the three splits are left out and counted in ``about["left_out"]``.

    Raises
    ------
    InputError
        See `check_features`; also if there is no finished feature store.
    """
    features = _all_rows(path)
    keep = (features.labels >= 0) & np.isin(features.splits, SPLITS)
    left_out = int((~keep).sum())
    return replace(features.taken(keep), about={**features.about, "left_out": left_out})


def development_features(path: Path) -> Features:
    """Read the labelled volumes outside the test split, by id, all as training volumes; for nested cross-validation.

    Parameters
    ----------
    path : Path
        As for `load_features`.

    Returns
    -------
    Features
        Rows sorted by id, so that the order of the source changes no bit. If there is a test split, volumes without a
        split are left out too. `about` counts them: ``left_out``, and ``n_test`` of the test split.

    Raises
    ------
    InputError
        As `load_features`.
    """
    features = _all_rows(path)
    labelled, n_test = features.labels >= 0, int((features.splits == "test").sum())
    keep = np.flatnonzero(labelled & np.isin(features.splits, ("train", "val")) if n_test else labelled)
    kept = features.taken(keep[np.argsort(features.ids[keep], kind="stable")])
    left_out = len(features) - len(kept) - n_test
    return replace(
        kept, splits=np.full(len(kept), "train"), about={**features.about, "left_out": left_out, "n_test": n_test}
    )


def _all_rows(path: Path) -> Features:
    """All volumes of a store; InputError if none has a label."""
    store = _store_of(path)
    with _opened(store) as data:
        told = noted_in(data.attrs)
        blocks = blocks_of(data)
        columns = {name: data[name].values for name in ("id", "label", "split", "group")}
    labels = columns["label"].astype(np.int64)
    class_names = tuple(str(name) for name in told.get("class_names") or ())
    features = Features(
        ids=_text(columns["id"]),
        labels=labels,
        splits=_text(columns["split"]),
        groups=_text(columns["group"]),
        blocks=blocks,
        class_names=class_names or tuple(str(k) for k in range(int(labels.max(initial=-1)) + 1)),
        about={**{k: told[k] for k in _TOLD if k in told}, **_run_facts(store)},
    )
    if not len(features) or (features.labels < 0).all():
        raise InputError(f"{store} has no labels: give the source a label for every volume, then run again")
    return features


def feature_batches(path: Path) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Yield the ids and blocks of all volumes with features, labelled or not, a chunk of the store at a time.

    `path` and errors are those of `load_features`.
    """
    with _opened(_store_of(path)) as data:
        size = int(noted_in(data.attrs).get("chunk", 1))
        for left in range(0, data.sizes["volume"], size):
            part = data.isel(volume=slice(left, left + size))
            yield _text(part["id"].values), blocks_of(part)


def features_of(path: Path, identity: str) -> dict[str, np.ndarray] | None:
    """Return the blocks of one volume, each (columns,); None if it has no features. Errors as `load_features`."""
    with _opened(_store_of(path)) as data:
        (rows,) = np.nonzero(_text(data["id"].values) == identity)
        if not len(rows):
            return None
        return {name: block[0] for name, block in blocks_of(data.isel(volume=rows[:1])).items()}


def feature_digest(path: Path) -> str | None:
    """Digest of the settings and volumes that the features of a run were made of; None if there are no features."""
    try:
        with _opened(_store_of(path)) as data:
            told = noted_in(data.attrs).get("digest")
    except InputError:
        return None
    return None if told is None else str(told)


def _store_of(path: Path) -> Path:
    path = place(path)
    store = path if path.suffix == ".zarr" else path / "features.zarr"
    if not (store / "zarr.json").is_file():
        raise InputError(f"{path} holds no finished features.zarr: run `tdaflow run ... --out {path}` to its end first")
    return store


@contextmanager
def _opened(store: Path) -> Iterator[Any]:
    with open_dataset(store, "feature store", chunks=None) as data:
        yield data


def _text(values: np.ndarray) -> np.ndarray:
    # Not astype: stores give variable-width strings, whose width NumPy does not look for.
    return np.array([str(value) for value in values], dtype=np.str_)


def blocks_of(data: Any) -> dict[str, np.ndarray]:
    """Return the blocks of an opened feature store by name, each (volume, column)."""
    found: dict[BlockName, np.ndarray] = {}
    for name, prefix in (("persistence_vector", "vector_"), ("persistence_image", "")):
        if name in data:
            values = data[name].values
            for position, label in enumerate(_labels(data, prefix)):
                found[BlockName(*label)] = values[:, position].reshape(len(values), -1)
    if "summary" in data:
        columns: dict[BlockName, list[int]] = {}
        kinds = data["summary_vectorisation"].values
        for position, (label, kind) in enumerate(zip(_labels(data, "summary_"), kinds, strict=True)):
            columns.setdefault(BlockName(*label, str(kind)), []).append(position)
        values = data["summary"].values
        found |= {label: values[:, positions] for label, positions in columns.items()}
    return {str(label): found[label] for label in sorted(found)}


def _labels(data: Any, prefix: str) -> Iterator[tuple[str, int, str]]:
    """Yield filtration, homology dimension and region along an axis of the feature store."""
    names = (data[f"{prefix}{name}"].values for name in ("filtration", "homology_dimension", "region"))
    for filtration, dimension, region in zip(*names, strict=True):
        yield str(filtration), int(dimension), str(region)


def _run_facts(store: Path) -> dict[str, Any]:
    """Read the name of the data set and the preset from the run.json beside the store."""
    from tdaflow.store.run_folder import RunFolder, cohort_name

    state = RunFolder(store.parent).read()
    if state is None:
        return {}
    config = state["config"]
    data = config.get("data", {})
    return {
        "data_set": cohort_name(state, store.parent),
        "limit": data.get("limit"),
        "preset": config.get("preset"),
        "n_quarantined": len(state.get("quarantined", {})),
        "repacked": repacked_note(state),
    }


def repacked_note(state: Mapping[str, Any]) -> str | None:
    """What the source of a run said of a file that is not the published one; None if it is, or if none is published."""
    source = state.get("source", {})
    return "; ".join(source.get("notes", ())) if source.get("checksum") == "differs" else None


def joined(*parts: Features) -> Features:
    """Put the blocks of several runs over the same volumes side by side.

    Parameters
    ----------
    *parts : Features
        Of the same ids, labels, splits and groups; the order of rows is the first one's.

    Raises
    ------
    InputError
        If the ids, labels, splits or groups differ, or if two parts name a block alike.
    """
    first = parts[0]
    blocks = dict(first.blocks)
    for other in parts[1:]:
        if len(set(other.ids)) < len(other.ids) or set(other.ids) != set(first.ids):
            lacking = sorted(map(str, set(first.ids) ^ set(other.ids)))
            raise InputError(
                f"the feature stores hold different volumes ({len(lacking)} ids are in one only"
                f"{f', such as {lacking[0]!r}' if lacking else ''}): make both from the same source"
            )
        ordered = other.of_ids(first.ids)
        for column in ("labels", "splits", "groups"):
            if not np.array_equal(getattr(ordered, column), getattr(first, column)):
                raise InputError(f"the feature stores give the same ids different {column}: make both from one source")
        for name, block in ordered.blocks.items():
            if name in blocks:
                raise InputError(f"two feature stores have a block {name!r}: name their filtrations differently")
            blocks[name] = block
    digest = options_digest([part.digest for part in parts]) if len(parts) > 1 else first.digest
    return replace(first, blocks=blocks, about={**first.about, "digest": digest})
