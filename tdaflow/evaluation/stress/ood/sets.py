"""Out-of-distribution sets: other stores, and the run's own test volumes perturbed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.stress.recipe import rows_of
from tdaflow.evaluation.stress.robustness.measure import intensity_range
from tdaflow.evaluation.stress.robustness.perturbations import KINDS, Perturbation
from tdaflow.pipeline.apply import run_volumes
from tdaflow.store import RunFolder, VolumeStore

CORRUPTED = "corrupted"
RELATIONS = ("near", "far", "other")


@dataclass(frozen=True)
class OodSet:
    """Volumes that are out of the distribution of a run.

    Attributes
    ----------
    name : str
    relation : str
        "near" (another anatomy), "far" (another modality), "other" if the user named none, or "corrupted".
    store : VolumeStore
    rows : tuple of int
        Ascending.
    groups : array of str, shape (n,)
        Patients, "" if unknown.
    change : Perturbation or None
        Applied to every volume.
    """

    name: str
    relation: str
    store: VolumeStore
    rows: tuple[int, ...]
    groups: np.ndarray
    change: Perturbation | None = None


def named_sets(given: Sequence[str], run: Path) -> list[OodSet]:
    """Open stores as a user names them: ``[near=|far=]PATH``, the folder of a run or a volume store.

    Their test volumes are taken, or all volumes if there is no test split. Labels are not read.

    Raises
    ------
    InputError
        If there is no such store, it is the run's own, or two are named alike.
    """
    found: list[OodSet] = []
    for text in given:
        match = re.fullmatch(rf"(?:({'|'.join(RELATIONS)})=)?(.+)", text)
        assert match is not None
        store = _opened(Path(match[2]))
        if store.digest == run_volumes(RunFolder(run)).digest:
            raise InputError(
                f"{match[2]} holds the run's own volumes, which are not out of distribution: name another store"
            )
        table = store.table().of_rows()
        is_test = table.split == "test"
        rows = np.flatnonzero(is_test if is_test.any() else np.ones(len(table), dtype=bool))
        name = str(store.attributes.get("source") or Path(match[2]).name)
        if name in {s.name for s in found}:
            raise InputError(f"two out-of-distribution sets are called {name!r}: give each once")
        groups = np.array([str(g) for g in table.group[rows]], dtype=np.str_)
        found.append(OodSet(name, match[1] or "other", store, tuple(rows.tolist()), groups))
    return found


def corrupted_sets(run: Path, test: Features) -> list[OodSet]:
    """Perturb the run's own test volumes by every kind at its highest severity."""
    store, rows, order = rows_of(run, test)
    low, high = intensity_range(run)
    return [
        OodSet(
            f"{kind.title} {kind.severities[-1]:g}", CORRUPTED, store, tuple(rows.tolist()), test.groups[order],
            Perturbation(name, float(kind.severities[-1]), low, high),
        )
        for name, kind in KINDS.items()
    ]  # fmt: skip


def _opened(path: Path) -> VolumeStore:
    if (path / "zarr.json").is_file():
        return VolumeStore(path)
    folder = RunFolder(path)
    if not path.is_dir() or folder.read() is None:
        raise InputError(f"{path} is neither a run nor a volume store: make one with `tdaflow ingest ... --out {path}`")
    return run_volumes(folder)
