"""Tiny labelled inputs for networks, and a small run. Skipped where torch is not installed."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

SIZES = {"train": 24, "val": 12, "test": 12}


@pytest.fixture(scope="session")
def torch():
    """torch on one thread; MONAI is there too."""
    try:
        import monai  # noqa: F401
        import torch as module
    except ImportError as missing:
        pytest.skip(f'networks need the extra: pip install "tdaflow[torch]" ({missing})')
    threads = module.get_num_threads()
    module.set_num_threads(1)
    yield module
    module.set_num_threads(threads)


@pytest.fixture(scope="session")
def stack():
    """uint8 volumes (48, 8, 8, 8) and labels; those of class 1 are brighter."""
    rng = np.random.default_rng(0)
    labels = np.arange(sum(SIZES.values())) % 2
    noise = gaussian_filter(rng.standard_normal((len(labels), 8, 8, 8)), (0, 1, 1, 1))
    return np.clip(100 + 60 * noise + 25 * labels[:, None, None, None], 0, 255).astype(np.uint8), labels


@pytest.fixture
def inputs(stack):
    """Maker of network inputs from the stack; `shape` of one row may make images of the volumes."""
    from tdaflow.evaluation import Features
    from tdaflow.nets.inputs import NetInputs

    def make(*, labels=None, shape=(1, 8, 8, 8), mask=False) -> NetInputs:
        voxels, known = stack
        features = Features(
            ids=np.array([f"v{i}" for i in range(len(known))]),
            labels=known if labels is None else labels,
            splits=np.repeat(list(SIZES), list(SIZES.values())),
            groups=np.full(len(known), ""),
            blocks={"input": voxels.reshape(len(known), -1)},
            class_names=("dark", "bright"),
            about={"digest": "d"},
        )
        n = shape[0]
        return NetInputs(features, shape, np.zeros(n), np.full(n, 1 / 255), mask=mask)

    return make


@pytest.fixture(scope="session")
def run(stack, tmp_path_factory):
    """A finished run with alpha H1 and H2 images of the stack."""
    from tdaflow.cli.request import Request
    from tdaflow.cli.run import run_command

    folder = tmp_path_factory.mktemp("nets")
    voxels, labels = stack
    parts, left = {}, 0
    for split, n in SIZES.items():
        parts |= {f"{split}_images": voxels[left : left + n], f"{split}_labels": labels[left : left + n, None]}
        left += n
    np.savez(folder / "stack.npz", **parts)
    (folder / "small.toml").write_text(
        f'reference = "train"\n[data]\nkind = "arrays"\npath = "{folder / "stack.npz"}"\n'
        "[superpixels]\nn_superpixels = 40\n"
        "[filtrations.alpha]\nhomology_dimensions = [0, 1, 2]\n"
        '[images]\nresolution = 8\n[run]\ncluster = "sync"\n'
    )
    assert run_command(Request(str(folder / "small.toml"), folder / "run")) == 0
    return folder / "run"
