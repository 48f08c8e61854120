"""0 done; 2 refused, nothing started; 3 failed, resumable; 4 finished but volumes were quarantined."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tdaflow.errors import InputError

DIAGRAMS = "superpixels+persistence"


@pytest.fixture
def out(tmp_path) -> Path:
    """Where the run goes."""
    return tmp_path / "run"


def test_a_run_that_ends_well_ends_with_0_and_again_with_0(tdaflow, config, out):
    first = tdaflow("run", config(), "--out", out)
    assert first.code == 0
    assert "6 volumes done" in first.err
    assert (out / "features.zarr").is_dir()
    assert first.out == ""  # stdout is for data
    second = tdaflow("run", config(), "--out", out, "--restart-from", "volumes")
    assert second.code == 0


def test_the_ranges_are_said_to_come_from_all_volumes_or_the_training_split(tdaflow, config, out):
    assert "all volumes (no labels used)" in tdaflow("run", config(), "--out", out).err


def test_quarantined_volumes_end_with_4_unless_allowed(tdaflow, config, out):
    path = config(nan=2)
    ended = tdaflow("run", path, "--out", out)
    assert ended.code == 4
    assert "2 quarantined:" in ended.err
    assert "1 NaN" in ended.err
    assert tdaflow("run", path, "--out", out).code == 4
    for allowed, code in (("1", 4), ("2", 0), ("10%", 4), ("34%", 0)):
        assert tdaflow("run", path, "--out", out, "--allow-quarantined", allowed).code == code, allowed


def test_ingest_makes_a_store_that_run_goes_on_with(tdaflow, config, out):
    path = config(nan=1)
    assert tdaflow("ingest", path, "--out", out).code == 4
    assert (out / "volumes.zarr").is_dir()
    assert tdaflow("run", path, "--out", out).code == 4
    (status,) = [json.loads(tdaflow("status", out, "--json").out)]
    assert status["stages"]["ingest"]["reused"] == 5
    assert status["stages"]["ingest"]["computed"] == 0


def wrong_configurations() -> Iterator[tuple[str, list[str], str]]:
    yield "no such file", ["run", "nowhere.toml"], r"no file nowhere.toml and no workflow of that name.*quickstart"
    yield "unknown key", ["run", "CONFIG", "--set", "images.eps=0.9"], "did you mean 'images.epsilon'"
    yield "epsilon", ["run", "CONFIG", "--set", "images.epsilon=1"], "images.epsilon is 1.0"
    yield "set", ["run", "CONFIG", "--set", "images.epsilon"], "is not section.key=value"
    yield "too few", ["run", "CONFIG", "--set", "superpixels.n_superpixels=7"], "superpixels.n_superpixels is 7"
    yield "source option", ["run", "CONFIG", "--set", "data.pth=x"], "unknown configuration key 'data.pth'"
    yield "cluster", ["run", "CONFIG", "--cluster", "thread"], "--cluster 'thread' is none of sync, threads"
    yield "data", ["run", "CONFIG", "--data", "/nowhere.npz"], "no file or folder /nowhere.npz"
    yield "restart", ["run", "CONFIG", "--restart-from", "images"], "holds no run to restart"
    told = 'reference is "train", but no volume .* has the split "train"; use --set reference=all'
    yield "train", ["run", "CONFIG", "--set", "reference=train"], told
    yield "old key", ["run", "CONFIG", "--set", "images.ranges_from=all"], 'write reference = "all"'
    yield "old preset", ["run", "CONFIG", "--set", "preset=report"], "the preset 'report' is called 'zhu2024'"
    yield "old workflow", ["run", "report"], "the workflow 'report' is called 'zhu2024' now; give that name"
    yield "no verb", ["rum"], "rum"
    yield "no option", ["run", "CONFIG", "--otu", "x"], "--otu"
    yield "workers", ["run", "CONFIG", "--workers", "0"], "workers"
    yield "no folder", ["status", "nowhere"], "there is no file or folder nowhere: check the path"
    yield "no run", ["status", "."], r"holds no run \(no run.json\)"
    yield "plan", ["plan", "CONFIG", "--data", "/nowhere.npz"], "no file or folder /nowhere.npz"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [pytest.param(arguments, sentence, id=name) for name, arguments, sentence in wrong_configurations()],
)
def test_what_cannot_be_run_ends_with_2_and_one_line(tdaflow, config, out, arguments, sentence):
    given = [str(config()) if a == "CONFIG" else a for a in arguments]
    if given[0] == "run":
        given += ["--out", str(out)]
    ended = tdaflow(*given)
    assert ended.code == 2
    # Stages may have told of themselves before; the error is one line, and no trace.
    line = ended.err.splitlines()[-1]
    assert re.search(sentence, line), line
    assert line.startswith("tdaflow: ")
    assert "Traceback" not in ended.err
    assert not (out / "diagrams.zarr").exists()


def bad_data(folder: Path) -> Iterator[tuple[str, str]]:
    good = np.zeros((3, 9, 9, 9), np.uint8)
    good[:, 4] = 1
    np.savez(folder / "good.npz", images=good)
    (folder / "truncated.npz").write_bytes((folder / "good.npz").read_bytes()[:-200])
    yield "truncated.npz", "truncated.npz is not a complete .npz"
    np.savez(folder / "keys.npz", pictures=good, more=good)
    yield "keys.npz", "no array called 'images' or 'volumes'.*pictures, more"
    np.savez(folder / "labels.npz", images=good, labels=np.arange(2))
    yield "labels.npz", r"shape \(2,\) but .* has 3 volumes"
    np.save(folder / "flat.npy", good[0, 0])
    yield "flat.npy", r"2 dimensions \(9, 9\), expected 4"
    np.save(folder / "deep.npy", good[None])
    yield "deep.npy", "5 dimensions .* expected 4"
    np.save(folder / "constant.npy", np.ones((2, 9, 9, 9)))
    yield "constant.npy", "none of the 2 volumes can be used"
    yield "missing.npz", "no file or folder"
    (folder / "text.txt").touch()
    yield "text.txt", "is not .npy, .npz or a folder"


@pytest.mark.parametrize(
    "name",
    ["truncated.npz", "keys.npz", "labels.npz", "flat.npy", "deep.npy", "constant.npy", "missing.npz", "text.txt"],
)
def test_bad_data_ends_with_2_and_one_line_that_names_the_file(tdaflow, config, tmp_path, out, name):
    sentence = dict(bad_data(tmp_path))[name]
    ended = tdaflow("run", config(), "--out", out, "--data", tmp_path / name)
    assert ended.code == 2
    line = ended.err.splitlines()[-1]
    assert line.startswith("tdaflow: ")
    assert re.search(sentence, line), line
    assert "Traceback" not in ended.err


def test_toml_that_is_none_ends_with_2(tdaflow, tmp_path, out):
    (tmp_path / "bad.toml").write_text("[data\n")
    assert "bad.toml is not valid TOML" in tdaflow("run", tmp_path / "bad.toml", "--out", out).sentence


def test_an_output_folder_of_other_settings_ends_with_2_and_names_the_key(tdaflow, config, out):
    path = config()
    tdaflow("run", path, "--out", out)
    before = json.loads((out / "run.json").read_text())
    ended = tdaflow("run", path, "--out", out, "--set", "images.epsilon=0.5")
    assert ended.code == 2
    assert "changed: images.epsilon" in ended.err.splitlines()[-1]
    assert json.loads((out / "run.json").read_text()) == before


def test_an_output_folder_that_is_a_file_or_not_ours_ends_with_2(tdaflow, config, tmp_path):
    path = config()
    assert "is a file" in tdaflow("run", path, "--out", path).sentence
    assert "no run of tdaflow" in tdaflow("run", path, "--out", tmp_path).sentence
    assert "not writable" in tdaflow("run", path, "--out", "/proc/self/run").sentence


def test_a_volume_that_fails_ends_with_3_and_the_same_command_resumes(tdaflow, config, out, monkeypatch):
    from tdaflow.pipeline.stages import diagrams

    path = config()
    computed = diagrams.volume_diagrams

    def fails(volume, *arguments):
        if volume.about.id.endswith("3"):
            raise ZeroDivisionError("the culprit")
        return computed(volume, *arguments)

    monkeypatch.setattr(diagrams, "volume_diagrams", fails)
    ended = tdaflow("run", path, "--out", out)
    assert ended.code == 3
    assert "1 of 6 volumes failed" in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err
    counts = json.loads(tdaflow("status", out, "--json").out)["stages"][DIAGRAMS]
    assert (counts["computed"], counts["failed"], counts["left"]) == (5, 1, 0)
    assert tdaflow("run", path, "--out", out, "--set", "run.allow_failed=1").code == 4
    monkeypatch.setattr(diagrams, "volume_diagrams", computed)
    assert tdaflow("run", path, "--out", out).code == 0
    assert json.loads(tdaflow("status", out, "--json").out)["stages"][DIAGRAMS]["computed"] == 1


def test_an_interrupt_ends_with_3_and_one_line(tdaflow, config, out, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tdaflow.pipeline.stages.images.run_images", interrupted)
    ended = tdaflow("run", config(), "--out", out)
    assert ended.code == 3
    assert ended.err.splitlines()[-1] == (
        "tdaflow: interrupted; finished batches are kept, run the same command again to resume"
    )
    assert json.loads(tdaflow("status", out, "--json").out)["state"] == "interrupted"


def test_an_error_of_the_pipeline_is_never_a_trace(tdaflow, config, out, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise InputError("the disk of volume 3 is on fire; put it out")

    monkeypatch.setattr("tdaflow.pipeline.stages.diagrams.run_diagrams", refused)
    assert tdaflow("run", config(), "--out", out).err.splitlines()[-1] == (
        "tdaflow: the disk of volume 3 is on fire; put it out"
    )


def test_a_mistake_of_tdaflow_ends_with_3_and_never_passes_for_a_run_with_quarantined_volumes(
    tdaflow, config, out, monkeypatch
):
    def mistaken(*_: object, **__: object) -> None:
        raise AttributeError("no such thing")

    monkeypatch.setattr("tdaflow.pipeline.stages.diagrams.run_diagrams", mistaken)
    ended = tdaflow("run", config(), "--out", out)
    assert ended.code == 3
    assert ended.err.splitlines()[-1].startswith("tdaflow: unexpected AttributeError")
    assert json.loads((out / "run.json").read_text())["reason"] == "no such thing"
