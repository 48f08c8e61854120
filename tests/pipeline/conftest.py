"""A small data set, configurations of it, and runs in this process that count what they compute."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from scipy.ndimage import gaussian_filter

from tdaflow.config import RunConfig
from tdaflow.pipeline import InProcess, RunState, Silent, run
from tdaflow.pipeline.stages.diagrams import compute_diagrams
from tdaflow.pipeline.stages.images import compute_images
from tdaflow.store import RunFolder

N = 12
SHAPE = (14, 14, 14)


def smooth_volumes(n: int = N, seed: int = 0) -> np.ndarray:
    """uint8 volumes (n, z, y, x) with a few blobs and voids each."""
    rng = np.random.default_rng(seed)
    stack = np.stack([gaussian_filter(rng.standard_normal(SHAPE), 1.2) for _ in range(n)])
    return np.rint(255 * (stack - stack.min()) / np.ptp(stack)).astype(np.uint8)


@pytest.fixture(scope="session")
def volumes() -> np.ndarray:
    """The voxels of the small data set."""
    return smooth_volumes()


@pytest.fixture(scope="session")
def save_stack():
    """Writer of a stack with its table: two volumes of three are for training."""

    def save(folder: Path, stack: np.ndarray) -> dict[str, str]:
        folder.mkdir(exist_ok=True)
        np.save(folder / "stack.npy", stack)
        rows = [f"v{i},{i % 2},{'test' if i % 3 == 2 else 'train'}" for i in range(len(stack))]
        (folder / "table.csv").write_text("\n".join(["id,label,split", *rows]) + "\n")
        return {"kind": "arrays", "path": str(folder / "stack.npy"), "table": str(folder / "table.csv")}

    return save


@pytest.fixture(scope="session")
def data(tmp_path_factory, volumes, save_stack) -> dict[str, str]:
    """The data section of the small data set; nobody changes its files."""
    return save_stack(tmp_path_factory.mktemp("data"), volumes)


SMALL: dict[str, Any] = {
    "superpixels": {"n_superpixels": 60},
    "filtrations": {"alpha": {}, "sublevel": {"kind": "cubical"}},
    "images": {"resolution": 8},
    "run": {"batch": 3},
}


@pytest.fixture(scope="session")
def settings(data) -> Callable[..., RunConfig]:
    """Maker of a small configuration; sections given as keyword arguments are laid over it."""

    def make(**sections: Any) -> RunConfig:
        merged = {"data": data, **SMALL}
        for name, section in sections.items():
            lay_over = isinstance(section, Mapping) and name in ("superpixels", "images", "run")
            merged[name] = {**merged[name], **section} if lay_over else section
        return RunConfig.model_validate(merged)

    return make


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    """Where the run of a test goes."""
    return RunFolder(tmp_path / "run")


@dataclass
class Invocations:
    """What the batch functions were asked to do in this process."""

    diagrams: list[tuple[int, int]] = field(default_factory=list)
    images: list[int] = field(default_factory=list)

    @property
    def volumes(self) -> int:
        """Volumes whose diagrams were asked for."""
        return sum(stop - start for start, stop in self.diagrams)

    def clear(self) -> None:
        """Forget them."""
        self.diagrams.clear()
        self.images.clear()


@pytest.fixture
def invocations(monkeypatch) -> Invocations:
    """Count every call of the two batch functions that a run in this process makes."""
    counted = Invocations()

    def diagrams(task):
        counted.diagrams.append((task.start, task.stop))
        return compute_diagrams(task)

    def images(task):
        counted.images.append(task.start)
        return compute_images(task)

    monkeypatch.setattr("tdaflow.pipeline.stages.diagrams.compute_diagrams", diagrams)
    monkeypatch.setattr("tdaflow.pipeline.stages.images.compute_images", images)
    return counted


class Messages(Silent):
    """An observer that keeps what a user would read, and how far each stage came."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.done: dict[str, int] = {}

    def message(self, text: str) -> None:
        """Keep it."""
        self.messages.append(text)

    def advanced(self, stage: str, volumes: int) -> None:
        """Count them."""
        self.done[stage] = self.done.get(stage, 0) + volumes


@pytest.fixture
def observer() -> Messages:
    """The observer of `sync`."""
    return Messages()


@pytest.fixture
def sync(folder, observer) -> Callable[..., RunState]:
    """Run a configuration in this process, in the folder of the test."""

    def go(config: RunConfig, **options: Any) -> RunState:
        return run(config, options.pop("folder", folder), InProcess(), options.pop("observer", observer), **options)

    return go


@pytest.fixture
def read_features() -> Callable[[RunFolder], dict[str, np.ndarray]]:
    """Reader of every array of a finished feature store, decoded."""

    def read(folder: RunFolder) -> dict[str, np.ndarray]:
        group = zarr.open_group(folder.features, mode="r")
        return {name: np.asarray(array[...]) for name, array in group.arrays()}

    return read


@pytest.fixture
def assert_same_features(read_features) -> Callable[[RunFolder, RunFolder], None]:
    """Two runs gave the same bits, σ included."""

    def check(one: RunFolder, other: RunFolder) -> None:
        ours, theirs = read_features(one), read_features(other)
        assert ours.keys() == theirs.keys()
        for name, values in ours.items():
            assert values.dtype == theirs[name].dtype, name
            if values.dtype.kind == "f":
                values, theirs[name] = (a.view(f"u{a.itemsize}") for a in (values, theirs[name]))
            np.testing.assert_array_equal(values, theirs[name], err_msg=name)
        assert one.read()["ranges"] == other.read()["ranges"]

    return check


@pytest.fixture
def no_leftovers() -> Callable[[RunFolder], None]:
    """Nothing of killed writers is in a run folder."""

    def check(folder: RunFolder) -> None:
        assert [p for p in folder.path.rglob("*") if p.name.startswith(".tmp-") or p.name.endswith(".partial")] == []
        assert not folder.features_in_progress.exists()

    return check
