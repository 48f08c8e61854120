"""Volumes on the scales, ranges and σ of a finished run: their features are what the run would have given them."""

import shutil

import numpy as np
import pytest
import xarray as xr

from tdaflow.errors import ConfigError
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.store import RunFolder

SECTIONS = {
    "filtrations": {"alpha": {}, "sublevel": {"kind": "cubical"}},
    "images": {"normalise": "dataset-max"},
    "vectorisations": {"entropy": {}, "atol": {"n_centres": 3}},
}


class Told(Silent):
    """Keeps the messages."""

    def __init__(self):
        self.messages = []

    def message(self, text):
        self.messages.append(text)


@pytest.fixture(scope="module")
def learnt(settings, tmp_path_factory):
    folder = RunFolder(tmp_path_factory.mktemp("learnt") / "run")
    run(settings(reference="train", **SECTIONS), folder, InProcess(), Silent())
    return folder


@pytest.fixture
def applied(settings, save_stack, learnt, tmp_path):
    def apply(stack, reference=learnt.path, **sections):
        data, told = save_stack(tmp_path / f"{len(stack)} volumes", stack), Told()
        folder = RunFolder(tmp_path / "applied")
        state = run(
            settings(reference=str(reference), data=data, **{**SECTIONS, **sections}), folder, InProcess(), told
        )
        return xr.open_zarr(folder.features), state, told.messages

    return apply


@pytest.mark.parametrize("rows", [list(range(12)), [7], [11, 3, 5]])
def test_volumes_alone_or_in_any_company_get_the_features_of_the_run_to_the_bit(volumes, learnt, applied, rows):
    found, state, _ = applied(volumes[rows])
    there = xr.open_zarr(learnt.features)
    for name in ("persistence_image", "summary"):
        np.testing.assert_array_equal(found[name].values, there[name].values[rows])
    theirs = learnt.read()
    assert (state.scales, state.ranges) == (theirs["scales"], theirs["ranges"])
    assert state.image_maximum == theirs["image_maximum"]


def test_an_applied_run_is_a_reference_itself(volumes, applied, tmp_path):
    first, _, _ = applied(volumes[:4])
    kept = first["persistence_image"].values
    shutil.move(tmp_path / "applied", tmp_path / "second")
    again, _, _ = applied(volumes[2:5], reference=tmp_path / "second")
    np.testing.assert_array_equal(again["persistence_image"].values[:2], kept[2:])


def test_the_log_names_volumes_unlike_those_of_the_reference(volumes, applied):
    far = volumes[:3].astype(np.float64)
    far[1] *= 1e4
    far[2] += 1e6
    _, _, messages = applied(far)
    text = "\n".join(messages)
    assert "v1: grey values extend over" in text
    assert "v2: grey values lie about" in text
    assert not any("those of" in line and "v0" in line for line in messages)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"images": {"resolution": 9, "normalise": "dataset-max"}}, r"made with other settings \(images.resolution"),
        ({"filtrations": {"alpha": {}}}, "filtrations.sublevel"),
        ({"preprocess": {"steps": [{"step": "clip", "low": 0, "high": 99}]}}, "preprocessed otherwise"),
        ({"reference": "nowhere/run"}, "no folder of a finished run is there"),
    ],
)
def test_what_does_not_fit_is_refused(volumes, applied, change, sentence):
    with pytest.raises(ConfigError, match=sentence):
        applied(volumes[:2], **change)


def test_an_unfinished_run_is_no_reference(volumes, learnt, applied, tmp_path):
    folder = RunFolder(tmp_path / "half")
    folder.path.mkdir()
    folder.write({**learnt.read(), "state": "failed"})
    with pytest.raises(ConfigError, match="is not finished"):
        applied(volumes[:2], reference=folder.path)


def test_a_run_whose_dicom_volumes_an_older_version_left_as_acquired_is_no_reference(
    volumes, learnt, applied, tmp_path
):
    folder, state = RunFolder(tmp_path / "older"), learnt.read()
    folder.path.mkdir()
    folder.write({**state, "source": {**state["source"], "options": {"kind": "Dicom", "allow_uneven": False}}})
    with pytest.raises(ConfigError, match="left DICOM volumes in the axes of their scanner"):
        applied(volumes[:2], reference=folder.path)


def test_it_resumes_where_it_stopped(volumes, learnt, settings, save_stack, invocations, tmp_path):
    config = settings(reference=str(learnt.path), data=save_stack(tmp_path / "new", volumes[:6]), **SECTIONS)
    folder = RunFolder(tmp_path / "applied")
    run(config, folder, InProcess(), Silent())
    shutil.rmtree(folder.features)
    shutil.rmtree(folder.diagrams / "00000000-00000003")
    invocations.clear()
    state = run(config, folder, InProcess(), Silent())
    assert state.stages["superpixels+persistence"].reused == 3
    assert invocations.images
