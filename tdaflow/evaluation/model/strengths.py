"""The features that a run's model weighs most."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tdaflow.evaluation.model.saliency import linear_model
from tdaflow.evaluation.protocol.features import development_features
from tdaflow.evaluation.protocol.members import signed_root
from tdaflow.pipeline.opened import Run
from tdaflow.store.feature_dataset import feature_matrix

if TYPE_CHECKING:
    import pandas as pd


def strongest_features(run: str | Path, n: int = 10) -> "pd.DataFrame":
    """Find the features with the largest coefficients in the model of an evaluated run.

    Parameters
    ----------
    run : str or Path
        Folder of the run.
    n : int
        Most features that are returned.

    Returns
    -------
    DataFrame
        The strongest first: ``column`` (as `export --table` names it), ``channel``, ``class_name`` and ``effect``: how
        much the log-odds of the class change (of two the second against the first, of more the one that changes most
        against the mean of all) when the feature, or its root where the model takes roots, rises by its standard
        deviation over the volumes outside the test split. Mean over the members of the model.

    Raises
    ------
    InputError
        If there is no model, or it is not linear.
    """
    import pandas as pd

    opened = Run(run)
    model = linear_model(opened)
    names = model.class_names
    blocks = development_features(opened.folder.path).blocks
    shown = names[1:] if len(names) == 2 else names
    effects = {name: np.zeros((len(shown), width)) for name, width in model.widths.items()}
    for member in model.members:
        own = member.projection
        weights = own.weights - (own.weights[:1] if len(names) == 2 else own.weights.mean(axis=0))
        parts = np.split(weights[-len(shown) :], np.cumsum(own.widths)[:-1], axis=1)
        for name, part in zip(own.blocks, parts, strict=True):
            values = blocks[name].astype(np.float64)
            deviation = (signed_root(values) if own.square_root else values).std(axis=0)
            effects[name] += part * deviation / len(model.members)
    columns = feature_matrix(opened.features.isel(volume=slice(1)))
    channels = columns["channel"].values
    tables = []
    for name, effect in effects.items():
        largest = np.abs(effect).argmax(axis=0)
        tables.append(
            pd.DataFrame(
                {
                    "column": columns["feature"].values[channels == name],
                    "channel": name,
                    "class_name": np.array(shown)[largest],
                    "effect": np.take_along_axis(effect, largest[None], axis=0)[0],
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    order = np.argsort(-np.abs(table["effect"].to_numpy()), kind="stable")
    return table.iloc[order[:n]].reset_index(drop=True)
