"""Signal PI-Net from ground truth on an engine to a trained and a fine-tuned network."""

import numpy as np
import pytest

from tdaflow.errors import InputError, RunError
from tdaflow.nets.pinet import SIGNALS, signal_targets
from tdaflow.pipeline import InProcess


def waves(n: int, seed: int, highest: float = 4.0) -> np.ndarray:
    """Signals (n, 1, 40): sums of two sines of random frequency and phase."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 2 * np.pi, 40)
    frequency, phase = rng.uniform(1, highest, (2, n, 1)), rng.uniform(0, 6, (2, n, 1))
    return (np.sin(frequency * t + phase).sum(axis=0) * rng.uniform(0.5, 2, (n, 1)))[:, None]


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr("tdaflow.nets.pinet.paper.target_store._CHUNK", 4)


def test_targets_on_an_engine_are_those_of_the_kernel_and_resume(tmp_path, small_chunks, monkeypatch):
    from tdaflow.nets.pinet.paper import target_store

    signals = waves(10, 0)
    np.save(tmp_path / "signals.npy", signals)
    calls = []
    real = target_store.compute_targets

    def stops(task):
        if len(calls) == 1:
            raise KeyboardInterrupt
        calls.append(task.start)
        return real(task)

    monkeypatch.setattr(target_store, "compute_targets", stops)
    with pytest.raises(KeyboardInterrupt):
        target_store.make_targets(tmp_path / "signals.npy", tmp_path / "t.zarr", "signals", InProcess())
    assert not (tmp_path / "t.zarr").exists()
    monkeypatch.setattr(target_store, "compute_targets", lambda task: (calls.append(task.start), real(task))[1])
    found = target_store.make_targets(tmp_path / "signals.npy", tmp_path / "t.zarr", "signals", InProcess())
    assert calls == [0, 4, 8]
    np.testing.assert_array_equal(found, signal_targets(signals, SIGNALS))
    again = target_store.make_targets(tmp_path / "signals.npy", tmp_path / "t.zarr", "signals", InProcess())
    assert len(calls) == 3
    np.testing.assert_array_equal(again, found)


def test_targets_of_other_inputs_are_not_taken(tmp_path):
    from tdaflow.nets.pinet.paper.target_store import make_targets

    np.save(tmp_path / "signals.npy", waves(3, 0))
    make_targets(tmp_path / "signals.npy", tmp_path / "t.zarr", "signals", InProcess())
    np.save(tmp_path / "signals.npy", waves(3, 1))
    with pytest.raises(InputError, match="other inputs"):
        make_targets(tmp_path / "signals.npy", tmp_path / "t.zarr", "signals", InProcess())
    (tmp_path / "no.npy").write_bytes(b"no")
    with pytest.raises(InputError, match=r"numpy\.save"):
        make_targets(tmp_path / "no.npy", tmp_path / "n.zarr", "signals", InProcess())


@pytest.fixture(scope="module")
def small_signal_net(torch):
    """Signal PI-Net with an eighth of the filters, to be quick; its layers are those of the paper."""
    from tdaflow.nets.pinet.paper.networks import SignalPINet

    return lambda: SignalPINet(1, (16, 32, 64, 128))


def test_a_signal_pi_net_learns_its_targets(torch, small_signal_net):
    from tdaflow.nets.pinet.train.fit import Pairs, fit_images
    from tdaflow.nets.pinet.train.schedule import PINetSchedule
    from tdaflow.nets.schedule import Phase

    train, val = (Pairs(s.astype(np.float32), signal_targets(s)) for s in (waves(64, 0), waves(16, 1)))
    fitted = fit_images(small_signal_net, train, val, PINetSchedule((Phase(12, 2e-3),), batch=16), 0)
    assert fitted.history[-1].loss < 0.5 * fitted.history[0].loss
    assert fitted.history[fitted.chosen].validation == min(e.validation for e in fitted.history)


def test_fine_tuning_trains_from_the_fourth_convolution_on(torch, small_signal_net):
    from tdaflow.nets.pinet.paper.networks import to_fine_tune
    from tdaflow.nets.pinet.train.fit import Pairs, fit_images
    from tdaflow.nets.pinet.train.schedule import PINetSchedule
    from tdaflow.nets.schedule import Phase

    torch.manual_seed(0)
    source = small_signal_net()
    pairs = Pairs(waves(16, 0, 8.0).astype(np.float32), signal_targets(waves(16, 0, 8.0)))
    before = {name: t.clone() for name, t in source.state_dict().items()}
    tuned = fit_images(lambda: to_fine_tune(source), pairs, pairs, PINetSchedule((Phase(2, 1e-3),), batch=8), 0).net
    for name, values in tuned.state_dict().items():
        frozen = name.startswith(("encoder.conv1", "encoder.conv2", "encoder.conv3"))
        # Statistics of a frozen batch normalisation are the source's too.
        assert torch.equal(values, before[name]) is frozen, name
    assert all(torch.equal(t, before[name]) for name, t in source.state_dict().items())


def test_a_subset_holds_as_many_of_each_class(torch):
    from tdaflow.nets.pinet.paper.networks import subset_per_class

    labels = np.array([0] * 10 + [1] * 5 + [2] * 2)
    rows = subset_per_class(labels, 3, seed=0)
    assert np.bincount(labels[rows]).tolist() == [3, 3, 2]
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, subset_per_class(labels, 3, seed=0))


def test_a_diverging_training_ends_with_a_sentence(torch, small_signal_net):
    from tdaflow.nets.pinet.train.fit import Pairs, fit_images
    from tdaflow.nets.pinet.train.schedule import PINetSchedule
    from tdaflow.nets.schedule import Phase

    bad = Pairs(np.full((8, 1, 40), np.nan, np.float32), np.zeros((8, 1, 50, 50), np.float32))
    with pytest.raises(RunError, match="lower the learning rate"):
        fit_images(small_signal_net, bad, bad, PINetSchedule((Phase(1, 1e-3),), batch=4), 0)
