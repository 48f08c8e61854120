"""open_run: a run folder to look inside, from one call."""

import json

import numpy as np
import pytest

import tdaflow
from tdaflow.errors import ConfigError, InputError
from tdaflow.homology import Cubical
from tdaflow.store import RunFolder
from tdaflow.superpixels import CohortScale

SECTIONS = {
    "reference": "train",
    "filtrations": {
        "alpha": {},
        "dark": {"kind": "cubical", "homology_dimensions": [1, 0], "regions": {"blocks": [2, 1, 1], "whole": True}},
    },
}


@pytest.fixture
def config(settings):
    """Two filtrations, one of them in blocks; scale and ranges from the training volumes."""
    return settings(**SECTIONS)


@pytest.fixture
def opened(sync, config, folder):
    """A finished run."""
    sync(config)
    return tdaflow.open_run(folder.path)


def test_the_configuration_is_the_one_that_ran(opened, config):
    # Where the data lie is left out of run.json.
    assert opened.config == config.model_copy(update={"data": opened.config.data})
    assert opened.config.images == config.images
    assert opened.config.superpixels == config.superpixels
    assert opened.config.reference == "train"


def test_sigma_and_scales_are_those_of_run_json(opened, folder):
    told = folder.read()
    assert opened.sigma == {c: told["ranges"][f"{c[0]}/{c[1]}"]["sigma"] for c in opened.config.channels}
    assert list(opened.sigma) == [("alpha", 0), ("alpha", 1), ("alpha", 2), ("dark", 0), ("dark", 1)]
    assert list(opened.scales) == ["alpha"]
    assert isinstance(opened.scales["alpha"], CohortScale)
    assert opened.scales["alpha"].as_dict() == told["scales"]["alpha"]
    assert opened.scales["alpha"].n_volumes == 8


def test_features_are_an_xarray_dataset(opened):
    features = opened.features
    assert features["id"].values.tolist() == [f"v{i}" for i in range(12)]
    assert features["persistence_image"].shape == (12, 2 + 2 * 3, 8, 8)
    assert features.attrs["reference"].endswith("the training volumes")
    np.testing.assert_array_equal(features["sigma"].values[:2], [opened.sigma["alpha", 1], opened.sigma["alpha", 2]])


def test_a_diagram_is_the_one_of_the_public_functions(opened, volumes):
    scale = opened.scales["alpha"].for_clouds
    expected = tdaflow.persistence_diagram(tdaflow.superpixel_point_cloud(volumes[4], 60, intensity_scale=scale))
    alpha = opened.diagram("v4")
    assert alpha == opened.diagram("v4", "alpha")
    for k in (0, 1, 2):
        np.testing.assert_array_equal(alpha[k], expected[k])
    dark = tdaflow.persistence_diagram(volumes[4], filtration=Cubical(), homology_dimensions=(0, 1))
    found = opened.diagram("v4", "dark")
    assert list(found.pairs) == [0, 1]
    for k in (0, 1):
        np.testing.assert_array_equal(found[k], dark[k])
    assert found.metadata["filtration"] == Cubical().name
    assert found.metadata["volume"] == "v4"


def test_a_diagram_of_a_block(opened, volumes):
    half = tdaflow.persistence_diagram(volumes[4][7:], filtration=Cubical(), homology_dimensions=(0, 1))
    found = opened.diagram("v4", "dark", region="z1y0x0")
    for k in (0, 1):
        np.testing.assert_array_equal(found[k], half[k])


def test_its_diagrams_fit_the_estimators(opened):
    diagrams = [opened.diagram(f"v{i}") for i in range(12) if i % 3 != 2]
    fitted = tdaflow.PersistenceImage(resolution=8).fit(diagrams)
    assert fitted.sigma_ == {k: opened.sigma["alpha", k] for k in (0, 1, 2)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("v99",), "there is no volume 'v99' in .*: did you mean"),
        (("v4", "bright"), "the run has no filtration 'bright'; it has alpha, dark"),
        (("v4", "dark", "z2y0x0"), "dark has no region 'z2y0x0'; it has whole, z0y0x0, z1y0x0"),
    ],
)
def test_what_a_run_has_not_is_answered_with_what_it_has(opened, arguments, message):
    volume, *filtration = arguments[:2]
    region = {"region": arguments[2]} if len(arguments) > 2 else {}
    with pytest.raises(InputError, match=message):
        opened.diagram(volume, *filtration, **region)


def test_a_quarantined_volume_has_no_diagram_and_the_reason_is_told(
    sync, settings, save_stack, tmp_path, volumes, folder
):
    stack = volumes.astype(np.float32)
    stack[4, 0, 0, 0] = np.nan
    sync(settings(data=save_stack(tmp_path / "bad", stack)))
    with pytest.raises(InputError, match=r"volume 'v4' was quarantined, .*NaN"):
        tdaflow.open_run(folder.path).diagram("v4")


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no run \(no run.json\)"):
        tdaflow.open_run(tmp_path)


def test_a_run_that_has_not_come_to_its_end_has_no_features_and_no_sigma(sync, config, folder, monkeypatch):
    def broken(task):
        raise MemoryError("no room")

    monkeypatch.setattr("tdaflow.pipeline.stages.ranges.reduce_ranges", broken)
    with pytest.raises(Exception, match="no room"):
        sync(config)
    unfinished = tdaflow.open_run(folder.path)
    assert unfinished.sigma == {}
    assert list(unfinished.scales) == ["alpha"]
    assert unfinished.diagram("v4")[1].size
    with pytest.raises(InputError, match="has no features yet; run it to its end"):
        _ = unfinished.features


def test_the_configuration_of_another_version_is_one_sentence(opened, folder):
    state = json.loads(folder.run_json.read_text())
    state["config"]["images"]["ranges_from"] = "train"
    folder.write(state)
    with pytest.raises(InputError, match=r"is not one of this tdaflow .*run again with this version"):
        _ = tdaflow.open_run(folder.path).config


def test_nothing_is_written(opened, folder):
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
    again = tdaflow.open_run(folder.path)
    _ = again.features, again.sigma, again.scales, again.diagram("v1"), again.class_names
    assert {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")} == before


def test_a_diagram_says_where_its_bars_are_though_the_run_stored_no_locations(opened, volumes):
    for region in ("whole", "z1y0x0"):
        found = opened.diagram("v4", "dark", region=region, locations=True)
        assert found == opened.diagram("v4", "dark", region=region)
        for k, bars in found.items():
            at = found.locations[k]
            np.testing.assert_array_equal(volumes[4][tuple(np.moveaxis(at, -1, 0))], bars)
            assert region == "whole" or (at[..., 0] >= 7).all()


def test_points_of_a_diagram_are_those_of_the_cloud(opened):
    found, cloud = opened.diagram("v4", locations=True), opened.cloud("v4")
    edges = cloud.points[found.locations[0][:, 1, :2]]
    np.testing.assert_allclose(np.linalg.norm(np.diff(edges, axis=1), axis=-1)[:, 0] / 2, found[0][:, 1])
    with pytest.raises(InputError, match="computed on voxels"):
        opened.cloud("v4", "dark")


def test_a_run_that_stores_locations_has_the_same_diagrams_and_features(opened, sync, settings, folder, tmp_path):
    stored = RunFolder(tmp_path / "stored")
    sync(settings(**SECTIONS, run={"batch": 3, "locations": True}), folder=stored)
    run = tdaflow.open_run(stored.path)
    for filtration in SECTIONS["filtrations"]:
        computed, read = (r.diagram("v7", filtration, locations=True) for r in (opened, run))
        assert read == computed
        for k in read:
            np.testing.assert_array_equal(read.locations[k], computed.locations[k])
    np.testing.assert_array_equal(run.features["persistence_image"], opened.features["persistence_image"])
    assert run.state["ranges"] == opened.state["ranges"]


def test_asking_an_old_run_for_stored_locations_redoes_its_diagrams(opened, sync, settings):
    with pytest.raises(ConfigError, match=r"run\.locations.*--restart-from diagrams"):
        sync(settings(**SECTIONS, run={"batch": 3, "locations": True}))
