"""Bars of real volumes equal those of GUDHI's own alpha complex."""

import numpy as np
import pytest
from homology_oracles import assert_same_bars, grid_cloud, gudhi_alpha

from tdaflow.homology import persistence_diagram

DIMENSIONS = (0, 1, 2, 3)
VOLUMES = [
    (name, split, index)
    for name in ("organmnist3d", "adrenalmnist3d", "nodulemnist3d", "fracturemnist3d")
    for split, index in (("train", 0), ("train", 7), ("val", 3), ("test", 1), ("test", 5))
]
# Exact arithmetic takes seconds a volume, so two of each kind.
EXACT = [volume for volume in VOLUMES if volume[1:] in (("train", 0), ("test", 1))]


def cloud_of(data_dir, name, split, index):
    with np.load(data_dir / "medmnist" / f"{name}.npz") as archive:
        return grid_cloud(archive[f"{split}_images"][index])


def assert_bars_equal(points, precision):
    diagram, expected = persistence_diagram(points, homology_dimensions=DIMENSIONS), gudhi_alpha(points, precision)
    # GUDHI's inexact modes invent bars ~1e-11 long.
    shortest = {"exact": 1e-9, "safe": 1e-6}[precision] * diagram.filtration_range[1]
    for k in DIMENSIONS:
        assert_same_bars(*(bars[np.ptp(bars, axis=1) > shortest] for bars in (diagram[k], expected[k])))


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "split", "index"), EXACT)
def test_exact_alpha_complex(data_dir, name, split, index):
    assert_bars_equal(cloud_of(data_dir, name, split, index), "exact")


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "split", "index"), VOLUMES)
def test_safe_alpha_complex(data_dir, name, split, index):
    assert_bars_equal(cloud_of(data_dir, name, split, index), "safe")


@pytest.mark.realdata
def test_a_raw_mask_is_as_cospherical_as_it_gets(data_dir):
    with np.load(data_dir / "medmnist" / "adrenalmnist3d.npz") as archive:
        volume = archive["val_images"][3]
    axes = np.round((np.arange(10) + 0.5) * 2.8 - 0.5).astype(int)
    index = np.stack(np.meshgrid(axes, axes, axes, indexing="ij"), axis=-1).reshape(-1, 3)
    assert_bars_equal(np.column_stack([index, volume[tuple(index.T)]]).astype(float), "exact")
