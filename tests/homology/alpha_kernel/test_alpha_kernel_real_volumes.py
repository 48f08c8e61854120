"""Bars of real volumes equal GUDHI's exact ones."""

import numpy as np
import pytest
from alpha_oracles import assert_same_bars, gudhi_bars

from tdaflow.homology.alpha_kernel import alpha_persistence
from tdaflow.superpixels import superpixel_point_cloud

SETS = ("organmnist3d", "adrenalmnist3d", "nodulemnist3d", "fracturemnist3d")


def volume(data_dir, name, split, index):
    with np.load(data_dir / "medmnist" / f"{name}.npz") as archive:
        return archive[f"{split}_images"][index]


@pytest.mark.realdata
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("split", "index"), [("train", 1), ("val", 2), ("test", 3)])
def test_six_hundred_superpixels(data_dir, name, split, index):
    points = superpixel_point_cloud(volume(data_dir, name, split, index), 600)
    assert_same_bars(alpha_persistence(points)[0], gudhi_bars(points))


@pytest.mark.realdata
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(
    "options",
    [
        {"smoothing": None},
        {"spacing": (2.5, 0.7, 0.7), "space_weight": 0.8},
        {"space_weight": 0.0},
        {"space_weight": 1.0},
    ],
    ids=["unsmoothed", "anisotropic", "intensity only", "space only"],
)
def test_other_clouds(data_dir, name, options):
    points = superpixel_point_cloud(volume(data_dir, name, "train", 5), 300, **options)
    assert_same_bars(alpha_persistence(points)[0], gudhi_bars(points))


@pytest.mark.realdata
def test_sixteen_bits(data_dir):
    voxels = volume(data_dir, "organmnist3d", "val", 0).astype(np.uint16) << 8
    voxels += np.random.default_rng(0).integers(0, 256, voxels.shape).astype(np.uint16)
    points = superpixel_point_cloud(voxels, 600)
    bars, info = alpha_persistence(points)
    assert info["predicates"] == "filtered"
    assert_same_bars(bars, gudhi_bars(points))
