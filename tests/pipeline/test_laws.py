"""One voxel and one volume change only what they are: the images of the others hardly move, whatever the filtration."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tdaflow
from tdaflow.config import RunConfig
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.store import RunFolder

FLT_MAX = float(np.finfo(np.float32).max)
EDGE = 12
FILTRATIONS: dict[str, Any] = {
    "alpha": {"superpixels": {"n_superpixels": 200}},
    "sublevel": {"kind": "cubical"},
    "superlevel": {"kind": "cubical", "direction": "superlevel"},
    "gradient": {"kind": "gradient", "direction": "superlevel"},
    "log": {"kind": "log"},
    "gaussian": {"kind": "gaussian"},
    "distance": {"kind": "distance"},
    "height": {"kind": "height", "axis": [0, 0, 1]},
    "weighted": {"kind": "weighted-height", "direction": "superlevel"},
}


def cohort(n: int) -> np.ndarray:
    """Volumes of one kind, uniform noise."""
    return np.random.default_rng(0).random((n, EDGE, EDGE, EDGE))


def images_of(volumes: np.ndarray, folder: Path, **sections: Any) -> dict[str, dict[tuple[str, int], np.ndarray]]:
    """Images by id and channel; quarantined volumes are left out."""
    folder.mkdir()
    np.save(folder / "stack.npy", volumes)
    data = {"kind": "arrays", "path": str(folder / "stack.npy")}
    config = RunConfig.model_validate({"data": data, "filtrations": FILTRATIONS, **sections})
    run(config, RunFolder(folder / "run"), InProcess(), Silent())
    features = tdaflow.open_run(folder / "run").features
    found: dict[str, dict[tuple[str, int], np.ndarray]] = {str(i): {} for i in features.id.values}
    for prefix, name in (("", "persistence_image"), ("vector_", "persistence_vector")):
        labels = features[f"{prefix}filtration"].values, features[f"{prefix}homology_dimension"].values
        for position, values in zip(found, features[name].values, strict=True):
            for i, (filtration, dimension) in enumerate(zip(*labels, strict=True)):
                found[position][str(filtration), int(dimension)] = values[i]
    return found


def relative(before, after, channel) -> float:
    """‖A − B‖/‖A‖ over the volumes that both have, the last one left out."""
    ids = [i for i in before if i in after][: len(before) - 1]
    a, b = (np.stack([images[i][channel] for i in ids]).astype(float) for images in (before, after))
    size = np.linalg.norm(a)  # 0 for a channel without any bar
    return float(np.linalg.norm(a - b) / size) if size else float(np.abs(b).max())


def two_voxels(volume: np.ndarray) -> np.ndarray:
    volume[5, 5, 5], volume[9, 9, 9] = 1e6, -1e6
    return volume


def one_voxel(value: float):
    def change(volume: np.ndarray) -> np.ndarray:
        volume[6, 6, 6] = value
        return volume

    return change


CHANGES = {
    "two voxels of ±1e6": two_voxels,
    "one of 1e12": one_voxel(1e12),
    "one of -FLT_MAX": one_voxel(-FLT_MAX),
    "one of 1e308": one_voxel(1e308),
    "all a million times as large": lambda volume: volume * 1e6,
    "all shifted by a million": lambda volume: volume + 1e6,
    "all but a corner of one value": lambda volume: np.where(np.indices(volume.shape).sum(axis=0) < 4, volume, 0.5),
}


@pytest.fixture(scope="module")
def unspoilt(tmp_path_factory):
    """The images of unspoilt cohorts, by size."""
    return {n: images_of(cohort(n), tmp_path_factory.mktemp("unspoilt") / "cohort") for n in (12, 60)}


# Channels of fewer bars a volume say little of their own range: what one volume says counts there.
MANY = 40


@pytest.mark.parametrize(("n", "most"), [(12, 0.05), (60, 0.01)])
@pytest.mark.parametrize("change", CHANGES)
def test_one_extreme_volume_hardly_changes_the_images_of_the_others(unspoilt, tmp_path, change, n, most):
    volumes = cohort(n)
    volumes[-1] = CHANGES[change](volumes[-1])
    spoilt = images_of(volumes, tmp_path / "spoilt")
    assert len(spoilt) >= n - 1  # only the volume itself may be refused
    found = {c: relative(unspoilt[n], spoilt, c) for c in next(iter(spoilt.values()))}
    many = {c for c in found if np.mean([images[c].sum() for images in unspoilt[n].values()]) > MANY}
    assert len(many) >= 12
    # Heights are whole voxels, from one of which to the next an end can only jump.
    assert {c: v for c, v in found.items() if c in many and c[0] != "height" and v > most} == {}
    assert max(found.values()) <= 8 * most


@pytest.mark.parametrize("exponent", [-40, 12, 60])
def test_a_unit_of_the_whole_cohort_changes_no_bit(unspoilt, tmp_path, exponent):
    scaled = images_of(cohort(12) * 2.0**exponent, tmp_path / "scaled")
    for identity, images in scaled.items():
        for channel, image in images.items():
            assert np.array_equal(image, unspoilt[12][identity][channel]), channel


def test_a_shift_of_the_whole_cohort_changes_the_images_by_rounding_alone(unspoilt, tmp_path):
    shifted = images_of(cohort(12) + 1024.0, tmp_path / "shifted")
    for channel in next(iter(shifted.values())):
        assert relative(unspoilt[12], shifted, channel) < 1e-3, channel


def test_the_order_of_the_volumes_changes_no_bit_of_the_ranges(tmp_path):
    volumes = cohort(12)
    before = images_of(volumes, tmp_path / "before")
    after = images_of(volumes[::-1], tmp_path / "after")
    for one, other in zip(before.values(), reversed(after.values()), strict=True):
        for channel, image in one.items():
            assert np.array_equal(image, other[channel]), channel


def test_float64_and_float32_voxels_of_the_same_numbers_have_the_same_images(tmp_path):
    volumes = cohort(12).astype(np.float32)
    narrow, wide = (images_of(volumes.astype(t), tmp_path / t) for t in ("float32", "float64"))
    for identity, images in narrow.items():
        for channel, image in images.items():
            assert np.array_equal(image, wide[identity][channel]), channel


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_the_type_that_whole_grey_levels_come_in_changes_no_bit(tmp_path, dtype):
    volumes = np.rint(cohort(12) * 255)
    first, second = (images_of(volumes.astype(t), tmp_path / f"as {t}") for t in ("float64", dtype))
    for identity, images in first.items():
        for channel, image in images.items():
            assert np.array_equal(image, second[identity][channel]), channel
