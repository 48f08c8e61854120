"""Volume PI-Net: sizes, decoders, objective, training, resume."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tdaflow.errors import ConfigError, InputError


def test_any_size_from_16_voxels_gives_the_same_number_of_pixels(torch, pairs, tiny):
    from tdaflow.nets.pinet.train.volume_training import make_network, pixel_scale

    net = make_network(pairs, tiny[0], pixel_scale(pairs)).eval()
    with torch.inference_mode():
        for shape in ((16, 16, 16), (17, 20, 33)):
            pixels, uncertainty, features = net(torch.rand(2, 1, *shape))
            assert features.shape == (2, net.encoder.n_features)
            assert pixels.shape == (2, pairs.train.pixels.shape[1]) == (2, 8 + 2 * 64)
            assert uncertainty.shape == (2,)
            assert (pixels >= 0).all()


def test_only_training_and_validation_volumes_are_read(pairs, volume_run):
    from tdaflow.evaluation.protocol.features import load_features

    features = load_features(volume_run)
    assert (len(pairs.train), len(pairs.val)) == (24, 12)
    for part, split in ((pairs.train, "train"), (pairs.val, "val")):
        expected = np.concatenate([features.rows(split).blocks[name] for name in pairs.exact.blocks], axis=1)
        np.testing.assert_array_equal(part.pixels, expected)
    assert pairs.exact.blocks == ("alpha H0", "alpha H1", "sublevel H0")


def test_channels_are_chosen_by_filtration_or_dimension(torch, volume_run):
    from tdaflow.nets.pinet.train.pairs import run_pairs

    assert run_pairs(volume_run, ["alpha/1", "sublevel"]).exact.blocks == ("alpha H1", "sublevel H0")
    with pytest.raises(InputError, match="alpha/0, alpha/1, sublevel/0"):
        run_pairs(volume_run, ["alpha/2"])


def test_principal_components_give_the_training_images_back(torch):
    from tdaflow.nets.pinet.model.decoders import principal_components

    rng = np.random.default_rng(0)
    images = rng.standard_normal((20, 3)) @ rng.standard_normal((3, 50)) + 5
    mean, basis, deviations = principal_components(images, 10)
    assert len(deviations) == 3
    assert torch.allclose(basis @ basis.T, torch.eye(3, dtype=torch.float64), atol=1e-12)
    centred = torch.from_numpy(images) - mean
    assert torch.allclose(centred @ basis.T @ basis, centred)
    constant = principal_components(np.ones((5, 4)), 3)
    assert constant[1].shape == (0, 4)


def test_the_objective_counts_each_channel_alike_whatever_its_unit(torch, pairs, tiny):
    from tdaflow.nets.pinet.train.volume_training import ScaledError, make_network, pixel_scale

    scale = pixel_scale(pairs)
    net = make_network(pairs, tiny[0], scale).eval()
    x, y = torch.from_numpy(pairs.train.voxels).float(), torch.from_numpy(pairs.train.pixels)
    net.scaled = lambda voxels: (torch.zeros_like(y), torch.zeros(len(y)))
    # An image of zeros is wrong by the channel's whole size, which is 1 in its own unit.
    error, _ = ScaledError(len(pairs.channels))(net, x, y)
    assert float(error) == pytest.approx(1, rel=1e-5)


def test_the_quantile_loss_is_smallest_at_the_quantile(torch):
    from tdaflow.nets.pinet.model.uncertainty import LEVEL, quantile_loss

    errors = torch.linspace(0.01, 1, 1000)
    losses = {q: float(quantile_loss(errors.quantile(q).log().expand(1000), errors)) for q in (0.5, LEVEL, 0.99)}
    assert min(losses, key=losses.get) == LEVEL


def test_calibration_covers_the_share_it_promises(torch):
    from tdaflow.nets.pinet.model.uncertainty import calibrate, volume_error

    rng = np.random.default_rng(0)
    uncertainty, errors = rng.normal(0, 1, 2000), rng.lognormal(0, 1, (2000, 2))
    found = calibrate(uncertainty[:1000], errors[:1000])
    covered = volume_error(errors[1000:]) <= found.expected_error(uncertainty[1000:])
    assert covered.mean() == pytest.approx(found.level, abs=0.03)


def test_mirror_images_are_used_only_where_no_filtration_sees_them(torch, pairs):
    from tdaflow.nets.pinet.train.volume_training import augmentation

    augment = augmentation(pairs)
    x = torch.arange(16**3, dtype=torch.float32).reshape(1, 1, 16, 16, 16)
    changed = augment(x, torch.Generator().manual_seed(1))
    assert changed.shape == x.shape
    assert torch.equal(changed.flatten().sort().values, x.flatten())
    state = json.loads(json.dumps(pairs.exact.state))
    state["config"]["filtrations"]["sublevel"]["kind"] = "height"
    assert augmentation(replace(pairs, exact=_WithState(pairs.exact, state))) is None


class _WithState:
    """The channels of a recipe with another configuration."""

    def __init__(self, exact, state):
        self.state, self.channels = state, exact.channels


def states(net):
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


def test_an_interrupted_training_ends_as_if_it_had_not_been(torch, pairs, tiny, tmp_path):
    from tdaflow.nets.checkpoints import Checkpoints
    from tdaflow.nets.pinet.train.volume_training import train_volume_net

    def stop(epoch):
        if epoch.number == 1:
            raise KeyboardInterrupt

    def kept():
        return Checkpoints(tmp_path / "c.pt", "f", seconds=0)

    with pytest.raises(KeyboardInterrupt):
        train_volume_net(pairs, *tiny, 0, checkpoints=kept(), after_epoch=stop)
    seen = []
    resumed = train_volume_net(pairs, *tiny, 0, checkpoints=kept(), after_epoch=lambda e: seen.append(e.number))
    whole = train_volume_net(pairs, *tiny, 0)
    assert seen == [2]
    for name, values in states(whole.fitted.net).items():
        np.testing.assert_array_equal(states(resumed.fitted.net)[name], values, err_msg=name)
    assert [(e.loss, e.validation) for e in resumed.fitted.history] == [
        (e.loss, e.validation) for e in whole.fitted.history
    ]
    assert resumed.calibration == whole.calibration
    other = train_volume_net(pairs, *tiny, 1)
    assert any(
        not np.array_equal(values, states(other.fitted.net)[n]) for n, values in states(whole.fitted.net).items()
    )


def test_fixed_normalisation_keeps_the_statistics_it_has(torch, pairs, tiny):
    from tdaflow.nets.pinet.train.schedule import PINetSchedule
    from tdaflow.nets.pinet.train.volume_training import train_volume_net
    from tdaflow.nets.schedule import Phase

    def statistics(*phases):
        found = states(train_volume_net(pairs, tiny[0], PINetSchedule(phases, batch=8), 0).fitted.net)
        return {name: values for name, values in found.items() if "running_" in name}

    # Learning so slowly that the first epoch is not the best, whose network is kept.
    first, fixed = statistics(Phase(1, 1e-4)), Phase(2, 1e-3, fixed_normalisation=True)
    for name, values in statistics(Phase(1, 1e-4), fixed).items():
        np.testing.assert_array_equal(values, first[name], err_msg=name)
    moving = statistics(Phase(1, 1e-4), Phase(2, 1e-3))
    assert any(not np.array_equal(values, first[name]) for name, values in moving.items())


@pytest.mark.parametrize("decoder", ["basis", "paper"])
def test_a_network_learns_the_images_of_a_few_volumes(torch, pairs, tiny, decoder):
    from tdaflow.nets.pinet.train.schedule import PINetSchedule
    from tdaflow.nets.pinet.train.volume_training import train_volume_net
    from tdaflow.nets.schedule import Phase

    options = replace(tiny[0], width=4, hidden=32, decoder=decoder)
    history = train_volume_net(pairs, options, PINetSchedule((Phase(25, 3e-3),), batch=8), 0).fitted.history
    assert history[-1].loss < 0.5 * history[0].loss


def test_a_folder_of_another_training_is_not_overwritten(pairs, tiny, model_folder):
    from tdaflow.nets.pinet.train.run import train_model

    before = (model_folder / "weights.pt").read_bytes()
    with pytest.raises(ConfigError, match="another folder"):
        train_model(pairs, model_folder, *tiny, seed=1)
    assert (model_folder / "weights.pt").read_bytes() == before


def test_volumes_below_16_voxels_are_refused(torch, volume_run):
    from tdaflow.nets.pinet.train.pairs import _check_shapes

    with pytest.raises(InputError, match="16 or more"):
        _check_shapes(np.array([[15, 20, 20]]), 1, 10)
    with pytest.raises(InputError, match="unequal shapes"):
        _check_shapes(np.array([[16, 16, 16], [16, 16, 17]]), 2, 10)
    with pytest.raises(InputError, match="--max-train"):
        _check_shapes(np.array([[512, 512, 512]]), 100, 10)


def test_training_is_one_call_from_python(torch, volume_run, tmp_path):
    from tdaflow.nets.pinet.train.run import VolumeTraining, train_on_run

    settings = VolumeTraining(channels=("sublevel",), epochs=3, width=2, device="cpu")
    model = train_on_run(volume_run, tmp_path / "model", settings)
    assert model.exact.blocks == ("sublevel H0",)
    assert (tmp_path / "model" / "MODEL_CARD.md").is_file()
    # What cannot work is refused before any work.
    for wrong in ({"preset": "long"}, {"decoder": "none"}, {"epochs": 1}, {"device": "none"}):
        with pytest.raises(InputError):
            VolumeTraining(**wrong)
