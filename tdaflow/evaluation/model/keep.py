"""Keep the chosen classifier of an evaluation in ``RUN/evaluation/model``, with its own predictions and its card."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.model.card import card_text, model_card
from tdaflow.evaluation.model.distance import fit_distance
from tdaflow.evaluation.model.files import read_model, write_model
from tdaflow.evaluation.model.model import Model, ensemble
from tdaflow.evaluation.protocol.bootstrap import N_RESAMPLES
from tdaflow.evaluation.protocol.evaluate import Evaluated
from tdaflow.evaluation.protocol.features import Features, feature_digest
from tdaflow.evaluation.protocol.fit import FittedChoice
from tdaflow.evaluation.protocol.folder import EvaluationFolder, check_is_run
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.remote import place


def keep_model(run: Path, features: Features, evaluated: Evaluated, *, n_resamples: int = N_RESAMPLES) -> Model:
    """Write the model of an evaluation, its predictions of the validation and test volumes, and its card.

    Parameters
    ----------
    run : Path
        Folder of the run; the model goes to ``evaluation/model`` in it and replaces the one that is there.
    features : Features
        Those that were evaluated.
    evaluated : Evaluated
        Nothing is fitted again but the out-of-distribution score, on the training rows.
    n_resamples : int
        Of the bootstrap behind the intervals of the card.
    """
    model = _model(features, evaluated.fit)
    rows = features.rows("val", "test")
    found = model.predict(rows.blocks)
    predictions = Predictions(
        evaluated.predictions.method, rows.ids, rows.labels, rows.splits, rows.groups, features.class_names,
        {0: found.probabilities}, {}, notes=evaluated.predictions.notes, details=evaluated.predictions.details,
    )  # fmt: skip
    return _kept(run, features, model, predictions, found.ood_scores, n_resamples)


def keep_nested_model(
    run: Path, features: Features, fit: FittedChoice, predictions: Predictions, *, n_resamples: int = N_RESAMPLES
) -> Model:
    """Write the model that was fitted on all rows of a nested cross-validation, whose predictions are in its card.

    Parameters
    ----------
    run, n_resamples
        As for `keep_model`.
    features : Features
        All rows in the split "train".
    fit : FittedChoice
        The choice among the same candidates, on all rows.
    predictions : Predictions
        Out of fold, by the models of the folds; `details` as those of an evaluation.
    """
    return _kept(run, features, _model(features, fit), predictions, np.full(len(features), np.nan), n_resamples)


def _model(features: Features, fit: FittedChoice) -> Model:
    distance = fit_distance(features.rows("train"), fit.candidate.blocks)
    return Model(ensemble(fit), fit.calibration, distance, features.class_names, features.digest)


def _kept(
    run: Path, features: Features, model: Model, predictions: Predictions, ood_scores: np.ndarray, n_resamples: int
) -> Model:
    card = model_card(run, features, model, predictions, ood_scores, n_resamples=n_resamples)
    model = replace(model, card=card)
    folder = write_model(model, EvaluationFolder(run).path / "model", card_text(card))
    predictions.save(folder / "predictions.npz")
    return model


def load_model(run: str | os.PathLike[str]) -> Model:
    """Read the model that ``tdaflow evaluate`` kept.

    Parameters
    ----------
    run : path
        Folder of an evaluated run.

    Returns
    -------
    Model

    Raises
    ------
    InputError
        If there is no run or no model in it, the model is damaged, of another format or not linear and of another
        scikit-learn, or the features of the run were made anew since.

    Examples
    --------
    >>> model = tdaflow.evaluation.load_model("runs/adrenal")  # doctest: +SKIP
    >>> predicted = model.predict(blocks)  # doctest: +SKIP
    >>> predicted.classes, predicted.probabilities, predicted.ood_scores  # doctest: +SKIP
    """
    path = place(run)
    check_is_run(path)
    folder = EvaluationFolder(path).path / "model"
    if not folder.is_dir():
        raise InputError(f"{path} has no model, for it was not evaluated: run `tdaflow evaluate {path}` first")
    model = read_model(folder)
    now = feature_digest(path)
    if now is not None and now != model.digest:
        raise InputError(
            f"the features of {path} were made anew since its model was kept: run `tdaflow evaluate {path}` again"
        )
    return model
