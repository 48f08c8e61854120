"""Training: seeds, the choice of the epoch, checkpoints."""

import os
import pickle

import numpy as np
import pytest

from tdaflow.errors import InputError, RunError
from tdaflow.nets.schedule import MEDMNIST, REDUCED, Schedule, schedule_for

TINY = Schedule(epochs=3, n_seeds=1, stem="pooled", batch=8)


def test_learning_rate_falls_after_half_and_three_quarters():
    rates = [MEDMNIST.rate(epoch) for epoch in range(100)]
    assert rates[49] == 1e-3
    assert rates[50] == pytest.approx(1e-4)
    assert rates[74] == pytest.approx(1e-4)
    assert rates[75] == rates[99] == pytest.approx(1e-5)


def test_a_cpu_schedule_is_named_reduced_everywhere():
    assert schedule_for("cuda") is not REDUCED
    assert schedule_for("cuda") == MEDMNIST == Schedule(epochs=100, n_seeds=5, batch=32, learning_rate=1e-3)
    assert schedule_for("cpu") == REDUCED
    assert (REDUCED.epochs, REDUCED.n_seeds) == (10, 3)
    assert REDUCED.suffix == " (reduced)"
    assert "Reduced" in REDUCED.note
    assert MEDMNIST.suffix == ""
    assert schedule_for("cuda", epochs=20).is_reduced
    # On a CPU the pooling stays, so a long training is not MedMNIST's either.
    assert schedule_for("cpu", epochs=100).is_reduced
    with pytest.raises(InputError, match="epochs = 0"):
        schedule_for("cpu", epochs=0)
    mixed = schedule_for("cpu", precision="mixed")
    assert mixed.is_reduced
    assert "fixed in advance" in mixed.note
    assert "bfloat16" in mixed.note
    assert "bfloat16" not in REDUCED.note
    assert schedule_for("cuda", precision="mixed") == MEDMNIST


@pytest.fixture
def fit(torch, inputs):
    """Train a tiny 3D network."""
    from tdaflow.evaluation import development
    from tdaflow.nets.classification import train
    from tdaflow.nets.networks import resnet18

    def run(seed=0, *, given=None, schedule=TINY, **more):
        given = given or inputs()
        of_train, of_val = development(given.features)
        return train(
            lambda: resnet18("3d", 1, 2, stem="pooled", width=1 / 16), given,
            (given.arrays(of_train), of_train.labels), (given.arrays(of_val), of_val.labels), schedule, seed, **more,
        )  # fmt: skip

    return run


def same(torch, first, second) -> bool:
    return all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_the_same_seed_gives_the_same_network_and_leaves_torch_as_it_was(torch, fit):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first = fit(0)
    assert torch.equal(torch.rand(1), expected)
    assert not torch.are_deterministic_algorithms_enabled()
    assert same(torch, first.net, fit(0).net)
    assert not same(torch, first.net, fit(1).net)


def test_the_epoch_with_the_highest_validation_auc_is_kept_of_equals_the_first(torch, fit, monkeypatch):
    told = iter([0.6, 0.8, 0.7, 0.8])
    monkeypatch.setattr("tdaflow.nets.classification.auc", lambda labels, p: next(told))
    states = []
    trained = fit(
        schedule=Schedule(epochs=4, n_seeds=1, stem="pooled", batch=8),
        after_epoch=lambda epoch, net: states.append({k: v.clone() for k, v in net.state_dict().items()}),
    )
    assert trained.chosen == 1
    assert [e.validation for e in trained.history] == [0.6, 0.8, 0.7, 0.8]
    assert all(torch.equal(v, states[1][k]) for k, v in trained.net.state_dict().items())


def test_an_interrupted_training_goes_on_and_ends_as_if_it_had_not_been(torch, fit, tmp_path):
    from tdaflow.nets.checkpoints import Checkpoints

    def kept(fingerprint="f"):
        return Checkpoints(tmp_path / "seed-0.pt", fingerprint, seconds=0)

    seen = []

    def stop(epoch, net):
        seen.append(epoch.number)
        if epoch.number == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(checkpoints=kept(), after_epoch=stop)
    resumed = fit(checkpoints=kept(), after_epoch=lambda epoch, net: seen.append(epoch.number))
    assert seen == [0, 1, 2]
    whole = fit()
    assert same(torch, resumed.net, whole.net)
    assert [(e.loss, e.validation) for e in resumed.history] == [(e.loss, e.validation) for e in whole.history]
    # A finished training is read, not repeated; one of something else is not taken for it.
    again = fit(checkpoints=kept(), after_epoch=lambda epoch, net: pytest.fail("trained again"))
    assert same(torch, again.net, whole.net)
    assert kept("other").read() is None


def test_a_damaged_or_hostile_checkpoint_is_refused_and_runs_no_code(torch, tmp_path):
    from tdaflow.nets.checkpoints import Checkpoints

    path = tmp_path / "c.pt"
    path.write_bytes(b"PK not a checkpoint")
    with pytest.raises(InputError, match="delete it"):
        Checkpoints(path, "f").read()

    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "hacked"),)

    torch.save({"format": 1, "fingerprint": "f", "state": Hostile()}, path, pickle_module=pickle)
    with pytest.raises(InputError, match="delete it"):
        Checkpoints(path, "f").read()
    assert not (tmp_path / "hacked").exists()


def test_a_loss_that_is_not_finite_ends_the_training(fit, inputs):
    from dataclasses import replace

    given = inputs()
    with pytest.raises(RunError, match="diverged"):
        fit(given=replace(given, scale=np.array([np.inf])))


def test_a_last_batch_of_one_joins_the_one_before(torch):
    from tdaflow.nets.training import batches

    assert [len(b) for b in batches(torch.arange(17), 8)] == [8, 9]
    assert [len(b) for b in batches(torch.arange(18), 8)] == [8, 8, 2]
    assert [len(b) for b in batches(torch.arange(1), 8)] == [1]


def test_masks_are_multiplied_by_a_half_outside_training(torch, inputs):
    from tdaflow.nets.classification import Feed

    given = inputs(mask=True)
    arrays = given.arrays(given.features)
    feed = Feed(given, arrays, "cpu")
    assert torch.allclose(feed.batch([0]), torch.from_numpy(arrays[:1] / 510.0).float())
    assert torch.allclose(feed.batch([0], torch.tensor([0.25])), torch.from_numpy(arrays[:1] / 1020.0).float())


def test_a_network_learns_from_few_volumes_and_sees_no_others(torch, run, monkeypatch):
    from tdaflow.evaluation.protocol.features import development_features
    from tdaflow.nets import few_volumes

    monkeypatch.setattr(few_volumes, "N_STEPS", 30)
    features = development_features(run)
    learn = few_volumes.few_volumes_learner(run, "cnn3d")
    learnt, rest = features.taken(np.arange(16)), features.taken(np.arange(16, 36))
    found = learn(learnt, rest, 0)
    assert found.shape == (20, 2)
    assert ((found[:, 1] > 0.5) == rest.labels).mean() > 0.8
    np.testing.assert_array_equal(found, learn(learnt, rest.taken(np.arange(20)), 0))
