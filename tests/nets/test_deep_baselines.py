"""Deep baselines: the protocol, the row that leaks, and the command."""

import subprocess
import sys

import numpy as np
import pytest

from tdaflow.cli.baselines import baselines_command
from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation import EvaluationFolder, HeldOut, Ledger, Protocol
from tdaflow.evaluation.baselines.volumes import load_volumes
from tdaflow.nets.baselines import LEAK, evaluate_net, net_inputs, published_protocol
from tdaflow.nets.inputs import published_images
from tdaflow.nets.run_baselines import BaselineOptions
from tdaflow.nets.schedule import Schedule

TINY = Schedule(epochs=2, n_seeds=2, stem="pooled", batch=8)


@pytest.fixture
def evaluated(torch, inputs, tmp_path):
    """Evaluate a tiny baseline in a folder of its own."""

    def run(where="a", *, name="resnet18-3d", schedule=TINY, labels=None, shape=(1, 8, 8, 8), **more):
        folder = tmp_path / where
        given = inputs(labels=labels, shape=shape)
        return evaluate_net(name, given, schedule, Ledger(folder), folder / "c", width=1 / 16, **more)

    return run


def test_without_torch_one_sentence_names_the_extra(monkeypatch, run_without_images):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r'pip install "tdaflow\[torch\]"'):
        baselines_command(run_without_images, ["majority", "resnet18-3d"], BaselineOptions(device="cpu"))
    # Nothing was begun.
    assert not (run_without_images / "evaluation").exists()


@pytest.fixture
def run_without_images(tmp_path):
    """A folder that is a run, and no more."""
    from tdaflow.store import RunFolder

    folder = RunFolder(tmp_path / "run")
    folder.create()
    folder.write({"config": {}})
    return folder.path


def test_neither_the_package_nor_the_command_imports_torch():
    modules = "tdaflow.nets, tdaflow.nets.baselines, tdaflow.cli.baselines, tdaflow.cli.reproduce"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["resnet18-2.5d", "resnet18-3d", "resnet18-acs"])
def test_a_baseline_on_voxels_is_named_reduced_and_reproducible(evaluated, name):
    first, second = evaluated(name=name), evaluated("b", name=name)
    assert first.kind == "baseline"
    assert first.method.endswith("ResNet-18 (reduced)")
    assert first.seeds == (0, 1)
    assert first.details["schedule"] == "reduced"
    assert all(np.array_equal(first.probabilities[s], second.probabilities[s]) for s in first.seeds)
    assert not np.array_equal(first.probabilities[0], first.probabilities[1])
    assert set(first.splits) == {"val", "test"}


def test_what_is_in_test_changes_nothing_of_what_is_chosen(evaluated, inputs):
    before = evaluated()
    test = inputs().features.splits == "test"
    other = inputs().features.labels.copy()
    other[test] = 1 - other[test]
    after = evaluated("b", labels=other)
    assert after.details["chosen_epochs"] == before.details["chosen_epochs"]
    assert after.thresholds == before.thresholds
    # The very networks are the same: they say the same of the same test volumes.
    assert all(np.array_equal(before.probabilities[s], after.probabilities[s]) for s in before.seeds)


def test_test_is_opened_once_after_every_epoch_of_every_seed(evaluated, monkeypatch):
    events = []
    opening = HeldOut.open
    monkeypatch.setattr(HeldOut, "open", lambda self: events.append("open") or opening(self))
    touching = Ledger.touch
    monkeypatch.setattr(Ledger, "touch", lambda *a, **k: events.append("ledger") or touching(*a, **k))
    evaluated(say=lambda text: events.append("epoch"))
    assert events == ["epoch"] * 4 + ["ledger", "open"]


def test_a_longer_training_is_a_second_choice(evaluated):
    evaluated()
    longer = Schedule(epochs=3, n_seeds=1, stem="pooled", batch=8)
    with pytest.raises(ConfigError, match="--allow-second-test"):
        evaluated(schedule=longer)
    assert evaluated(schedule=longer, allow_second_test=True).method.endswith("(choice 2)")


def test_the_published_protocol_takes_the_best_test_epoch_and_says_so(torch, inputs, tmp_path):
    given = inputs(shape=(1, 16, 32))
    schedule = Schedule(epochs=4, n_seeds=2, stem="pooled", batch=8)
    row = published_protocol(given, schedule, Ledger(tmp_path), width=1 / 16)
    assert row.kind == "published protocol"
    assert LEAK in row.method
    assert row.notes[0].startswith("LEAKS.")
    assert row.thresholds == {}
    test = row.of_split("test")
    for seed, told in row.details["leak"].items():
        predicted = test.probabilities[int(seed)][:, 1] > 0.5
        assert (predicted == test.labels).mean() == told["accuracy"] >= told["accuracy_of_validation_epoch"]


def test_images_of_a_run_are_channels_standardised_on_train(run):
    given = net_inputs("resnet18-pi", load_volumes(run), run)
    assert given.shape == (2, 8, 8)
    train = given.features.rows("train")
    rooted = np.sqrt(given.arrays(train).astype(float))
    scaled = (rooted - given.offset[:, None, None]) * given.scale[:, None, None]
    assert scaled.mean(axis=(0, 2, 3)) == pytest.approx(np.zeros(2), abs=1e-9)
    assert scaled.std(axis=(0, 2, 3)) == pytest.approx(np.ones(2))


def test_published_images_have_ranges_of_their_own(run):
    given = published_images(run)
    assert given.shape == (1, 8, 8)
    images = given.arrays(given.features)
    # Every image is over its own maximum, and its ranges are filled by its own bars.
    assert images.max(axis=(1, 2, 3)) == pytest.approx(np.ones(len(images)))


def test_the_command_saves_predictions_that_evaluate_shows(torch, run, monkeypatch, capsys):
    from tdaflow.cli.evaluate import evaluate_command

    monkeypatch.setattr("tdaflow.nets.baselines._train", _narrow())
    names = ["majority", "resnet18-pi", "resnet18-acs", "published-pi"]
    assert baselines_command(run, names, BaselineOptions(1, 1, device="cpu")) == 0
    saved = {p.method: p.kind for p in EvaluationFolder(run).predictions()}
    assert saved == {
        "majority class (train)": "baseline",
        "majority class (test)": "baseline",
        "PI + ResNet-18 (reduced)": "baseline",
        "ACS ResNet-18 (reduced)": "baseline",
        f"PI + ResNet-18, published protocol ({LEAK}) (reduced)": "published protocol",
    }
    evaluate_command(run, None, Protocol(("logistic",), 1), 100)
    told = (run / "evaluation" / "results.md").read_text()
    assert all(method in told for method in saved)
    assert "LEAKS." in told
    with pytest.raises(InputError, match="no baseline 'resnet'"):
        baselines_command(run, ["resnet"], BaselineOptions())


def _narrow():
    """The real training, with every network a sixteenth as wide."""
    from tdaflow.nets import baselines

    real = baselines._train

    def train(baseline, inputs, train, val, schedule, seed, device, width, *rest):
        return real(baseline, inputs, train, val, schedule, seed, device, 1 / 16, *rest)

    return train
