"""Filtrations of a run: what each is computed on."""

import numpy as np
import pytest
import zarr

from tdaflow import persistence_diagram, superpixel_point_cloud
from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError
from tdaflow.extents import grey_values, intensity_extent, typical
from tdaflow.homology import FILTRATIONS
from tdaflow.homology.volume_filtrations.distance import Distance
from tdaflow.pipeline.recipe import diagram_recipe
from tdaflow.pipeline.tasks import VolumeFacts
from tdaflow.pipeline.volume import HeldVolume, StoredVolume, volume_diagrams
from tdaflow.store import DiagramStore
from tdaflow.superpixels import superpixels

SPACING = (2.0, 1.0, 0.5)


def recipe(filtrations, **sections):
    config = RunConfig.model_validate({"filtrations": filtrations, "superpixels": {"n_superpixels": 60}, **sections})
    return diagram_recipe(config, {})


def test_every_kind_gives_diagrams_in_one_run(sync, settings, folder):
    few = {"homology_dimensions": [0, 1], "superpixels": {"n_superpixels": 30}}
    filtrations = {
        k: few if kind.takes == "points" else {"homology_dimensions": [0, 1]} for k, kind in FILTRATIONS.items()
    }
    state = sync(settings(filtrations=filtrations))
    assert state.stages["images"].done == 12
    for diagram in DiagramStore(folder.diagrams).read(0, 3).diagrams:
        assert all(diagram[kind, 0].n_bars for kind in FILTRATIONS)


def test_filtrations_of_voxels_are_told_their_spacing(volumes):
    found = grey_values(volumes[0])
    about = VolumeFacts("v", SPACING, volumes[0].shape, (0.0, 255.0), (found.low, found.high))
    found, facts = volume_diagrams(HeldVolume(about, volumes[0]), recipe({"distance": {}}))
    expected = persistence_diagram(volumes[0], filtration=Distance(), spacing=SPACING)
    assert found["distance", 1] == expected.bars[1]
    assert facts["n_points"] == {}


def test_each_distinct_cloud_is_made_once(volumes, monkeypatch):
    made = []

    def counted(volume, **options):
        made.append(options["n_superpixels"])
        return superpixels(volume, **options)

    monkeypatch.setattr("tdaflow.pipeline.volume.superpixels", counted)
    tables = {
        "alpha": {},
        "dtm": {},
        "same": {"kind": "alpha", "superpixels": {"n_superpixels": 60}},
        "coarse": {"kind": "alpha", "superpixels": {"n_superpixels": 27, "space_weight": 0.7}},
    }
    found = grey_values(volumes[0])
    about = VolumeFacts("v", SPACING, volumes[0].shape, (0.0, 255.0), (found.low, found.high))
    found, facts = volume_diagrams(HeldVolume(about, volumes[0]), recipe(tables))
    assert sorted(made) == [27, 60]
    assert facts["n_points"]["alpha"] == facts["n_points"]["same"] > facts["n_points"]["coarse"]
    cloud = superpixel_point_cloud(volumes[0], 27, space_weight=0.7, spacing=SPACING)
    assert found["coarse", 2] == persistence_diagram(cloud).bars[2]
    assert found["same", 2] == found["alpha", 2]


def test_a_volume_without_a_mask_is_set_aside_and_the_others_go_on(sync, settings, save_stack, tmp_path, volumes):
    dark = volumes.copy()
    dark[4] = np.minimum(dark[4], 9)
    data = save_stack(tmp_path / "dark", dark)
    wanted = {"distance": {"threshold": 128, "homology_dimensions": [0]}}
    state = sync(settings(data=data, filtrations=wanted, run={"allow_quarantined": 1}))
    [(_, reason)] = state.quarantined.items()
    assert reason.startswith("the mask is empty: no voxel is above 128")
    assert state.stages["images"].done == 11


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ({"alpha": {}, "own": {"kind": "alpha", "superpixels": {"method": "slic"}}}, 'method = "slic" needs'),
        ({"distance": {"downsample": 1}}, "filtrations.distance at full resolution .* set downsample = 2"),
        ({"log": {"each": {"sigma": [1]}}}, "filtrations.log-1 at full resolution"),
    ],
)
def test_what_needs_the_whole_of_a_large_volume_is_refused_before_anything_starts(sync, settings, tables, reason):
    with pytest.raises(ConfigError, match=reason):
        sync(settings(filtrations=tables, run={"max_voxels": 1000}))


def test_an_unread_volume_goes_through_reduced(volumes):
    found = grey_values(volumes[0])
    about = VolumeFacts("v", SPACING, volumes[0].shape, (0.0, 255.0), (found.low, found.high))
    stored = zarr.create_array(zarr.storage.MemoryStore(), data=volumes[0], chunks=(5, 5, 5))
    wanted = recipe({"distance": {"threshold": 128, "downsample": 2}, "log": {"sigma": 2.5, "downsample": 2}})
    whole, blocks = (
        volume_diagrams(volume, wanted)[0] for volume in (HeldVolume(about, volumes[0]), StoredVolume(about, stored))
    )
    assert whole.keys() == blocks.keys()
    for channel, bars in whole.items():
        assert blocks[channel] == bars


@pytest.mark.parametrize("scale", ["cohort", "volume", 2.0])
def test_a_cloud_of_its_own_can_have_its_own_intensity_scale(sync, settings, folder, volumes, scale):
    own = {"kind": "alpha", "homology_dimensions": [1], "superpixels": {"intensity_scale": scale}}
    tables = {"alpha": {"homology_dimensions": [1]}, "own": own}
    state = sync(settings(superpixels={"intensity_scale": 1.0}, filtrations=tables))
    found = next(DiagramStore(folder.diagrams).read_rows([5]))
    factor = 14 / typical([intensity_extent(v).width for v in volumes]) if scale == "cohort" else scale
    assert list(state.scales) == ([] if scale == 2.0 else ["own"])
    for name, wanted in (("alpha", 1.0), ("own", factor)):
        cloud = superpixel_point_cloud(volumes[5], 60, intensity_scale=wanted)
        assert found[name, 1] == persistence_diagram(cloud).bars[1]
