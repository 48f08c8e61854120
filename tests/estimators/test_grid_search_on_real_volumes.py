"""`GridSearchCV` on adrenal glands: what a loop written by hand gives, and no look at the test fold."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from tdaflow import Persistence, PersistenceImage, SuperpixelPointCloud, persistence_diagram, persistence_image
from tdaflow.extents import cohort_bounds, robust_bounds
from tdaflow.homology import Cubical

pytestmark = pytest.mark.realdata

EPSILONS = (0.3, 0.6, 0.9, 0.99)
RESOLUTION = 10
DIMENSIONS = (0, 1)  # masks of glands have no cavities
FILTRATION = Cubical("superlevel", downsample=2)


@pytest.fixture(scope="module")
def adrenal(data_dir: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(data_dir / "medmnist" / "adrenalmnist3d.npz") as stored:
        labels = stored["train_labels"].ravel()
        chosen = np.sort(np.concatenate([np.flatnonzero(labels == label)[:30] for label in (0, 1)]))
        return stored["train_images"][chosen], labels[chosen]


def classifier() -> list[tuple[str, Any]]:
    return [("scale", StandardScaler()), ("classify", LogisticRegression(C=0.01, max_iter=500))]


def cubical() -> Pipeline:
    return Pipeline(
        [
            ("diagram", Persistence(FILTRATION)),
            ("image", PersistenceImage(resolution=RESOLUTION, homology_dimensions=DIMENSIONS, dtype="float64")),
            *classifier(),
        ]
    )


def alpha() -> Pipeline:
    return Pipeline(
        [
            ("cloud", SuperpixelPointCloud(100, intensity_scale="cohort")),
            ("diagram", Persistence()),
            ("image", PersistenceImage(resolution=RESOLUTION, normalise="dataset-max", quantiles=(0.0, 0.99))),
            *classifier(),
        ]
    )


def typical_bounds(values: list[np.ndarray]) -> tuple[float, float]:
    lows, highs = zip(*map(robust_bounds, values), strict=True)
    return cohort_bounds(lows, highs)


def features_by_hand(train: list[Any], test: list[Any], epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Images in the birth-persistence plane on the grid that the training diagrams typically span."""
    blocks: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for k in DIMENSIONS:
        with_bars = [diagram[k].T for diagram in train if len(diagram[k])]
        birth_range = typical_bounds([births for births, _ in with_bars])
        low, high = typical_bounds([deaths - births for births, deaths in with_bars])
        death_range = max(low, 0.0), high
        square = (np.ptp(birth_range) / RESOLUTION) ** 2 + (np.ptp(death_range) / RESOLUTION) ** 2
        grid = {
            "birth_range": birth_range,
            "death_range": death_range,
            "sigma": math.sqrt(-square / (2 * math.log(epsilon))),
            "resolution": RESOLUTION,
            "weight": "constant",
            "plane": "birth-persistence",
        }
        for block, diagrams in zip(blocks, (train, test), strict=True):
            block.append(np.stack([persistence_image(diagram[k], **grid).ravel() for diagram in diagrams]))
    return np.hstack(blocks[0]), np.hstack(blocks[1])


def test_a_grid_search_over_epsilon_equals_a_loop_written_by_hand(adrenal: tuple[np.ndarray, np.ndarray]) -> None:
    volumes, labels = adrenal
    assert len(volumes) >= 40
    folds = list(StratifiedKFold(3, shuffle=True, random_state=0).split(volumes, labels))
    search = GridSearchCV(
        cubical(), {"image__epsilon": EPSILONS}, cv=folds, scoring="neg_log_loss", return_train_score=True
    ).fit(volumes, labels)

    diagrams = [persistence_diagram(volume, filtration=FILTRATION) for volume in volumes]
    for i, (train, test) in enumerate(folds):
        for j, epsilon in enumerate(EPSILONS):
            inside, outside = features_by_hand([diagrams[t] for t in train], [diagrams[t] for t in test], epsilon)
            model = Pipeline(classifier()).fit(inside, labels[train])
            for name, features, rows in (("train", inside, train), ("test", outside, test)):
                probability = model.predict_proba(features)[np.arange(len(rows)), labels[rows]]
                by_hand = np.log(probability).mean()
                found = search.cv_results_[f"split{i}_{name}_score"][j]
                assert found == pytest.approx(by_hand, rel=1e-9), (epsilon, i, name)
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == len(EPSILONS)  # ε matters here, so the comparison compares something
    assert search.best_params_["image__epsilon"] == EPSILONS[int(np.argmax(scores))]


@pytest.mark.parametrize("make", [cubical, alpha])
def test_changing_the_test_fold_changes_nothing_that_was_learned(
    adrenal: tuple[np.ndarray, np.ndarray], make: Any
) -> None:
    volumes, labels = adrenal
    order = np.random.default_rng(0).permutation(len(volumes))
    train, test = order[:40], order[40:]
    rng = np.random.default_rng(1)
    changed = volumes.astype(np.int16)
    changed[test] = rng.integers(-3000, 3000, changed[test].shape)

    def fitted(X: np.ndarray) -> tuple[Pipeline, float]:
        result = cross_validate(make(), X, labels, cv=[(train, test)], scoring="neg_log_loss", return_estimator=True)
        return result["estimator"][0], result["test_score"][0]

    (before, score), (after, changed_score) = fitted(volumes.astype(np.int16)), fitted(changed)
    for name in ("ranges_", "birth_range_", "death_range_", "sigma_"):
        assert getattr(before["image"], name) == getattr(after["image"], name)
    assert getattr(before["image"], "image_maximum_", None) == getattr(after["image"], "image_maximum_", None)
    if make is alpha:
        assert before["cloud"].intensity_scale_ == after["cloud"].intensity_scale_ == 28.0 / np.ptp(volumes[train])
    np.testing.assert_array_equal(before["classify"].coef_, after["classify"].coef_)
    assert score != changed_score
    # and the changed volumes would have stretched the ranges, had they been looked at
    assert after["image"].outside_counts(after[: list(after.named_steps).index("image")].transform(changed[test])).any()
    assert make().fit(changed, labels)["image"].sigma_ != before["image"].sigma_
