"""Images of blocks of a volume: bars of their own, ranges and σ in common, position told."""

import re

import numpy as np
import pytest
import xarray as xr
import zarr

from tdaflow.cluster import cluster_spec, connect
from tdaflow.diagrams import NO_BARS
from tdaflow.errors import ConfigError
from tdaflow.extents import cohort_bounds, intensity_extent, robust_bounds, typical
from tdaflow.homology import Cubical
from tdaflow.homology.regions import REGION_PRESETS
from tdaflow.pipeline import run
from tdaflow.pipeline.plan import make_plan
from tdaflow.pipeline.recipe import diagram_recipe
from tdaflow.pipeline.tasks import VolumeFacts
from tdaflow.pipeline.volume import HeldVolume, StoredVolume, volume_diagrams
from tdaflow.store import DiagramStore, RunFolder
from tdaflow.store.integrity import check_run
from tdaflow.superpixels import cohort_scale

OCTANTS = {"sublevel": {"kind": "cubical", "regions": "octants"}}
BOTH = {
    "alpha": {"regions": {"blocks": [1, 1, 2]}, "superpixels": {"n_superpixels": 200}},
    "sublevel": {"kind": "cubical", "regions": {"blocks": [2, 2, 2], "overlap": 0.2, "whole": True}},
}


def by_region(features: xr.Dataset, dimension: int) -> dict[str, xr.DataArray]:
    channels = features["homology_dimension"].values == dimension
    image = features["persistence_image"].isel(channel=channels)
    return {str(region): image.isel(channel=i) for i, region in enumerate(image["region"].values)}


def test_every_block_has_the_image_of_its_own_bars_on_axes_that_all_blocks_share(sync, settings, folder, volumes):
    state = sync(settings(filtrations=OCTANTS, images={"dtype": "float64"}))
    features = xr.open_zarr(folder.features).load()
    names = REGION_PRESETS["octants"].names
    assert features["region"].values.tolist() == [*names] * 3
    stored = list(DiagramStore(folder.diagrams).read_rows(range(len(volumes))))
    for dimension in range(3):
        bars = []
        for volume, diagrams in zip(volumes, stored, strict=True):
            for region, box in REGION_PRESETS["octants"].boxes(volume.shape).items():
                expected = Cubical().diagram(volume[box], (dimension,)).with_essential("cap")
                assert diagrams.get((f"sublevel@{region}", dimension), NO_BARS) == expected.bars[dimension]
                bars.append(expected[dimension])
        together = np.concatenate(bars)
        told = state.ranges[f"sublevel/{dimension}"]
        assert told["n_bars"] == len(together)
        births = [robust_bounds(np.concatenate(bars[i : i + 8])[:, 0]) for i in range(0, len(bars), 8)]
        assert told["observed_birth_range"] == list(cohort_bounds(*zip(*births, strict=True)))
        here = features.isel(channel=features["homology_dimension"].values == dimension)
        assert np.unique(here["sigma"].values).tolist() == [told["sigma"]]
        for axis in ("birth", "persistence", "birth_range", "persistence_range"):
            assert (here[axis].values == here[axis].values[0]).all()
        counts = [len(b) for b in bars]
        np.testing.assert_array_equal(here["n_bars"].values, np.reshape(counts, (len(volumes), 8)))


def test_mirrored_volumes_have_equal_whole_images_and_exchanged_regional_ones(
    sync, settings, folder, save_stack, tmp_path, volumes
):
    mirrored = np.stack([volumes[0], volumes[0][:, :, ::-1]])
    regions = {"blocks": [1, 1, 2], "whole": True}
    config = settings(
        data=save_stack(tmp_path / "mirrored", mirrored),
        filtrations={"sublevel": {"kind": "cubical", "regions": regions}},
    )
    sync(config)
    features = xr.open_zarr(folder.features).load()
    for dimension in range(3):
        images = by_region(features, dimension)
        np.testing.assert_array_equal(images["whole"][0], images["whole"][1])
        np.testing.assert_array_equal(images["z0y0x0"][0], images["z0y0x1"][1])
        np.testing.assert_array_equal(images["z0y0x1"][0], images["z0y0x0"][1])
        assert (images["z0y0x0"][0] != images["z0y0x0"][1]).any()


def test_the_whole_volume_beside_its_blocks_has_the_diagrams_that_it_has_alone(sync, settings, folder, tmp_path):
    sync(settings(filtrations=BOTH))
    sync(settings(filtrations={"sublevel": {"kind": "cubical"}}), folder=RunFolder(tmp_path / "alone"))
    alone = DiagramStore(RunFolder(tmp_path / "alone").diagrams)
    for ours, theirs in zip(
        DiagramStore(folder.diagrams).read_rows(range(12)), alone.read_rows(range(12)), strict=True
    ):
        for channel, bars in theirs.items():
            assert ours[channel] == bars


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_regions_have_the_same_bits_on_every_engine(
    sync, settings, folder, tmp_path, assert_same_features, observer, kind
):
    images = {"normalise": "dataset-max", "quantiles": [0.05, 0.95]}
    vectorisations = ["betti", "statistics", "atol"]
    config = {"reference": "train", "filtrations": BOTH, "images": images, "vectorisations": vectorisations}
    sync(settings(**config))
    other = RunFolder(tmp_path / "other")
    with connect(cluster_spec(kind=kind, workers=2, dashboard="127.0.0.1:0")) as engine:
        run(settings(**config, run={"batch": 5}), other, engine, observer)
    assert_same_features(folder, other)


def test_what_images_are_divided_by_is_one_for_all_blocks(sync, settings, folder):
    state = sync(settings(filtrations=OCTANTS, images={"normalise": "dataset-max", "dtype": "float64"}))
    assert len(state.image_maximum) == 3
    features = xr.open_zarr(folder.features).load()
    for dimension in range(3):
        largest = np.max([image.max(axis=(1, 2)) for image in by_region(features, dimension).values()], axis=0)
        assert typical(largest) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(
    ("filtrations", "sentence"),
    [
        (
            {"sublevel": {"kind": "cubical", "regions": {"blocks": [5, 1, 1]}}},
            "filtrations.sublevel: region z4y0x0 of a volume of 14 × 14 × 14 voxels has 2 × 14 × 14 voxels, below 3 "
            "along an edge; set fewer blocks along that axis, such as regions = {blocks = [2, 2, 2]}",
        ),
        (
            {"sublevel": {"kind": "cubical", "regions": "octants", "downsample": 3}},
            r"voxels with downsample = 3 has 3 × 3 × 2 voxels, below 3",
        ),
        (
            {"alpha": {"regions": "3x3x3-overlap"}},
            r"filtrations.alpha: region z0y0x0 of a volume of 14 × 14 × 14 voxels has 4 of about 60 superpixels, fewer "
            "than 8; raise n_superpixels, or set fewer blocks",
        ),
    ],
)
def test_regions_that_are_too_small_are_refused_before_anything_starts(
    sync, settings, folder, invocations, filtrations, sentence
):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        sync(settings(filtrations=filtrations))
    assert invocations.volumes == 0
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        make_plan(settings(filtrations=filtrations))


def test_a_run_in_regions_is_whole_to_the_check_and_is_counted_in_the_plan(sync, settings, folder):
    sync(settings(filtrations=BOTH))
    assert check_run(folder, deep=True)[0] == []
    more = make_plan(settings(filtrations=BOTH)).bytes_written
    less = make_plan(settings(filtrations={"sublevel": {"kind": "cubical"}})).bytes_written
    assert more > 5 * less


def test_an_unread_volume_has_the_regional_diagrams_of_one_in_memory(settings, volumes, tmp_path):
    filtrations = {
        "alpha": {"regions": {"blocks": [1, 2, 1]}, "superpixels": {"n_superpixels": 100}},
        "sublevel": {"kind": "cubical", "downsample": 2, "regions": {"blocks": [2, 1, 1], "whole": True}},
    }
    config = settings(filtrations=filtrations)
    stored = zarr.create_array(tmp_path / "volume.zarr", data=volumes[0], chunks=(8, 8, 8))
    extremes, found = (float(volumes[0].min()), float(volumes[0].max())), intensity_extent(volumes[0])
    about = VolumeFacts("v0", (1.0, 2.0, 1.0), volumes[0].shape, extremes, (found.low, found.high))
    recipe = diagram_recipe(config, {"alpha": cohort_scale([14.0], [200.0], "volume").as_dict()})
    held, _ = volume_diagrams(HeldVolume(about, volumes[0]), recipe)
    unread, _ = volume_diagrams(StoredVolume(about, stored), recipe)
    assert unread.keys() == held.keys()
    assert {name for name, _ in held} == {
        "alpha@z0y0x0", "alpha@z0y1x0", "sublevel", "sublevel@z0y0x0", "sublevel@z1y0x0",
    }  # fmt: skip
    for channel, bars in held.items():
        assert unread[channel] == bars
