"""A digest changes with what decides a result, and with nothing else."""

from dataclasses import replace

import pytest

from tdaflow.config import RunConfig, load_config
from tdaflow.config.model import DIAGRAM_ALGORITHM
from tdaflow.homology import kernels
from tdaflow.homology.alpha_kernel import ALGORITHM_VERSION
from tdaflow.store import options_digest


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
        "reference=train",
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
        "filtrations.alpha.superpixels.n_superpixels=601",
        "filtrations.alpha.superpixels={intensity_scale=1.0}",
        "run.locations=true",  # those with and without do not mix in one store
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
    assert digests("filtrations.alpha.superpixels.n_superpixels=600") == digests()


def test_tables_written_out_by_each_are_as_good_as_by_hand():
    short = "filtrations={log={homology_dimensions=[0], each={sigma=[1, 2]}}}"
    by_hand = "{kind='log', homology_dimensions=[0], sigma="
    long = f"filtrations={{log-1={by_hand}1}}, log-2={by_hand}2}}}}"
    assert digests(short) == digests(long)


def test_diagrams_made_before_an_option_existed_are_still_those_of_its_default():
    """What goes into the digest, written out: an option left at its default must not appear in it."""
    superpixels = {
        "n_superpixels": 600, "method": "grid", "grid": "nearest", "intensity": "point", "smoothing": "step",
        "space_weight": 0.5, "intensity_scale": 1.0, "intensity_step": None, "scale_from": "",
        "kernel": ALGORITHM_VERSION,
    }  # fmt: skip
    alpha = {
        "kind": "alpha", "homology_dimensions": (0, 1, 2), "min_persistence": 0.0, "essential": None,
        "options": {"engine": "kernel"},
    }  # fmt: skip
    expected = options_digest("volumes", superpixels, {"alpha": alpha}, DIAGRAM_ALGORITHM)
    assert digests("superpixels.intensity_scale=1.0")[0] == expected


def test_the_cubical_kernel_matters_where_it_computes_and_nowhere_else(monkeypatch):
    """A raised version stands for a kernel whose diagrams differ."""
    by_it = [
        "filtrations={c={kind='cubical'}}",
        "filtrations={alpha={}, c={kind='cubical', construction='top'}}",
        "filtrations={g={kind='gaussian', sigma=1.0}}",
    ]
    not_by_it = ["filtrations={alpha={}}", "filtrations={dtm={}}", "filtrations={c={kind='cubical', engine='gudhi'}}"]
    before = {override: digests(override) for override in by_it + not_by_it}
    raised = replace(kernels.CUBICAL, algorithm_version=kernels.CUBICAL.algorithm_version + 1)
    monkeypatch.setattr(kernels, "CUBICAL", raised)
    assert all(digests(override)[0] != before[override][0] for override in by_it)
    assert all(digests(override) == before[override] for override in not_by_it)


def test_the_selected_volumes_matter_where_only_one_filtration_scales_intensities_by_them():
    grey = "superpixels.intensity_scale=1.0"
    own = "filtrations={a={kind='alpha'}, b={kind='alpha', superpixels={intensity_scale='cohort'}}}"
    assert digests(grey, own)[0] != digests(grey, own, "reference=train")[0]


def test_the_reference_changes_diagrams_only_where_intensities_are_scaled_by_the_selected_volumes():
    for learnt in ("auto", "cohort"):
        scaled = f"superpixels.intensity_scale={learnt}"
        assert digests(scaled)[0] != digests(scaled, "reference=train")[0]
    for told in ("volume", "1.0"):
        scaled = f"superpixels.intensity_scale={told}"
        assert digests(scaled)[0] == digests(scaled, "reference=train")[0]
