"""Near copies in other splits are found, whatever small thing was done to them, and other volumes are not."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tdaflow.sources.volume import Volume
from tdaflow.store import VolumeBuilder, VolumeStore
from tdaflow.store.integrity import check_volumes
from tdaflow.store.integrity.copies import near_copies

CHANGES = {
    "one voxel": lambda v, rng: _one_voxel(v, rng),
    "noise": lambda v, rng: np.clip(v + rng.normal(0, 2, v.shape), 0, 255),
    "brighter": lambda v, rng: 0.9 * v + 5,
    "shift": lambda v, rng: v,
}


def _one_voxel(voxels, rng):
    changed = voxels.copy()
    changed[tuple(rng.integers(0, 20, 3))] += 40
    return changed


@pytest.fixture
def ingested(tmp_path):
    """Make a store of volumes with a split each."""

    def make(volumes, splits):
        path = tmp_path / "v.zarr"
        builder = VolumeBuilder.create(
            tmp_path / "w.zarr", n_entries=len(volumes), shape=volumes[0].shape, dtype=np.float32, attributes={}
        )
        items = [
            Volume(f"v{i}", np.asarray(v, np.float32), label=i % 2, split=split)
            for i, (v, split) in enumerate(zip(volumes, splits, strict=True))
        ]
        chunk = builder.chunk
        for start in range(0, len(items), chunk):
            builder.write_part(start, builder.write_voxels(start, items[start : start + chunk]))
        builder.finish(path)
        return VolumeStore(path)

    return make


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_in_another_split_is_found_and_nothing_else(ingested, change):
    rng = np.random.default_rng(0)
    large = [255 * gaussian_filter(rng.random((24, 24, 24)), 1.5) for _ in range(30)]
    scans = [(v - v.min()) * 200 / np.ptp(v) for v in large]
    crop = (slice(0, 20),) * 3
    moved = (slice(1, 21), slice(2, 22), slice(0, 20)) if change == "shift" else crop
    volumes = [v[crop] for v in scans]
    volumes[25] = CHANGES[change](scans[3][moved], rng)
    store = ingested(volumes, ["train"] * 20 + ["val"] * 4 + ["test"] * 6)
    found = list(near_copies(store, store.table().of_rows()))
    assert [(p.kind, p.where) for p in found] == [("near copy", "v25")]
    assert "nearly v3 of the split train" in found[0].what
    assert any(p.kind == "near copy" for p in check_volumes(store.path, deep=True)[0])
    assert not any(p.kind == "near copy" for p in check_volumes(store.path)[0])


def test_copies_within_a_split_are_not_asked_for(ingested):
    rng = np.random.default_rng(0)
    volumes = [rng.random((12, 12, 12)) for _ in range(6)]
    volumes[5] = volumes[0] + 1e-3
    store = ingested(volumes, ["train"] * 6)
    assert list(near_copies(store, store.table().of_rows())) == []
