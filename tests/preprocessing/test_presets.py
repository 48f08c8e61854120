"""Preset "auto": what is chosen for a cohort, and that nothing is done before it is."""

import pickle
import re

import numpy as np
import pydantic
import pytest

from tdaflow.errors import InputError
from tdaflow.preprocessing import AUTO, PREPROCESSING_PRESETS, Preprocessing, resolved_preset

MM = (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("modalities", "preset", "says"),
    [
        (["MR"] * 60, "mr", "the volumes are MR and MR has no unit"),
        (["mr", " MRI ", "Mr"], "mr", "the volumes are MR and"),
        (["MR", None, "", "other"], "mr", r"MR \(3 of 4 do not say and are taken as such\)"),
        (["CT", "CT"], None, "the volumes are CT, whose unit is HU"),
        (["PT", "PET"], None, "no preset is made for PT"),
        (["scanning electron microscopy"], None, "no preset is made for SCANNING ELECTRON MICROSCOPY"),
        ([None, "", "OTHER", "unknown"], None, "no modality is known"),
        ([], None, "no modality is known"),
    ],
)
def test_what_auto_stands_for(modalities, preset, says):
    found, sentence = resolved_preset(iter(modalities))
    assert found == preset
    assert re.search(says, sentence)
    assert sentence.startswith(f"preprocessing: {preset or 'none'}, because ")
    assert "--set preprocess.preset=" in sentence
    named = sentence.rpartition("--set preprocess.preset=")[2]
    assert named in PREPROCESSING_PRESETS
    Preprocessing(preset=found)


def test_mixed_modalities_are_refused_with_their_counts():
    with pytest.raises(InputError) as refused:
        resolved_preset(["MR", "CT", None, "MR"])
    assert str(refused.value) == (
        "the volumes are of several modalities (1 CT, 2 MR, 1 unknown), whose grey values cannot be compared; split "
        "the cohort into one data set for each, or choose a preset for all: --set preprocess.preset=none, or another "
        "name"
    )


def test_auto_is_a_value_that_does_nothing_unresolved():
    made = Preprocessing(preset=AUTO, steps=[{"step": "clip", "low": 0}])
    assert (
        pickle.loads(pickle.dumps(made))
        == made
        == pydantic.TypeAdapter(Preprocessing).validate_python(
            {"preset": "auto", "steps": [{"step": "clip", "low": 0}]}
        )
    )
    assert not made.pointwise
    volume = np.arange(8).reshape(2, 2, 2)
    for act in (lambda: made.apply(volume, MM), lambda: made.fixed(lambda: [volume]), made.tables):
        with pytest.raises(InputError, match=r"preset 'auto' must be resolved for a cohort first.*name one of 'ct-abd"):
            act()


def test_auto_is_no_step_of_a_table():
    with pytest.raises(InputError, match="step 'auto' does not exist"):
        Preprocessing([{"step": "auto"}])


def test_none_does_nothing():
    assert Preprocessing(preset="none") == Preprocessing()


def test_mr_and_its_steps():
    assert Preprocessing(preset="mr").tables() == [{"step": "robust-zscore", "over": "nonzero"}]
    rng = np.random.default_rng(0)
    volume = np.zeros((8, 8, 8), dtype=np.int16)
    volume[2:6] = rng.normal(500, 100, (4, 8, 8))
    voxels, _, facts = Preprocessing(preset="mr").apply(volume, MM)
    assert voxels.dtype == np.float32
    assert np.median(voxels[2:6]) == pytest.approx(0, abs=0.05)
    assert np.unique(voxels[:2]).size == 1
    assert facts["steps"][0]["centre"] == pytest.approx(500, abs=15)
    assert facts["steps"][0]["scale"] == pytest.approx(100, abs=20)
