"""A diagram that hardly depends on the grey values of its volume is told of; one that does is not."""

from pathlib import Path

import numpy as np
import pytest

import tdaflow
from tdaflow.homology import Alpha
from tdaflow.homology.intensity_dependence import FEW_DEATHS, NOISE, change_when_shuffled
from tdaflow.store.integrity import check_run


def insensitive(folder):
    return [p for p in check_run(folder)[0] if p.kind == "insensitive"]


def test_a_scale_that_makes_grey_values_next_to_nothing_is_told_of(sync, settings, folder):
    sync(settings(superpixels={"intensity_scale": 1e-7}))
    log = folder.log.read_text()
    assert log.count("the diagram of alpha hardly depends on the grey values") == 12
    (problem,) = insensitive(folder)
    assert "alpha hardly depend on the grey values of 12 volumes" in problem.what
    assert "superpixels.intensity_scale=volume" in problem.remedy


@pytest.mark.parametrize("scale", ["auto", "cohort", "volume", 1.0])
def test_features_of_grey_values_are_not(sync, settings, folder, scale):
    sync(settings(superpixels={"intensity_scale": scale}))
    assert "hardly depends" not in folder.log.read_text()
    assert insensitive(folder) == []


def test_a_user_who_leaves_grey_values_out_is_not_told_so(sync, settings, folder):
    sync(settings(superpixels={"space_weight": 1.0}))
    assert insensitive(folder) == []


def test_masks_depend_on_where_their_two_values_lie(sync, settings, folder, save_stack, tmp_path):
    rng = np.random.default_rng(0)
    z, y, x = np.indices((14, 14, 14)) - 6.5
    balls = np.stack([(z**2 + y**2 + x**2 < r**2) for r in rng.uniform(3, 6, 6)]).astype(np.uint8)
    sync(settings(data=save_stack(tmp_path / "masks", balls)))
    assert insensitive(folder) == []


def test_exchanged_grey_values_change_nothing_only_where_they_weigh_nothing():
    rng = np.random.default_rng(0)
    cloud = np.column_stack([np.argwhere(np.ones((5, 5, 5))) * 3.0, np.rint(rng.uniform(0, 15, 125))])
    flat = cloud * [1, 1, 1, 0]
    for points, changes in ((cloud, True), (flat, False)):
        deaths = Alpha().diagram(points, (0,))[0][:, 1]
        assert (change_when_shuffled(Alpha(), points, deaths) > NOISE) is changes


@pytest.mark.realdata
def test_real_mr_volumes_of_any_scale_have_diagrams_that_depend_on_them(sync, settings, folder, data_dir: Path):
    sync(
        settings(
            data={"kind": "nifti", "path": str(data_dir / "hippocampus" / "images")},
            superpixels={"n_superpixels": 600},
            filtrations={"alpha": {"homology_dimensions": [0]}},
        )
    )
    run = tdaflow.open_run(folder.path)
    assert run.scales["alpha"].mode == "volume"
    ids = [str(identity) for identity in run.features.id.values]
    distinct = [len(np.unique(run.diagram(identity)[0][:, 1])) for identity in ids]
    assert len(distinct) == 60
    assert min(distinct) >= 50 > FEW_DEATHS
    assert insensitive(folder) == []
    # The test itself on each of them, not only what triggers it.
    for voxels, spacing in zip(run.volumes.voxels(0, 60), run.rows.spacing, strict=True):
        points = tdaflow.superpixel_point_cloud(voxels, spacing=tuple(map(float, spacing)))
        deaths = Alpha().diagram(points, (0,))[0][:, 1]
        assert change_when_shuffled(Alpha(), points, deaths) > NOISE
