"""The model folder: what is kept, what is refused, the card, ONNX."""

import json
import os
import pickle
import shutil

import numpy as np
import pytest

from tdaflow.errors import InputError


@pytest.fixture
def copied(model_folder, tmp_path):
    """A model folder that a test may damage."""
    return shutil.copytree(model_folder, tmp_path / "model")


def test_a_model_that_is_read_back_predicts_the_same(torch, pairs, tiny, model_folder):
    from tdaflow.nets.pinet.model.network import forward
    from tdaflow.nets.pinet.model.volume_model import load_model
    from tdaflow.nets.pinet.train.volume_training import train_volume_net

    model = load_model(model_folder)
    trained = train_volume_net(pairs, *tiny, 0)
    theirs = forward(trained.fitted.net, pairs.val.voxels).pixels
    np.testing.assert_array_equal(forward(model.net, pairs.val.voxels).pixels, theirs)
    # Normalisations that became part of the convolutions round differently.
    np.testing.assert_allclose(model.predict(pairs.val.voxels).pixels, theirs, rtol=1e-4, atol=1e-5 * theirs.max())
    assert model.calibration == trained.calibration
    assert torch.equal(model.out_of_distribution.whitening, trained.out_of_distribution.whitening)
    assert model.record == pairs.record
    assert model.exact.blocks == pairs.exact.blocks


def test_a_model_keeps_the_runs_recipe(torch, pairs, model_folder, volume_run):
    from tdaflow.nets.pinet.model.volume_model import load_model
    from tdaflow.pipeline.apply import run_recipe
    from tdaflow.store import RunFolder

    ours, theirs = load_model(model_folder).exact.recipe, run_recipe(RunFolder(volume_run))
    assert ours.diagrams == theirs.diagrams
    assert all(
        isinstance(step.superpixels.intensity_scale, float) for step in ours.diagrams.steps if step.name == "alpha"
    )
    assert ours.images.dtype == theirs.images.dtype
    assert [c.sigma for c in ours.images.channels] == [c.sigma for c in theirs.images.channels]


def test_hostile_and_damaged_weights_are_refused_and_run_no_code(torch, copied):
    from tdaflow.nets.pinet.model.volume_model import load_model

    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(copied / "hacked"),)

    torch.save({"net.low": Hostile()}, copied / "weights.pt", pickle_module=pickle)
    with pytest.raises(InputError, match="cannot be read"):
        load_model(copied)
    assert not (copied / "hacked").exists()
    (copied / "weights.pt").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match="cannot be read"):
        load_model(copied)


def test_weights_of_another_training_are_noticed(torch, copied):
    from tdaflow.nets.pinet.model.volume_model import load_model

    weights = torch.load(copied / "weights.pt", weights_only=True)
    weights["net.latent.0.bias"] = weights["net.latent.0.bias"] + 1
    torch.save(weights, copied / "weights.pt")
    with pytest.raises(InputError, match="not those that model"):
        load_model(copied)


def test_a_folder_without_a_model_is_named(torch, tmp_path):
    from tdaflow.nets.pinet.model.volume_model import load_model

    with pytest.raises(InputError, match="tdaflow pinet train"):
        load_model(tmp_path)


def test_the_card_names_data_licence_metrics_and_limits(model_folder, pairs):
    card = (model_folder / "MODEL_CARD.md").read_text()
    facts = json.loads((model_folder / "model.json").read_text())["facts"]
    for heading in ("## Data", "## Network and training", "## Metrics on the validation volumes", "## Limits"):
        assert heading in card
    assert "Licence" in card
    assert pairs.record.volumes_digest in card
    for row in facts["validation"]:
        assert f"| {row['channel']} | {row['relative_l2']:.3f} |" in card


def test_curves_hold_every_epoch(model_folder):
    curves = json.loads((model_folder / "loss.json").read_text())
    assert [e["number"] for e in curves["epochs"]] == [0, 1, 2]
    assert curves["epochs"][curves["chosen"]]["val_loss"] == min(e["val_loss"] for e in curves["epochs"])


def test_onnxruntime_gives_what_torch_gives(torch, model_folder, pairs, tmp_path):
    pytest.importorskip("onnxruntime")
    import onnx

    from tdaflow.nets.pinet.model.onnx_export import export_onnx, run_onnx
    from tdaflow.nets.pinet.model.volume_model import load_model

    model = load_model(model_folder)
    path = export_onnx(model, tmp_path / "model.onnx")
    # Another batch size than the one it was traced with.
    theirs, ours = run_onnx(path, pairs.val.voxels[:5]), model.predict(pairs.val.voxels[:5])
    np.testing.assert_allclose(theirs.pixels, ours.pixels, rtol=1e-4, atol=1e-4 * ours.pixels.max())
    np.testing.assert_allclose(theirs.expected_error, ours.expected_error, rtol=1e-4)
    np.testing.assert_allclose(theirs.ood_score, ours.ood_score, rtol=1e-3)
    about = {p.key: json.loads(p.value) for p in onnx.load(str(path)).metadata_props}
    assert [c["name"] for c in about["channels"]] == list(model.exact.blocks)
    assert about["model"] == model.digest
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_a_stray_voxel_reaches_the_network_as_the_end_of_its_range(torch, pairs, model_folder):
    from tdaflow.nets.pinet.model.volume_model import load_model

    net = load_model(model_folder).net
    low, high = pairs.record.intensity_range
    clean = torch.from_numpy(pairs.val.voxels[:1].astype(np.float32))
    found = []
    for value in (high + (high - low), 1e12):
        spoilt = clean.clone()
        spoilt[0, 0, 4, 4, 4] = value
        found.append(net.features(spoilt))
    assert torch.equal(*found)
