"""A network that learns from few volumes, for learning curves: nothing is chosen, so no volume is held back for it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.evaluation.baselines.volumes import development_volumes
from tdaflow.evaluation.learning_curve import Learner
from tdaflow.evaluation.protocol.features import Features, development_features
from tdaflow.nets.inputs import volume_inputs
from tdaflow.nets.optional import require_torch
from tdaflow.nets.registry import NETS
from tdaflow.nets.schedule import REDUCED

N_STEPS = 100
"""Of gradient descent, whatever the number of volumes; fixed in advance for a CPU."""


def few_volumes_learner(run: Path, name: str) -> Learner:
    """Return a learner of the voxels of a run: `N_STEPS` steps, then the network as it is.

    Parameters
    ----------
    run : Path
    name : str
        Key of `NETS`, of a network on voxels.

    Raises
    ------
    InputError
        If torch is missing, or the volumes have unequal shapes.
    """
    require_torch()
    from tdaflow.nets.classification import Feed, probabilities, train
    from tdaflow.nets.networks import make_network

    inputs = volume_inputs(development_volumes(run, development_features(run).ids))

    def learn(learnt: Features, rest: Features, seed: int) -> np.ndarray:
        fit, other = inputs.features.of_ids(learnt.ids), inputs.features.of_ids(rest.ids)
        schedule = replace(REDUCED, epochs=-(-N_STEPS // -(-len(fit) // REDUCED.batch)))
        feed, last = Feed(inputs, inputs.arrays(other), "cpu"), []

        def look(epoch: Any, net: Any) -> None:
            if epoch.number == schedule.epochs - 1:
                last.append(probabilities(net, feed, schedule.batch))

        seen = inputs.arrays(fit), fit.labels
        n_classes = len(fit.class_names)
        train(
            lambda: make_network(NETS[name].kind, inputs, n_classes, schedule),
            inputs, seen, seen, schedule, seed, after_epoch=look,
        )  # fmt: skip
        return last[0]

    return learn
