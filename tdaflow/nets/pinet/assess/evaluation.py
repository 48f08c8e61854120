"""Evaluate a Volume PI-Net on the test volumes of a run, and name the goals that it misses."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.features import Features, load_features
from tdaflow.evaluation.protocol.files import without_nan
from tdaflow.evaluation.protocol.ledger import Ledger, Split
from tdaflow.evaluation.tables.results import summarise
from tdaflow.nets.pinet.assess.classification import choose, test_predictions, with_images
from tdaflow.nets.pinet.assess.noise import noise_rows
from tdaflow.nets.pinet.assess.speed import compare_speed
from tdaflow.nets.pinet.model.channels import channel_name, split_pixels
from tdaflow.nets.pinet.model.image_errors import fidelity, missed_bars, scaled_errors
from tdaflow.nets.pinet.model.uncertainty import volume_error
from tdaflow.nets.pinet.model.volume_model import ModelOutput, VolumeModel
from tdaflow.nets.pinet.train.pairs import stacked
from tdaflow.pipeline import Engine, Observer
from tdaflow.pipeline.apply import run_recipe, run_volumes
from tdaflow.pipeline.tasks import volume_facts
from tdaflow.store import RunFolder

LARGEST_RELATIVE_L2 = 0.2
SMALLEST_SPEEDUP = 5.0
# Where the mean image comes so near, there is nothing to know of a volume.
_NOTHING_TO_KNOW = 0.01
BOUNDS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of an evaluation.

    Attributes
    ----------
    bound : float
        Of the expected error, above which a volume would be computed exactly.
    noise_volumes : int
        Test volumes that are perturbed, a random subset; 0 for none.
    rounds : int
        Of the comparison of speeds.
    resamples : int
        Of the bootstrap.
    """

    bound: float = LARGEST_RELATIVE_L2
    noise_volumes: int = 100
    rounds: int = 5
    resamples: int = 10_000


def evaluate_model(
    model: VolumeModel,
    run: Path,
    options: EvaluationOptions,
    ledger: Ledger,
    engine: Engine,
    observer: Observer,
    folder: Path,
    *,
    allow_second_test: bool = False,
) -> dict[str, Any]:
    """Compare a model with the exact images of a run on its test volumes.

    Parameters
    ----------
    model : VolumeModel
    run : Path
        The run that it was trained on, or another with the same ranges and σ.
    options : EvaluationOptions
    ledger : Ledger
        Of the run; a second, different model needs `allow_second_test`.
    engine, observer
        For the exact images of perturbed volumes.
    folder : Path
        For exact images of perturbed volumes, so that an interrupted evaluation goes on.
    allow_second_test : bool
        Allow a second, different model on the same test volumes; the result says so.

    Returns
    -------
    dict
        JSON-able, see `tdaflow.nets.pinet.assess.text`.

    Raises
    ------
    InputError
        If the run's images are not what the model predicts, or it has no labels and splits.
    ConfigError
        If another model was evaluated on the same test volumes and `allow_second_test` is not given.
    """
    exact = _exact_features(model, run)
    test = exact.rows("test")
    split, choice = Split(test.ids, test.labels), {"model": model.digest, "images": exact.digest}
    ledger.refuse_other("pinet", split, choice, allow_second_test=allow_second_test)
    store = run_volumes(RunFolder(run))
    table = store.table().of_rows()
    row_of = {str(identity): row for row, identity in enumerate(table.id)}
    rows = np.array([row_of[identity] for identity in exact.ids.tolist()])
    if (np.diff(rows) <= 0).any():
        raise InputError(f"the features of {run} are not in the order of its volumes: run again")
    observer.message("predicting and choosing classifiers on the validation volumes")
    voxels = stacked(store, rows)
    output = model.predict(voxels)
    pixels = output.pixels
    blocks = {channel_name(c): p for c, p in zip(model.channels, split_pixels(pixels, model.channels), strict=True)}
    predicted = with_images(exact, blocks, model.digest)
    on_exact, on_predicted = choose(exact), choose(predicted)
    touched = []
    listed = test_predictions(
        exact, predicted, on_exact, on_predicted,
        lambda: touched.append(ledger.touch("pinet", split, choice, allow_second_test=allow_second_test)),
    )  # fmt: skip
    of_test, of_train = exact.splits == "test", exact.splits == "train"
    images = np.concatenate([exact.blocks[channel_name(c)] for c in model.channels], axis=1)
    mean_image = images[of_train].mean(axis=0, dtype=np.float64)
    channels = fidelity(pixels[of_test], images[of_test], mean_image, model.channels)
    errors = scaled_errors(pixels, images, model.net.pixel_scale.numpy(), model.channels)
    about = [volume_facts(table, int(row)) for row in rows[of_test]]
    of_these = ModelOutput(pixels[of_test], output.expected_error[of_test], output.ood_score[of_test])
    reasons = model.reasons_for_exact(voxels[of_test], model.record.spacing_low, of_these, np.inf)
    found: dict[str, Any] = {
        "data_set": model.record.data_set,
        "model": model.digest,
        "n_test": int(of_test.sum()),
        "second_test": touched[0].number > 1,
        "note": touched[0].note,
        "channels": [c.to_dict() for c in channels],
        "bars": [b.to_dict() for b in missed_bars(pixels[of_test], images[of_test], model.channels)],
        "uncertainty": uncertainty_facts(
            volume_error(errors[of_test]), of_these.expected_error,
            np.array([bool(reason) for reason in reasons]), model.calibration.level,
        ),
        "classification": summarise(listed, data_set=model.record.data_set, n_resamples=options.resamples).as_dict(),
        "options": asdict(options),
    }  # fmt: skip
    observer.message("timing the network and the exact computation in turn")
    found["speed"] = compare_speed(model, voxels[of_test], about, rounds=options.rounds)
    if options.noise_volumes:
        chosen = _subset(test, options.noise_volumes)
        at = np.flatnonzero(of_test)[chosen]
        clean = _rows(test, chosen)
        made = noise_rows(model, clean, rows[at], store, voxels[at], on_exact, options.bound, folder, engine, observer)
        found["noise"] = [row.to_dict() for row in made]
    found["missed"] = missed_goals(found)
    return dict(without_nan(found))


def uncertainty_facts(errors: np.ndarray, expected: np.ndarray, outside: np.ndarray, level: float) -> dict[str, Any]:
    """Compare the expected errors of volumes with their true ones.

    Parameters
    ----------
    errors, expected : float arrays (n,)
    outside : bool array (n,)
        Volumes that the training record or the out-of-distribution score alone would send to the exact computation.
    level : float
        Share of errors that should lie below what is expected.
    """
    shares = []
    for bound in BOUNDS:
        kept = (expected <= bound) & ~outside
        shares.append(
            {
                "bound": bound,
                "computed_exactly": float(1 - kept.mean()),
                "kept_above_bound": float((errors[kept] > bound).mean()) if kept.any() else None,
                "all_above_bound": float((errors > bound).mean()),
            }
        )
    return {
        "level": level,
        "coverage": float((errors <= expected).mean()),
        "rank_correlation": float(spearmanr(errors, expected).statistic),
        "mean_error": float(errors.mean()),
        "outside_share": float(outside.mean()),
        "bounds": shares,
    }


def missed_goals(found: Mapping[str, Any]) -> list[str]:
    """Return a sentence for every goal that is missed."""
    missed = [
        f"relative L2 of {c['channel']} is {c['relative_l2']:.3f}, above {LARGEST_RELATIVE_L2:g}"
        for c in found["channels"]
        if c["relative_l2"] is not None and c["relative_l2"] > LARGEST_RELATIVE_L2
    ]
    missed += [
        f"the prediction of {c['channel']} is no nearer than the mean training image ({c['relative_l2']:.3f} against "
        f"{c['relative_l2_of_mean']:.3f})"
        for c in found["channels"]
        if c["relative_l2"] is not None and c["relative_l2"] >= c["relative_l2_of_mean"] > _NOTHING_TO_KNOW
    ]
    ratio = found["speed"]["cpu"]["ratio"]
    if ratio < SMALLEST_SPEEDUP:
        missed.append(f"the network is {ratio:.1f} times as fast as the exact computation, below {SMALLEST_SPEEDUP:g}")
    coverage, level = found["uncertainty"]["coverage"], found["uncertainty"]["level"]
    if coverage < level:
        missed.append(f"{coverage:.1%} of the errors lie below what is expected, fewer than {level:.0%}")
    return missed


def _exact_features(model: VolumeModel, run: Path) -> Features:
    """Load the run's features of the model's channels alone; InputError if they are not those it predicts."""
    features = load_features(run)
    recipe = run_recipe(RunFolder(run), model.exact.blocks)
    for ours, theirs in zip(model.channels, recipe.images.channels, strict=True):
        same = ours.sigma == theirs.sigma and np.array_equal(ours.death, theirs.death)
        if not (same and np.array_equal(ours.birth, theirs.birth)):
            raise InputError(
                f"{channel_name(ours)} of {run} has another range or σ than the images that the model was trained on: "
                "give the run that it was trained on"
            )
    return with_images(features, {name: features.blocks[name] for name in model.exact.blocks}, features.digest)


def _subset(test: Features, n: int) -> np.ndarray:
    """Choose a random subset of the test volumes; return their positions, ascending."""
    return np.sort(np.random.default_rng(0).permutation(len(test))[:n])


def _rows(features: Features, positions: np.ndarray) -> Features:
    keep = np.zeros(len(features), dtype=bool)
    keep[positions] = True
    return Features(
        features.ids[keep], features.labels[keep], features.splits[keep], features.groups[keep],
        {name: block[keep] for name, block in features.blocks.items()}, features.class_names, features.about,
    )  # fmt: skip
