"""What a report reads from a run folder, and which volumes it shows."""

import json
import shutil

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tdaflow.config import RunConfig
from tdaflow.errors import InputError
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.pipeline.opened import near_matches
from tdaflow.report.example import read_example
from tdaflow.report.run_data import RunData
from tdaflow.report.sample import labelled_sample, outliers
from tdaflow.store import DiagramStore, RunFolder

SCRIPT = "<script>alert(1)</script>"


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no run"):
        RunData(tmp_path)


def test_an_unknown_volume_is_answered_with_near_ones(finished_run):
    with pytest.raises(InputError, match="did you mean"):
        RunData(finished_run).row_of(f"{SCRIPT}99")


def test_a_quarantined_volume_is_answered_with_the_reason(finished_run):
    with pytest.raises(InputError, match=r"quarantined.*NaN"):
        RunData(finished_run).row_of(f"{SCRIPT}23")


def test_ids_that_differ_in_leading_zeros_come_first():
    ids = ["p/00112", "p/00012", "p/00002"]

    assert near_matches("p/2", ids)[0] == "p/00002"
    assert near_matches("P/012", ids)[0] == "p/00012"
    assert near_matches("something else", ids) == []


def test_channels_have_titles_ranges_and_units(finished_run):
    run = RunData(finished_run)

    images = run.images(np.array([0, 5]))

    assert [c.title for c in images.channels] == ["alpha H1", "alpha H2", "sublevel H0"]
    assert [c.title for c in images.vector_channels] == ["alpha H0"]
    assert images.values.shape == (2, 3, 8, 8)
    assert images.channels[2].unit == "grey levels"
    assert images.channels[0].second == "Persistence"


def test_an_example_holds_what_the_run_made_of_a_volume(finished_run):
    run = RunData(finished_run)

    example = read_example(run, run.row_of(f"{SCRIPT}3"))

    assert example.id == f"{SCRIPT}3"
    assert len(example.positions) == len(example.intensities) == example.labels.max()
    assert set(example.diagrams) == {("alpha", 0), ("alpha", 1), ("alpha", 2), ("sublevel", 0)}
    # A component dies with every point but one.
    assert len(example.diagrams["alpha", 0]) == len(example.positions) - 1
    assert set(example.slices) <= set(range(12))


def test_an_example_is_turned_upright_where_its_file_says_how_it_lies(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    voxels = gaussian_filter(np.random.default_rng(0).standard_normal((7, 9, 8)), 1).astype(np.float32)
    # Stored with the axes (x, y, z) to anterior, superior and left.
    affine = np.array([[0, 0, -2.0, 0], [1.0, 0, 0, 0], [0, 3.0, 0, 40], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(voxels, affine), tmp_path / "scan.nii.gz")
    config = {
        "data": {"kind": "nifti", "path": str(tmp_path), "canonical": False},
        "superpixels": {"n_superpixels": 30}, "images": {"resolution": 4},
    }  # fmt: skip
    folder = RunFolder(tmp_path / "run")
    run(RunConfig.model_validate(config), folder, InProcess(), Silent())

    example = read_example(RunData(folder.path), 0)

    np.testing.assert_array_equal(example.voxels, voxels.transpose(1, 0, 2)[:, ::-1])
    assert example.spacing == (3.0, 1.0, 2.0)
    assert example.anatomy.letters == ("R", "L", "A", "P")
    assert "radiological convention" in example.convention
    # A superpixel's point lies in the superpixel.
    at = np.rint(example.positions / example.spacing).astype(int)
    assert example.labels[tuple(at.T)].tolist() == list(range(1, len(at) + 1))


def test_classes_are_shown_by_training_volumes(finished_run):
    sample = labelled_sample(RunData(finished_run))

    assert sample.description == "the training volumes"
    assert len(sample.ids) == 16
    assert np.bincount(sample.classes).tolist() == [8, 8]


def test_outliers_are_the_volumes_farthest_from_the_mean_of_their_class():
    values = np.array([0.0, 1.0, 2.0, 9.0, 100.0]).reshape(5, 1, 1)

    found = outliers(values, np.array([0, 0, 0, 0, 1]))

    # The mean of class 0 is 3: distances 3, 2, 1, 6, of which 2.5 is the median.
    assert [position for position, _ in found] == [3, 0, 1, 2]
    assert [far for _, far in found] == pytest.approx([2.4, 1.2, 0.8, 0.4])


def test_grey_levels_are_named_as_the_preprocessing_left_them(run_copy):
    run = RunData(run_copy)
    assert (run.unit("sublevel"), run.unit("alpha")) == ("grey levels", "radius in mm, grey levels scaled to mm")

    state = json.loads((run_copy / "run.json").read_text())
    state["source"]["preprocessing"] = [{"step": "zscore"}]
    RunFolder(run_copy).write(state)

    assert RunData(run_copy).unit("sublevel") == "scaled grey levels"


def test_a_lost_volume_store_is_none(run_copy):
    shutil.rmtree(run_copy / "volumes.zarr")

    assert RunData(run_copy).volumes is None


def test_a_configuration_of_another_version_is_one_sentence(run_copy):
    state = json.loads((run_copy / "run.json").read_text())
    state["config"]["superpixels"]["unheard_of"] = 1
    RunFolder(run_copy).write(state)

    with pytest.raises(InputError, match="not one of this tdaflow"):
        _ = RunData(run_copy).config


def test_a_filtration_in_blocks_is_shown_whole_or_as_the_sum_over_its_blocks(tmp_path):
    volumes = gaussian_filter(np.random.default_rng(0).standard_normal((2, 8, 8, 8)), (0, 1, 1, 1))
    np.save(tmp_path / "stack.npy", volumes.astype(np.float32))
    halves = {"kind": "cubical", "homology_dimensions": [1], "regions": {"blocks": [1, 1, 2]}}
    config = {
        "data": {"kind": "arrays", "path": str(tmp_path / "stack.npy")},
        "filtrations": {
            "halves": halves, "both": {**halves, "regions": {"blocks": [1, 1, 2], "whole": True}},
            "points": {"kind": "alpha", "homology_dimensions": [0], "regions": {"blocks": [1, 1, 2]}},
        },
        "superpixels": {"n_superpixels": 64},
        "images": {"resolution": 4, "dtype": "float64"},
    }  # fmt: skip
    folder = RunFolder(tmp_path / "run")
    run(RunConfig.model_validate(config), folder, InProcess(), Silent())

    data = RunData(folder.path)
    shown = data.images(np.array([0, 1]))

    stored = data.features["persistence_image"].values
    assert data.features["region"].values.tolist() == ["z0y0x0", "z0y0x1", "whole", "z0y0x0", "z0y0x1"]
    assert [c.title for c in shown.channels] == ["halves H1", "both H1"]
    np.testing.assert_allclose(shown.values[:, 0], stored[:, 0] + stored[:, 1])
    np.testing.assert_array_equal(shown.values[:, 1], stored[:, 2])
    np.testing.assert_allclose(shown.vectors[:, 0], data.features["persistence_vector"].values.sum(axis=1))
    bars = next(DiagramStore(folder.diagrams).read_rows([0]))
    found = data.diagrams(0)
    np.testing.assert_array_equal(found["both", 1], bars["both", 1].expanded)
    np.testing.assert_array_equal(
        found["halves", 1], np.concatenate([bars[f"halves@{block}", 1].expanded for block in ("z0y0x0", "z0y0x1")])
    )
