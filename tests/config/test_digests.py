"""A digest changes with what decides a result, and with nothing else."""

import pytest

from tdaflow.config import RunConfig, load_config


def digests(*overrides: str) -> tuple[str, str]:
    config = load_config(None, overrides)
    diagrams = config.diagrams_digest("volumes")
    return diagrams, config.images_digest(diagrams)


@pytest.mark.parametrize(
    "override",
    [
        "run.batch=7",
        "run.cluster=processes",
        "run.workers=3",
        "run.allow_failed=1",
        "run.allow_quarantined=5%",
        "data={kind='phantoms', seed=9}",  # what the volumes hold is known by their own digest
        "data.store=/somewhere/volumes.zarr",
        "data={kind='arrays', path='/a/path.npz'}",
    ],
)
def test_how_and_where_it_is_computed_changes_no_digest(override):
    assert digests(override) == digests()


@pytest.mark.parametrize(
    "override",
    [
        "images.epsilon=0.9",
        "images.resolution=51",
        "images.weight=linear",
        "images.plane=birth-death",
        "images.sampling=integral",
        "images.normalise=max",
        "images.outside=clip",
        "images.ranges_from=train",
        "images.quantiles=[0.0, 0.99]",
        "images.constant_birth=image",
        "images.dtype=float64",
    ],
)
def test_an_image_option_changes_the_images_digest_only(override):
    grey = "superpixels.intensity_scale=1.0"
    assert digests(grey, override)[0] == digests(grey)[0]
    assert digests(grey, override)[1] != digests(grey)[1]


@pytest.mark.parametrize(
    "override",
    [
        "superpixels.n_superpixels=601",
        "superpixels.grid=integer-step",
        "superpixels.smoothing=none",
        "superpixels.space_weight=0.4",
        "superpixels.intensity_step=2.0",
        "filtrations.alpha.engine=gudhi",
        "filtrations.alpha.homology_dimensions=[0, 1]",
        "filtrations.alpha.min_persistence=1e-5",
        "filtrations.alpha.essential=cap",
        "filtrations={alpha={}, sub={kind='cubical'}}",
        "filtrations={renamed={kind='alpha'}}",
    ],
)
def test_a_superpixel_or_filtration_option_changes_both(override):
    diagrams, images = digests(override)
    assert diagrams != digests()[0]
    assert images != digests()[1]


def test_the_volumes_change_everything():
    config = RunConfig()
    assert config.diagrams_digest("these") != config.diagrams_digest("those")


def test_writing_a_default_out_changes_nothing():
    assert digests("superpixels.n_superpixels=600", "filtrations.alpha.kind=alpha") == digests()


def test_ranges_from_changes_diagrams_only_where_intensities_are_scaled_by_the_selected_volumes():
    scaled, grey = "superpixels.intensity_scale=range", "superpixels.intensity_scale=1.0"
    assert digests(scaled)[0] != digests(scaled, "images.ranges_from=train")[0]
    assert digests(grey)[0] == digests(grey, "images.ranges_from=train")[0]
