"""``tdaflow pinet`` from a shell's point of view."""

import sys

import pytest

from tdaflow.cli import main


@pytest.fixture
def tdaflow(monkeypatch, capfd):
    """Run a command line; returns its exit code, stdout and stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["tdaflow", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        captured = capfd.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return call


def test_train_predict_and_export(torch, tdaflow, volume_run, tmp_path):
    model, predicted = tmp_path / "model", tmp_path / "predicted"
    options = ("--epochs", 3, "--width", 2, "--channels", "sublevel", "--device", "cpu")
    code, _, err = tdaflow("pinet", "train", volume_run, "--out", model, *options)
    assert code == 0
    assert "epoch 3 of 3" in err
    assert {"weights.pt", "model.json", "MODEL_CARD.md", "loss.json", "loss.png"} <= {p.name for p in model.iterdir()}
    code, _, err = tdaflow(
        "pinet", "predict", model, volume_run, "--out", predicted, "--cluster", "sync", "--max-error", 9
    )
    assert code == 0
    assert "48 volumes done" in err
    assert (
        tdaflow("pinet", "predict", model, volume_run, "--out", predicted, "--cluster", "sync", "--max-error", 1)[0]
        == 2
    )
    assert tdaflow("evaluate", predicted, "--classifiers", "logistic", "--seeds", 1, "--resamples", 100)[0] == 0
    assert tdaflow("report", predicted)[0] == 0
    assert tdaflow("check", predicted)[0] == 0
    pytest.importorskip("onnxruntime")
    assert tdaflow("pinet", "export", model)[0] == 0
    assert (model / "model.onnx").is_file()


def test_an_experiment_of_the_paper_is_trained_and_its_tables_printed(torch, tdaflow, tmp_path):
    pytest.importorskip("aeon", reason='BasicMotions travels with aeon: pip install "tdaflow[timeseries]"')
    sets = ("data.step=50", "data.limit=20", "training.widths=[8, 8, 8, 8]", "classification.epochs=0")
    options = [part for text in sets for part in ("--set", f"pinet.{text}")]
    arguments = ("pinet", "train", "pinet-signals", "--out", tmp_path / "out", "--cluster", "sync", "--epochs", 3)
    code, out, err = tdaflow(*arguments, *options)
    assert code == 0
    assert "# Signal PI-Net on BasicMotions" in out
    assert "epoch 3 of 3" in err
    assert {"weights.pt", "assessment.md", "loss.png", "examples.png"} <= {p.name for p in (tmp_path / "out").iterdir()}
    assert tdaflow(*arguments, *options, "--decoder", "basis")[0] == 2


def test_what_cannot_work_is_refused_in_one_sentence(torch, tdaflow, volume_run, tmp_path):
    for arguments in (
        ("train", volume_run, "--preset", "long"),
        ("train", volume_run, "--decoder", "none"),
        ("train", volume_run, "--channels", "alpha/7"),
        ("train", tmp_path / "nothing"),
        ("train", "pinet-images", "--width", 4),
        ("train", "pinet-images", "--data", tmp_path),
        ("predict", tmp_path, volume_run, "--out", tmp_path / "x"),
        ("evaluate", tmp_path, volume_run),
        ("export", tmp_path),
    ):
        code, _, err = tdaflow("pinet", *arguments)
        assert code == 2
        assert err.splitlines()[-1].startswith("tdaflow: ")
