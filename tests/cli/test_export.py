"""``tdaflow export``."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

from tdaflow.cli import main
from tdaflow.cli.export import export_command
from tdaflow.sources import Rejected, Volume
from tdaflow.sources.ome_zarr import OmeZarr
from tdaflow.store import RunFolder, VolumeBuilder, VolumeStore
from tdaflow.superpixels import cohort_scale

N = 12
SUPERPIXELS = {"n_superpixels": 30, "grid": "nearest", "intensity_scale": 0.02}


@pytest.fixture
def call(monkeypatch, capsys):
    """Exit code and stderr of a command line."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["tdaflow", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = stopped.code
        return code, capsys.readouterr().err

    return run


def voxels(number: int) -> np.ndarray:
    # The last volume has fewer voxels than superpixels.
    shape = (2, 3, 4) if number == N - 1 else (4, 5, 6 + number)
    return np.arange(np.prod(shape), dtype=np.int16).reshape(shape) + number


@pytest.fixture
def run(tmp_path) -> Path:
    """A run of twelve volumes of unequal shape and one that was quarantined."""
    folder = RunFolder(tmp_path / "run")
    folder.create()
    items = [Rejected("set/bad", "the volume is constant")]
    items += [Volume(f"set/{number:02d}", voxels(number), spacing=(3.0, 0.7, 0.7)) for number in range(N)]
    builder = VolumeBuilder.create(
        folder.volumes_in_progress, n_entries=len(items), shape=None, dtype=None, attributes={}
    )
    builder.write_part(0, builder.write_voxels(0, items))
    builder.finish(folder.volumes)
    folder.write({"config": {"superpixels": SUPERPIXELS, "data": {"kind": "phantoms"}}})
    return folder.path


def exported(out: Path) -> dict[str, np.ndarray]:
    return {volume.id: volume.voxels for volume in OmeZarr(out).volumes()}


def test_the_first_ten_volumes_are_exported(run, call, tmp_path):
    code, told = call("export", run, "--ome-zarr", tmp_path / "out")
    assert code == 0
    assert "10 of 12 volumes" in told
    assert "--all" in told
    found = list(OmeZarr(tmp_path / "out").volumes())
    assert [volume.id for volume in found] == [f"set%2F{number:02d}" for number in range(10)]
    for number, volume in enumerate(found):
        assert np.array_equal(volume.voxels, voxels(number))
        assert volume.spacing == (3.0, 0.7, 0.7)
    assert not any((tmp_path / "out").glob("*/labels"))


def test_chosen_volumes_or_all_of_them(run, call, tmp_path):
    choice = ["--volume", "set/11", "--volume", "set/03", "--volume", "set/11"]
    code, told = call("export", run, "--ome-zarr", tmp_path / "two", *choice)
    assert (code, "2 of 12 volumes" in told, "--all" in told) == (0, True, False)
    assert exported(tmp_path / "two").keys() == {"set%2F03", "set%2F11"}
    assert call("export", run, "--ome-zarr", tmp_path / "all", "--all")[0] == 0
    assert len(exported(tmp_path / "all")) == N


def test_labels_are_the_superpixels_of_the_run(run, call, tmp_path):
    code, _ = call("export", run, "--ome-zarr", tmp_path / "out", "--labels", "--volume", "set/00")
    assert code == 0
    image = zarr.open_group(tmp_path / "out" / "set%2F00.ome.zarr", mode="r")
    labels = image["labels/superpixels/0"][...]
    assert labels.shape == (4, 5, 6)
    assert np.array_equal(np.unique(labels), np.arange(1, 31))
    told = image.attrs["tdaflow"]
    assert (told["volume"], told["superpixels"]["n_superpixels"]) == ("set/00", 30)
    assert told["superpixels"]["intensity_scale"] == 0.02


def test_nifti_images_have_headers_of_their_own(run, call, tmp_path):
    nibabel = pytest.importorskip("nibabel")

    code, told = call("export", run, "--nifti", tmp_path / "out", "--labels", "--volume", "set/00")

    assert (code, "1 of 12 volumes" in told) == (0, True)
    image, labels = (nibabel.load(tmp_path / "out" / f"set%2F00{end}") for end in (".nii.gz", ".superpixels.nii.gz"))
    assert np.array_equal(np.asarray(image.dataobj).T, voxels(0))
    assert image.header.get_zooms() == pytest.approx((0.7, 0.7, 3.0))
    assert np.array_equal(np.unique(labels.dataobj), np.arange(1, 31))
    # The source says nothing of the orientation, nor does the file.
    assert int(image.header["sform_code"]) == int(image.header["qform_code"]) == 0
    assert call("export", run, "--nifti", tmp_path / "out", "--volume", "set/00")[0] == 2


def test_a_run_that_learnt_its_scale_is_exported_with_what_it_learnt(run, call, tmp_path):
    state = json.loads((run / "run.json").read_text())
    state["config"]["superpixels"] = {**SUPERPIXELS, "intensity_scale": "auto"}
    state["scales"] = {"alpha": cohort_scale([12.0], [16.0]).as_dict()}
    RunFolder(run).write(state)
    assert call("export", run, "--ome-zarr", tmp_path / "out", "--labels", "--volume", "set/00")[0] == 0
    told = zarr.open_group(tmp_path / "out" / "set%2F00.ome.zarr", mode="r").attrs["tdaflow"]
    assert told["superpixels"]["intensity_scale"] == 0.75


def test_a_volume_that_cannot_be_exported_is_named_and_left_out(run, capsys, tmp_path):
    out = tmp_path / "out"
    code = export_command(run, out, [], everything=True, labels=True, overwrite=False)
    told = capsys.readouterr().err
    assert code == 4
    assert "set/11 is left out: n_superpixels is 30" in told
    assert "11 of 12 volumes" in told
    assert len(exported(out)) == N - 1
    assert not list(out.glob(".tmp-*"))


@pytest.mark.parametrize("damage", ["flipped", "missing"])
def test_damaged_voxels_are_not_exported(run, capsys, tmp_path, damage):
    chunk = run / "volumes.zarr" / "volumes" / "00000002" / "c" / "0" / "0" / "0"
    raw = bytearray(chunk.read_bytes())
    raw[len(raw) // 2] ^= 1
    chunk.unlink()
    if damage == "flipped":
        chunk.write_bytes(raw)
    code = export_command(run, tmp_path / "out", [], everything=False, labels=False, overwrite=False)
    told = capsys.readouterr().err
    assert code == 4
    assert "set/01 is left out: its voxels" in told
    assert len(exported(tmp_path / "out")) == 9


def test_a_volume_store_is_as_good_as_a_run_but_knows_no_superpixels(run, call, tmp_path):
    store = run / "volumes.zarr"
    assert call("export", store, "--ome-zarr", tmp_path / "a", "--volume", "set/00")[0] == 0
    code, told = call("export", store, "--ome-zarr", tmp_path / "b", "--labels")
    assert (code, "holds no run.json" in told) == (2, True)
    (run / "run.json").unlink()  # an ingest has none
    assert call("export", run, "--ome-zarr", tmp_path / "c", "--volume", "set/00")[0] == 0
    assert not (tmp_path / "b").exists()


def test_the_volumes_of_a_run_may_lie_elsewhere(run, call, tmp_path):
    shutil.move(run / "volumes.zarr", tmp_path / "shared.zarr")
    state = json.loads((run / "run.json").read_text())
    state["config"]["data"] = {"store": str(tmp_path / "shared.zarr")}
    RunFolder(run).write(state)
    assert call("export", run, "--ome-zarr", tmp_path / "out", "--labels", "--volume", "set/00")[0] == 0


def test_nothing_is_replaced_unless_asked(run, call, tmp_path):
    words = ["export", run, "--ome-zarr", tmp_path / "out", "--volume", "set/00"]
    assert call(*words)[0] == 0
    before = VolumeStore(run / "volumes.zarr").digest
    code, told = call(*words, "--volume", "set/01")
    assert code == 2
    assert "(1 of 2 images are): replace with --overwrite" in told
    assert len(exported(tmp_path / "out")) == 1
    assert call(*words, "--volume", "set/01", "--overwrite")[0] == 0
    assert len(exported(tmp_path / "out")) == 2
    assert VolumeStore(run / "volumes.zarr").digest == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--volume", "set/99"], "there is no volume 'set/99': ids look like 'set/"),
        (["--volume", "set/bad"], "was quarantined: the volume is constant"),
        (["--volume", "set/00", "--all"], "exclude each other"),
    ],
)
def test_wrong_choices_are_refused_before_anything_is_written(run, call, tmp_path, words, message):
    code, told = call("export", run, "--ome-zarr", tmp_path / "out", *words)
    assert code == 2
    assert message in told
    assert not (tmp_path / "out").exists()


def test_folders_that_cannot_be_used_are_refused(run, call, tmp_path):
    (tmp_path / "file").write_text("")
    for words, message in (
        (["export", tmp_path / "absent", "--ome-zarr", tmp_path / "out"], "there is no file or folder"),
        (["export", run, "--ome-zarr", tmp_path / "file"], "cannot be made"),
        (["export", run], "--ome-zarr"),
    ):
        code, told = call(*words)
        assert code == 2
        assert message in told


def test_what_is_exported_has_to_be_said(run, call, tmp_path):
    for words, message in (
        ([], "--table FILE, --ome-zarr DIR or --nifti DIR"),
        (["--nifti", tmp_path / "n", "--ome-zarr", tmp_path / "out"], "one of them"),
        (["--table", tmp_path / "t.csv", "--ome-zarr", tmp_path / "out"], "one of them"),
        (["--table", tmp_path / "t.csv", "--all"], "belong to images"),
        (["--summary", "--ome-zarr", tmp_path / "out"], "--summary and --wide belong to --table"),
        (["--table", tmp_path / "t.xlsx"], "write .csv, .tsv or .parquet"),
    ):
        code, told = call("export", run, *words)
        assert code == 2
        assert message in " ".join(told.split())
        assert not list(tmp_path.glob("t.*"))
