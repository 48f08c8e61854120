"""The small network, early fusion, and Grad-CAM."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.evaluation import EvaluationFolder, Ledger, Protocol, evaluate, load_features
from tdaflow.evaluation.baselines.volumes import load_volumes
from tdaflow.nets.baselines import evaluate_net, net_inputs
from tdaflow.nets.gradcam import best_image, gradcam_maps
from tdaflow.nets.schedule import Schedule

TINY = Schedule(epochs=2, n_seeds=2, stem="pooled", batch=8)


@pytest.fixture(scope="module")
def evaluated_run(run, tmp_path_factory):
    """The small run with a recorded choice, in a folder of its own."""
    import shutil

    folder = tmp_path_factory.mktemp("evaluated") / "run"
    shutil.copytree(run, folder)
    saved = EvaluationFolder(folder)
    found = evaluate(load_features(folder), Protocol(("logistic",), n_seeds=1), saved.ledger)
    saved.save(found.predictions)
    return folder


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_small_network_takes_volumes_and_images_of_any_size(torch, dimensions):
    from tdaflow.nets.networks import SmallCNN

    net = SmallCNN(dimensions, 2, 3).eval()
    for edge in (4, 9):
        assert net(torch.rand(2, 2, *[edge] * dimensions)).shape == (2, 3)
    assert net.head.in_features == 64 * 2**dimensions


def test_early_fusion_sees_voxels_and_columns(torch):
    from tdaflow.nets.networks import EarlyFusion

    net = EarlyFusion(torch.nn.Flatten(), (1, 2, 2, 2), 8, 3, 2)
    x = torch.arange(11.0)[None]
    expected = x @ net.head.weight.T + net.head.bias
    assert torch.allclose(net(x), expected)


@pytest.mark.parametrize("name", ["early-cnn3d", "early-resnet18-3d"])
def test_early_fusion_is_trained_by_the_protocol_and_named_a_fusion(torch, evaluated_run, tmp_path, name):
    given = net_inputs(name, load_volumes(evaluated_run), evaluated_run)
    rows = given.features.blocks["input"]
    assert rows.dtype == np.float32
    assert given.n_voxels == 512
    train = given.features.splits == "train"
    assert rows[train, 512:].std(axis=0) == pytest.approx(np.ones(rows.shape[1] - 512), rel=1e-5)
    made = evaluate_net(name, given, TINY, Ledger(tmp_path), tmp_path / "c", width=1 / 16)
    assert made.kind == "fusion"
    assert made.details["family"] == f"baseline {name}"
    again = evaluate_net(name, given, TINY, Ledger(tmp_path / "b"), tmp_path / "d", width=1 / 16)
    np.testing.assert_array_equal(made.probabilities[0], again.probabilities[0])


def test_the_components_are_learned_on_train(torch, evaluated_run, monkeypatch):
    features = load_features(evaluated_run)
    test = features.splits == "test"
    other = {name: np.where(test[:, None], 5.0, block) for name, block in features.blocks.items()}
    plain = net_inputs("early-cnn3d", load_volumes(evaluated_run), evaluated_run).features.blocks["input"]
    monkeypatch.setattr("tdaflow.nets.inputs.load_features", lambda run: replace(features, blocks=other))
    changed = net_inputs("early-cnn3d", load_volumes(evaluated_run), evaluated_run).features.blocks["input"]
    np.testing.assert_array_equal(plain[~test], changed[~test])
    np.testing.assert_array_equal(plain[:, :512], changed[:, :512])
    assert not np.allclose(plain[test], changed[test])


def test_early_fusion_needs_an_evaluated_run(torch, run, tmp_path):
    # Other tests evaluate the run that they share.
    run = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("evaluation"))
    with pytest.raises(InputError, match="tdaflow evaluate"):
        net_inputs("early-cnn3d", load_volumes(run), run)


def chosen(folder):
    from tdaflow.evaluation.protocol.choice import Candidate

    return Candidate("logistic", "both", ("alpha H0", "alpha H1", "alpha H2"), {})


def test_gradcam_is_a_mean_over_seeds_of_maps_on_one_channel(torch, evaluated_run):
    features = load_features(evaluated_run)
    told = []
    found = gradcam_maps(evaluated_run, features, chosen(evaluated_run), schedule=TINY, say=told.append)
    (name,) = found.mean
    assert name in ("alpha H1", "alpha H2")
    assert found.mean[name].shape == found.sd[name].shape == (2, 8, 8)
    assert found.classes == features.class_names
    assert 0 <= found.mean[name].min() <= found.mean[name].max() <= 1
    assert len(told) == len(found.about["val_auc"]) == 2
    again = gradcam_maps(evaluated_run, features, chosen(evaluated_run), schedule=TINY)
    np.testing.assert_array_equal(again.mean[name], found.mean[name])


def test_test_volumes_change_no_gradcam(torch, evaluated_run):
    features = load_features(evaluated_run)
    test = (features.splits == "test")[:, None]
    other = replace(features, blocks={name: np.where(test, 9.0, block) for name, block in features.blocks.items()})
    first, second = (gradcam_maps(evaluated_run, f, chosen(evaluated_run), schedule=TINY) for f in (features, other))
    for name in first.mean:
        np.testing.assert_array_equal(first.mean[name], second.mean[name])


def test_a_map_of_one_seed_or_of_no_plane_is_refused(torch, evaluated_run):
    features = load_features(evaluated_run)
    with pytest.raises(InputError, match="at least 2"):
        gradcam_maps(evaluated_run, features, chosen(evaluated_run), schedule=replace(TINY, n_seeds=1))
    with pytest.raises(InputError, match="no plane"):
        best_image(evaluated_run, features, replace(chosen(evaluated_run), blocks=("alpha H0",)))


def test_a_map_is_bright_where_the_network_looks(torch):
    from tdaflow.nets.gradcam import _class_maps
    from tdaflow.nets.inputs import NetInputs

    class Corner(torch.nn.Module):
        """Says class 1 by the brightness of the upper right quarter."""

        def __init__(self):
            super().__init__()
            self.trunk = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), *[torch.nn.Identity() for _ in range(4)])
            torch.nn.init.ones_(self.trunk[0].weight)
            torch.nn.init.zeros_(self.trunk[0].bias)

        def forward(self, x):
            seen = self.trunk(x)[:, 0, 4:, 4:].mean(dim=(1, 2))
            return torch.stack([-seen, seen], dim=1)

    images = np.ones((6, 1, 8, 8))
    images[:, :, 4:, 4:] = 3
    inputs = NetInputs(None, (1, 8, 8), np.zeros(1), np.ones(1))  # type: ignore[arg-type]
    maps = _class_maps(Corner(), inputs, images, np.array([0, 1] * 3), 2, "cpu")
    assert maps[1].max() == 1
    assert maps[1, 5, 5] > 2 * maps[1, 1, 1]
    # What speaks against a class is no evidence for it.
    assert not maps[0].any()
