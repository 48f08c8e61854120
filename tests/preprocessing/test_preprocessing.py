"""A preprocessing is data: tables in, the same steps out, facts of every volume, blocks or the whole."""

import dataclasses
import json
import pickle
import subprocess
import sys

import numpy as np
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.preprocessing import PREPROCESSING_PRESETS, CropPad, Preprocessing, Resample, Rescale, Window, ZScore

MM = (1.0, 1.0, 1.0)
TABLES = [
    {"step": "window", "low": -160, "high": 240},
    {"step": "resample", "spacing": 2.0, "antialias": False},
    {"step": "crop-pad", "shape": [4, 4, 4]},
    {"step": "rescale", "dtype": "uint8"},
]


def test_tables_become_steps():
    made = Preprocessing(TABLES)
    assert made.steps == (Window(-160, 240), Resample(2.0, antialias=False), CropPad((4, 4, 4)), Rescale(dtype="uint8"))
    assert Preprocessing(made.tables()) == made
    assert json.loads(json.dumps(made.tables())) == made.tables()
    assert Preprocessing().steps == ()


def test_it_is_a_value():
    made = Preprocessing(TABLES, preset="ct-lung")
    assert hash(made) == hash(Preprocessing(TABLES, preset="ct-lung"))
    assert pickle.loads(pickle.dumps(made)) == made
    assert dataclasses.replace(made) == made
    assert dataclasses.asdict(made)["steps"][0]["step"] == "window"


def test_pydantic_builds_it():
    adapter = pydantic.TypeAdapter(Preprocessing)
    assert adapter.validate_python({"steps": TABLES}) == Preprocessing(TABLES)
    assert adapter.validate_python({"preset": "ct-bone"}) == Preprocessing(preset="ct-bone")
    assert adapter.validate_python({}) == Preprocessing()
    with pytest.raises(pydantic.ValidationError, match="option 'hi' does not exist; did you mean 'high'"):
        adapter.validate_python({"steps": [{"step": "window", "hi": 3}]})
    with pytest.raises(pydantic.ValidationError, match="preset='ct-foot' does not exist"):
        adapter.validate_python({"preset": "ct-foot"})


def test_steps_follow_each_other_and_facts_tell():
    volume = np.full((4, 6, 8), -1000, dtype=np.int16)
    volume[:, :, 4:] = 40
    voxels, spacing, facts = Preprocessing(TABLES).apply(volume, (2.0, 1.0, 1.0))
    assert voxels.shape == (4, 4, 4)
    assert spacing == (2.0, 2.0, 2.0)
    assert voxels.dtype == np.uint8
    assert voxels[0, 0].tolist() == [0, 0, 255, 255]
    window, resample, crop, rescale = facts["steps"]
    assert window == {"step": "window", "low": -160, "high": 240, "over": "all"}
    assert resample["zoom"] == [1.0, 0.5, 0.5]
    assert resample["to_shape"] == [4, 3, 4]
    assert (crop["start"], crop["value"]) == ([0, 0, 0], -160.0)
    assert (rescale["from_low"], rescale["from_high"]) == (-160.0, 40.0)
    assert json.loads(json.dumps(facts)) == facts


def test_facts_give_the_percentiles_that_were_used():
    volume = np.arange(125, dtype=np.float32).reshape(5, 5, 5)
    _, _, facts = Preprocessing([{"step": "window", "percentiles": [25, 75]}]).apply(volume, MM)
    assert facts["steps"] == [{"step": "window", "percentiles": [25, 75], "over": "all", "low": 31.0, "high": 93.0}]


def test_no_steps_change_nothing():
    volume = np.random.default_rng(0).normal(size=(2, 3, 4))
    voxels, spacing, facts = Preprocessing().apply(volume, (3.0, 2.0, 1.0))
    assert voxels.tobytes() == volume.tobytes()
    assert (spacing, facts) == ((3.0, 2.0, 1.0), {"steps": []})


@pytest.mark.parametrize(
    ("preset", "low", "high"), [("ct-abdomen", -160, 240), ("ct-lung", -1350, 150), ("ct-bone", -500, 1300)]
)
def test_ct_presets_map_their_window_to_grey_levels(preset, low, high):
    made = Preprocessing(preset=preset)
    assert made.pointwise
    ramp = np.array([[[-3000, low, (low + high) / 2, high, 3000]]], dtype=np.int16)
    voxels, _, _ = made.apply(ramp, MM)
    assert voxels.dtype == np.uint8
    assert voxels.ravel().tolist() == [0, 0, 128, 255, 255]


def test_the_mr_preset_has_mean_0_and_spread_1_over_the_head():
    rng = np.random.default_rng(0)
    volume = np.zeros((8, 8, 8), dtype=np.int16)
    volume[2:6] = rng.integers(100, 900, (4, 8, 8))
    voxels, _, _ = Preprocessing(preset="mr-zscore").apply(volume, MM)
    assert voxels[2:6].mean() == pytest.approx(0, abs=1e-6)
    assert voxels[2:6].std() == pytest.approx(1, abs=1e-6)
    assert np.unique(voxels[:2]).size == 1


@pytest.mark.parametrize("preset", PREPROCESSING_PRESETS)
def test_presets_keep_the_grid(preset):
    assert Preprocessing(preset=preset).keeps_grid


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from(["int16", "float32", "uint8"]), st.integers(0, 9))
def test_blocks_give_the_whole(z, x, dtype, seed):
    """Later steps take their statistics from what the earlier ones leave, block by block."""
    volume = (np.random.default_rng(seed).gamma(2, 40, (7, 5, 7))).astype(dtype)
    made = Preprocessing([Window(percentiles=(2, 98)), Rescale(-50, 50), ZScore(over="all"), Rescale(dtype="int16")])
    whole, _, facts = made.apply(volume, MM)
    rows = [np.split(part, [x], axis=2) for part in np.split(volume, [z], axis=0)]
    fixed, same = made.fixed(lambda: (block for row in rows for block in row))
    assert fixed.pointwise
    assert not made.pointwise
    assert same == facts
    parts = np.block([[[fixed.apply(block, MM)[0] for block in row]] for row in rows])
    assert parts.dtype == whole.dtype
    assert parts.tobytes() == whole.tobytes()


def test_given_bounds_need_no_pass_over_the_volume():
    def blocks():
        raise AssertionError("read")

    made = Preprocessing(preset="ct-abdomen")
    assert made.fixed(blocks)[0] == made


def test_steps_that_need_the_whole_volume_are_refused_in_blocks():
    made = Preprocessing(TABLES)
    assert not made.keeps_grid
    with pytest.raises(InputError, match=r"step 2 \(resample\) needs the whole volume in memory"):
        made.fixed(lambda: [np.zeros((2, 2, 2))])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Preprocessing([{"step": "blur"}]), "step 'blur' does not exist; known are window"),
        (lambda: Preprocessing([{"low": 1}]), "give a table with step"),
        (
            lambda: Preprocessing([Window(0, 1), {"step": "zscore", "std": 1}]),
            "preprocessing step 2: zscore: give both",
        ),
        (lambda: Preprocessing("ct-lung"), "give a list of tables"),
        (lambda: Preprocessing({"step": "zscore"}), "give a list of tables"),
        (lambda: Preprocessing(preset="ct"), "preset='ct' does not exist; known are ct-abdomen"),
        (lambda: Preprocessing().apply(np.zeros((2, 2)), MM), "must have 3 dimensions"),
        (lambda: Preprocessing().apply(np.full((1, 1, 1), np.inf), MM), "NaN or infinite"),
        (lambda: Preprocessing().apply(np.zeros((1, 1, 1), "datetime64[s]"), MM), "not a grey image"),
    ],
)
def test_what_is_refused(make, reason):
    with pytest.raises(InputError, match=reason):
        make()


def test_masks_are_taken_as_0_and_1():
    voxels, _, _ = Preprocessing([Rescale(dtype="uint8")]).apply(np.eye(3, dtype=bool)[None], MM)
    assert voxels.tolist() == (255 * np.eye(3, dtype=int))[None].tolist()


def test_the_room_imports_no_scheduler_and_no_store():
    code = (
        "import sys, tdaflow.preprocessing\n"
        "print([m for m in ('dask', 'zarr', 'pydantic', 'scipy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
