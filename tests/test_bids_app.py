"""``tdaflow bids`` keeps to the convention of BIDS Apps: participants, then the group, into a derivative."""

import csv
import json
import shutil
import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import tdaflow
from tdaflow.bids_app import RUN, bids_config, bids_group, bids_participants
from tdaflow.cli import main
from tdaflow.errors import RunError
from tdaflow.pipeline.shard import Shard

nib = pytest.importorskip("nibabel")

SMALL = ["superpixels.n_superpixels=40", "images.resolution=6", "run.cluster=sync"]
SUBJECTS = ("01", "02", "03", "04")


@pytest.fixture
def bids_dir(tmp_path):
    """Four subjects with a T1w image each, and one with a T2w image beside it."""
    root = tmp_path / "bids"
    rng = np.random.default_rng(0)
    for subject in SUBJECTS:
        for suffix in ("T1w", "T2w") if subject == "01" else ("T1w",):
            voxels = (1000 * gaussian_filter(rng.standard_normal((12, 12, 12)), 1.2)).astype(np.int16)
            path = root / f"sub-{subject}/anat/sub-{subject}_{suffix}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(voxels, np.eye(4)), path)
    (root / "dataset_description.json").write_text('{"Name": "small", "BIDSVersion": "1.8.0"}')
    rows = [f"sub-{subject}\t{'AD' if subject < '03' else 'CN'}" for subject in SUBJECTS]
    (root / "participants.tsv").write_text("\n".join(["participant_id\tdiagnosis", *rows]) + "\n")
    return root


@pytest.fixture
def app(monkeypatch, capfd):
    """Run ``tdaflow bids`` in this process; return its exit code and what it printed on stderr."""
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["tdaflow", "bids", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capfd.readouterr().err

    return call


SET = [word for assignment in SMALL for word in ("--set", assignment)]


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_participants_then_group_make_a_derivative(app, bids_dir, tmp_path):
    out = bids_dir / "derivatives" / "tdaflow"
    assert app(bids_dir, out, "participant", "--label", "diagnosis", *SET)[0] == 0
    assert app(bids_dir, out, "group")[0] == 0
    described = json.loads((out / "dataset_description.json").read_text())
    assert described["DatasetType"] == "derivative"
    assert described["GeneratedBy"] == [{"Name": "tdaflow", "Version": tdaflow.__version__}]
    rows = rows_of(out / "group_features.tsv")
    assert [(row["id"], row["group"], row["class_name"]) for row in rows] == [
        (f"sub-{subject}_T1w", f"sub-{subject}", "AD" if subject < "03" else "CN") for subject in SUBJECTS
    ]
    assert "alpha_H1_entropy" in rows[0]
    assert set(json.loads((out / "group_features.json").read_text())) <= rows[0].keys()
    assert "</html>" in (out / "report.html").read_text()
    new = bids_dir / "sub-05/anat/sub-05_T1w.nii.gz"
    new.parent.mkdir(parents=True)
    shutil.copy(bids_dir / "sub-02/anat/sub-02_T1w.nii.gz", new)
    code, told = app(bids_dir, out, "participant", "--label", "diagnosis", *SET)
    assert (code, "1 volume was added to the 4 of this run" in told) == (0, True)
    assert app(bids_dir, out, "group")[0] == 0
    assert len(rows_of(out / "group_features.tsv")) == 5


def test_labels_choose_participants_and_are_the_same_in_every_job(app, bids_dir, tmp_path):
    out = tmp_path / "out"
    assert app(bids_dir, out, "participant", "--participant_label", "sub-01", "03", "04", *SET)[0] == 0
    code, told = app(bids_dir, out, "participant", "--participant-label", "02", *SET)
    assert code == 2
    assert "an analysis of the participants 01, 03, 04, this is one of the participants 02" in told
    assert app(bids_dir, out, "group")[0] == 0
    assert [row["group"] for row in rows_of(out / "group_features.tsv")] == ["sub-01", "sub-03", "sub-04"]
    code, told = app(bids_dir, tmp_path / "other", "participant", "--participant-label", "5", *SET)
    assert code == 2
    assert "no image of the subject '5'" in told


def test_shards_give_the_bits_of_one_job(bids_dir, tmp_path, monkeypatch):
    monkeypatch.setattr("tdaflow.pipeline.shards._PATIENCE", 0.0)
    config = bids_config(bids_dir, overrides=SMALL)
    with pytest.raises(RunError, match="nobody reads those of 2/2"):
        bids_participants(config, tmp_path / "parts", shard=Shard(1, 2), progress=False)
    for shard in (Shard(2, 2), Shard(1, 2)):
        bids_participants(config, tmp_path / "parts", shard=shard, progress=False)
    bids_participants(config, tmp_path / "one", progress=False)
    tables = [bids_group(tmp_path / name, progress=False).table for name in ("parts", "one")]
    assert tables[0].read_bytes() == tables[1].read_bytes()


def test_a_configuration_brings_all_but_its_data(bids_dir, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('[data]\nkind = "medmnist"\nname = "organmnist3d"\n[images]\nresolution = 7\n')
    config = bids_config(bids_dir, str(path), ["sub-02"], ["data.image=T1w"])
    assert config.images.shape == (7, 7)
    assert config.data["kind"] == "dataset"
    assert config.data["subjects"] == ["02"]


def test_wrong_folders_are_named(app, bids_dir, tmp_path):
    for arguments, told in (
        ((tmp_path, tmp_path / "out", "participant"), "is no BIDS data set"),
        ((tmp_path / "nowhere", tmp_path / "out", "participant"), "there is no file or folder"),
        ((bids_dir, bids_dir, "participant"), "is another data set already"),
        ((bids_dir, tmp_path / "out", "group"), "holds no participants yet"),
        ((bids_dir, tmp_path / "out", "session"), "neither participant nor group"),
        ((bids_dir, tmp_path / "out", "group", "--label", "diagnosis"), "takes what the participant level was told"),
        ((bids_dir, tmp_path / "out", "participant", "02"), "one argument too many"),
        ((bids_dir, tmp_path / "out", "participant", "--config", "nowhere.toml"), "no file nowhere.toml"),
    ):
        code, sentence = app(*arguments)
        assert code == 2, sentence
        assert told in sentence
    assert not (tmp_path / "out" / RUN).exists()
