"""Signal PI-Net on a source set, then fine-tuned on a target set: with all samples (FA) and with a subset a class (FS).

``python tests/benchmarks/bench_pinet_transfer.py`` prints the mean squared error on the target's test signals of the
source network, of both ways of fine-tuning, and of a network trained on the target alone (``--quick`` a tiny version).
Signals are generated: three classes of sums of sines, slow ones in the source, fast and noisy ones in the target.
"""

import argparse
import sys

import numpy as np
import pytest

FREQUENCIES = {"source": ((1, 3), (2, 5), (4, 6)), "target": ((5, 8), (7, 10), (9, 13))}
NOISE = {"source": 0.05, "target": 0.25}


def make_signals(domain, n, seed, length=100):
    """Signals (n, 1, t) and their class; the class decides the range of frequencies."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    t = np.linspace(0, 2 * np.pi, length)
    low, high = np.array(FREQUENCIES[domain], dtype=float)[labels].T
    frequency = low + (high - low) * rng.random((3, n))
    waves = np.sin(frequency[..., None] * t + rng.uniform(0, 6, (3, n, 1))).sum(axis=0)
    return (waves + NOISE[domain] * rng.standard_normal(waves.shape))[:, None], labels


def demonstrate(n, per_class, epochs, batch, make):
    """Mean squared errors on the target's test signals, by how the network came about."""
    from tdaflow.nets.pinet.paper.networks import subset_per_class, to_fine_tune
    from tdaflow.nets.pinet.paper.targets import SignalScaler, signal_targets
    from tdaflow.nets.pinet.train.fit import Pairs, fit_images, mean_squared_error, validation_loss
    from tdaflow.nets.pinet.train.schedule import PINetSchedule
    from tdaflow.nets.schedule import Phase

    schedule = PINetSchedule((Phase(epochs, 1e-3),), batch=batch)

    def pairs(scaler, signals):
        scaled = scaler.transform(signals)
        return Pairs(scaled.astype(np.float32), signal_targets(scaled))

    source_signals, _ = make_signals("source", n, 0)
    source_scaler = SignalScaler().fit(source_signals)
    source = fit_images(
        make,
        pairs(source_scaler, source_signals),
        pairs(source_scaler, make_signals("source", n // 4, 1)[0]),
        schedule,
        0,
    ).net
    signals, labels = make_signals("target", n, 2)
    scaler = SignalScaler().fit(signals)
    train, val, test = (
        pairs(scaler, s) for s in (signals, *(make_signals("target", n // 4, seed)[0] for seed in (3, 4)))
    )
    rows = subset_per_class(labels, per_class, seed=0)
    subset = Pairs(train.inputs[rows], train.targets[rows])
    networks = {
        "source, as it is": source,
        "FA, all samples": fit_images(lambda: to_fine_tune(source), train, val, schedule, 0).net,
        f"FS, {per_class} a class": fit_images(lambda: to_fine_tune(source), subset, val, schedule, 0).net,
        "target alone": fit_images(make, train, val, schedule, 0).net,
    }
    return {name: validation_loss(net, test, batch, mean_squared_error) for name, net in networks.items()}


@pytest.mark.benchmark
def test_fine_tuning_helps():
    torch = pytest.importorskip("torch")
    from tdaflow.nets.pinet.paper.networks import SignalPINet

    torch.set_num_threads(1)
    found = demonstrate(48, 6, 4, 12, lambda: SignalPINet(1, (8, 16, 32, 64)))
    assert found["FA, all samples"] < found["source, as it is"]
    assert len(found) == 4


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args(arguments)
    import torch

    from tdaflow.nets.pinet.paper.networks import SignalPINet

    torch.set_num_threads(1)
    n, per_class, epochs = (120, 10, 3) if given.quick else (1200, 40, 15)
    for name, error in demonstrate(n, per_class, epochs, 128, lambda: SignalPINet(1)).items():
        print(f"{name:20} {error:.5f}")


if __name__ == "__main__":
    main(sys.argv[1:])
