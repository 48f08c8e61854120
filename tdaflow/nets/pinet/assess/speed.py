"""Compare the speed of the network with that of the exact computation, in turn on the same core."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tdaflow.nets.pinet.model.network import BATCH
from tdaflow.nets.pinet.model.volume_model import VolumeModel
from tdaflow.pipeline.stages.images import images_of
from tdaflow.pipeline.tasks import VolumeFacts
from tdaflow.pipeline.volume import HeldVolume, volume_diagrams


def compare_speed(
    model: VolumeModel, voxels: np.ndarray, about: Sequence[VolumeFacts], *, rounds: int = 5
) -> dict[str, Any]:
    """Time network and exact computation in turn, round by round, so that other load meets both.

    Parameters
    ----------
    model : VolumeModel
        On the CPU.
    voxels : array (n, 1, z, y, x)
        The first `BATCH` are used.
    about : sequence of VolumeFacts
    rounds : int
        After one that is not counted, in which kernels are compiled or loaded.

    Returns
    -------
    dict
        JSON-able: ``batch``; ``wall`` and ``cpu``, each with ``network`` and ``exact`` (volumes a second, from the
        median round) and ``ratio`` (median over rounds of their ratio). ``cpu`` counts the time on the core only, which
        other processes do not disturb as much.
    """
    batch, facts = voxels[:BATCH], list(about[:BATCH])
    recipe = model.exact.recipe

    def network() -> None:
        model.reasons_for_exact(batch, model.record.spacing_low, model.predict(batch), 1.0)

    def exact() -> None:
        diagrams = [volume_diagrams(HeldVolume(a, v[0]), recipe.diagrams)[0] for a, v in zip(facts, batch, strict=True)]
        images_of(diagrams, recipe.images)

    timed: dict[str, list[tuple[float, float]]] = {"network": [], "exact": []}
    for number in range(rounds + 1):
        for name, work in (("network", network), ("exact", exact)):
            seconds = _seconds(work)
            if number:
                timed[name].append(seconds)
    found: dict[str, Any] = {"batch": len(batch), "rounds": rounds}
    for position, clock in enumerate(("wall", "cpu")):
        network_s, exact_s = (np.array([t[position] for t in timed[name]]) for name in ("network", "exact"))
        found[clock] = {
            "network": len(batch) / float(np.median(network_s)),
            "exact": len(batch) / float(np.median(exact_s)),
            "ratio": float(np.median(exact_s / network_s)),
        }
    return found


def _seconds(work: Callable[[], None]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu
