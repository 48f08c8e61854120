"""Signal and Image PI-Net end to end: from a TOML file to a folder with network, errors and tables."""

import json

import numpy as np
import pytest
from scipy.io import savemat

from tdaflow.errors import ConfigError, InputError
from tdaflow.nets.pinet.paper.config import is_paper_config, load_paper_config
from tdaflow.packaged import packaged_file
from tdaflow.pipeline import InProcess, Silent

REDUCED = ("pinet.training.widths=[8, 8, 16, 16]", "pinet.training.epochs=3", "pinet.classification.epochs=1",
           "pinet.classification.n_seeds=1")  # fmt: skip
FILES = {"weights.pt", "model.json", "loss.json", "checkpoint.pt", "assessment.json", "assessment.md", "examples.npz"}


@pytest.fixture
def usc_had(tmp_path):
    """Folder of USC-HAD trials of four subjects, two activities of different frequency each."""
    rng = np.random.default_rng(0)
    t = np.arange(600)[:, None] / 100
    for subject in (1, 2, 8, 9):
        folder = tmp_path / "usc" / f"Subject{subject}"
        folder.mkdir(parents=True)
        for activity in (1, 2):
            phase = rng.uniform(0, 6, (1, 6))
            readings = np.sin(2 * np.pi * activity * t + phase) + 0.1 * rng.standard_normal((600, 6))
            savemat(folder / f"a{activity}t1.mat", {"sensor_readings": readings})
    return tmp_path / "usc"


def run(name, folder, *overrides, data=None):
    from tdaflow.nets.pinet.paper.experiment import run_experiment

    config = load_paper_config(packaged_file("workflows", name), [*REDUCED, *overrides], data=data)
    return run_experiment(config, folder, InProcess(), Silent(), device="cpu")


def check(torch, folder, found, names, shape):
    """The folder holds what the findings say, and a network that can be read back."""
    from tdaflow.nets.pinet.paper.experiment import assessment_text, load_network, predict_images

    assert {path.name for path in folder.iterdir()} >= FILES
    assert json.loads((folder / "assessment.json").read_text()) == json.loads(json.dumps(found, allow_nan=False))
    assert [row["channel"] for row in found["channels"]] == names
    assert all(row["relative_l2_of_mean"] > 0 for row in found["channels"])
    methods = [row["name"] for row in found["classification"]["rows"]]
    assert len(methods) == 6
    text = (folder / "assessment.md").read_text()
    assert text == assessment_text(found)
    assert all(f"| {method} |" in text for method in methods)
    net, scale = load_network(folder)
    with np.load(folder / "examples.npz") as file:
        inputs, predicted = file["inputs"], file["predicted"]
        assert str(file["origin"]) == "upper"  # of the authors' grid
    assert predicted.shape[1:] == (3, 50, 50)
    if scale is None:
        inputs = np.moveaxis(inputs, -1, 1) / 255
    else:
        assert scale.shape == inputs.shape[1:]
    assert inputs.shape[1:] == shape
    np.testing.assert_allclose(predict_images(net, inputs), predicted, atol=1e-6)
    assert len(json.loads((folder / "loss.json").read_text())["epochs"]) == 3


def test_signals_of_a_folder_go_all_the_way(torch, usc_had, tmp_path):
    options = ('pinet.data.kind="usc-had"', "pinet.data.frame=100", "pinet.training.widths=[8, 8, 8, 8]")
    found = run("pinet-signals", tmp_path / "out", *options, data=usc_had)
    # Six frames a trial, two trials a subject: two subjects train, the eighth validates, the ninth tests.
    assert found["n"] == {"train": 24, "val": 12, "test": 12}
    check(torch, tmp_path / "out", found, ["x", "y", "z"], (3, 100))
    # Interrupted or repeated, the same experiment goes on; another one is refused.
    weights = (tmp_path / "out" / "weights.pt").read_bytes()
    repeated = run("pinet-signals", tmp_path / "out", *options, "pinet.classification.epochs=0", data=usc_had)
    assert repeated["channels"] == found["channels"]
    assert len((tmp_path / "out" / "weights.pt").read_bytes()) == len(weights)
    with pytest.raises(ConfigError, match="--out"):
        run("pinet-signals", tmp_path / "out", *options, "pinet.training.seed=1", data=usc_had)


def test_the_signals_workflow_goes_all_the_way(torch, tmp_path):
    pytest.importorskip("aeon", reason='BasicMotions travels with aeon: pip install "tdaflow[timeseries]"')
    found = run("pinet-signals", tmp_path / "out", "pinet.data.step=25")
    assert found["n"] == {"train": 32 * 3, "val": 8 * 2, "test": 40 * 2}
    check(torch, tmp_path / "out", found, ["x", "y", "z"], (3, 50))


@pytest.mark.realdata
def test_the_images_workflow_goes_all_the_way(torch, data_dir, tmp_path):
    found = run(
        "pinet-images",
        tmp_path / "out",
        "pinet.data.limit=20",
        "pinet.classification.networks=[]",
        data=data_dir / "medmnist",
    )
    assert found["n"] == {"train": 20, "val": 20, "test": 20}
    check(torch, tmp_path / "out", found, ["axial", "coronal", "sagittal"], (3, 28, 28))


def test_a_network_that_is_not_there_or_damaged_is_named(torch, usc_had, tmp_path):
    from tdaflow.nets.pinet.paper.experiment import load_network

    with pytest.raises(InputError, match="tdaflow pinet train"):
        load_network(tmp_path)
    (tmp_path / "model.json").write_text('{"kind": "volume-pi-net"}')
    with pytest.raises(InputError, match="no Signal or Image PI-Net"):
        load_network(tmp_path)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(InputError, match="train it anew"):
        load_network(tmp_path)


def test_settings_are_checked_and_other_files_are_no_experiments(tmp_path):
    path = packaged_file("workflows", "pinet-signals")
    assert is_paper_config(path)
    assert not is_paper_config(packaged_file("workflows", "quickstart"))
    for override, said in (
        ("pinet.data.kind=svhn", "takes data of kind"),
        ("pinet.network=image", "takes data of kind"),
        ('pinet.classification.networks=["nin"]', "classified by mlp or cnn"),
        ("pinet.training.epoch=3", r"pinet\.training\.epoch"),
        ("images.epsilon=0.9", r"no table \[images\]"),
    ):
        with pytest.raises(ConfigError, match=said):
            load_paper_config(path, [override])
