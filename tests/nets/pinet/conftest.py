"""A finished run of small volumes, and a network trained on it for a moment."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

SPLITS = {"train": 24, "val": 12, "test": 12}
SHAPE = (16, 16, 16)


def textured(n: int, seed: int) -> np.ndarray:
    """uint8 volumes (n, 16, 16, 16) of finer and coarser texture; those with odd numbers are brighter."""
    rng = np.random.default_rng(seed)
    stack = np.stack([gaussian_filter(rng.standard_normal(SHAPE), rng.uniform(0.8, 2)) for _ in range(n)])
    stack /= np.abs(stack).max(axis=(1, 2, 3), keepdims=True)
    return np.clip(110 + 80 * stack + 30 * (np.arange(n) % 2)[:, None, None, None], 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def volume_run(tmp_path_factory):
    """Folder of a run with alpha H0 (a vector) and H1, and cubical H0."""
    from tdaflow.config import RunConfig
    from tdaflow.pipeline import InProcess, Silent
    from tdaflow.pipeline import run as run_pipeline
    from tdaflow.store import RunFolder

    folder = tmp_path_factory.mktemp("pinet")
    stack, arrays, left = textured(sum(SPLITS.values()), 0), {}, 0
    for split, n in SPLITS.items():
        arrays |= {f"{split}_images": stack[left : left + n], f"{split}_labels": np.arange(n)[:, None] % 2}
        left += n
    np.savez(folder / "stack.npz", **arrays)
    config = {
        "data": {"kind": "arrays", "path": str(folder / "stack.npz")},
        "superpixels": {"n_superpixels": 40},
        "filtrations": {
            "alpha": {"homology_dimensions": [0, 1]},
            "sublevel": {"kind": "cubical", "homology_dimensions": [0]},
        },
        "reference": "train",
        "images": {"resolution": 8},
        "run": {"batch": 8},
    }
    run_pipeline(RunConfig.model_validate(config), RunFolder(folder / "run"), InProcess(), Silent())
    return folder / "run"


@pytest.fixture(scope="session")
def pairs(torch, volume_run):
    """Training and validation volumes of the run."""
    from tdaflow.nets.pinet.train.pairs import run_pairs

    return run_pairs(volume_run)


@pytest.fixture(scope="session")
def tiny(torch):
    """The smallest network, and a schedule of three epochs."""
    from tdaflow.nets.pinet.model.network import VolumeNetOptions
    from tdaflow.nets.pinet.train.schedule import PINetSchedule
    from tdaflow.nets.schedule import Phase

    options = VolumeNetOptions(width=2, hidden=8, n_components=3)
    return options, PINetSchedule((Phase(2, 1e-3), Phase(1, 1e-4)), batch=8)


@pytest.fixture(scope="session")
def model_folder(pairs, tiny, tmp_path_factory):
    """Folder of a trained model."""
    from tdaflow.nets.pinet.train.run import train_model

    folder = tmp_path_factory.mktemp("model") / "model"
    train_model(pairs, folder, *tiny, preset="short")
    return folder
