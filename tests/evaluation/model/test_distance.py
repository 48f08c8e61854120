"""The out-of-distribution score of features: Mahalanobis distance within components and distance from them."""

import numpy as np
import pytest

from tdaflow.evaluation import Features
from tdaflow.evaluation.model.distance import ACCEPTED, _components, _outside, fit_distance


def normal(n, seed, shift=0.0, columns=40):
    """Rows of a normal distribution with five strong directions."""
    strong = np.random.default_rng(0).normal(size=(5, columns))
    rng = np.random.default_rng(seed)
    values = 3 * rng.normal(size=(n, 5)) @ strong + 0.3 * rng.normal(size=(n, columns)) + shift
    return Features(
        np.array([f"v{i}" for i in range(n)]), np.arange(n) % 2, np.full(n, "train"), np.full(n, ""),
        {"alpha H1": values}, ("a", "b"),
    )  # fmt: skip


def test_new_volumes_of_the_same_kind_pass_as_often_as_the_threshold_says():
    found = fit_distance(normal(300, 1), ["alpha H1"])
    scores = found.scores(normal(2000, 2).blocks)
    assert (scores <= found.threshold).mean() == pytest.approx(ACCEPTED, abs=0.015)
    assert np.mean(scores**2) == pytest.approx(1, abs=0.1)


def test_a_shift_off_the_components_and_one_along_them_are_seen():
    found = fit_distance(normal(300, 1), ["alpha H1"])
    off = np.zeros(40)
    off[7] = 100
    assert (found.scores(normal(50, 3, off).blocks) > found.threshold).mean() > 0.9
    along = 40 * np.random.default_rng(0).normal(size=(5, 40))[0]
    assert (found.scores(normal(50, 3, along).blocks) > found.threshold).mean() > 0.9


def test_distances_from_inner_products_are_those_of_the_columns():
    values = normal(60, 4).blocks["alpha H1"]
    inner, outer = np.arange(45), np.arange(45, 60)
    found = _outside(values @ values.T, inner, outer)
    centre = values[inner].mean(axis=0)
    own = values[inner] - centre
    left, deviations = _components(own @ own.T)
    axes = left.T @ own / (deviations * np.sqrt(45))[:, None]
    scores = (values[outer] - centre) @ axes.T
    np.testing.assert_allclose(found[:, 0], np.square(scores / deviations).sum(axis=1))
    rest = (values[outer] - centre) - scores @ axes
    np.testing.assert_allclose(found[:, 1], np.square(rest).sum(axis=1))


def test_features_of_low_rank_and_constant_ones_have_finite_scores():
    train = normal(40, 5)
    flat = {"alpha H1": np.outer(train.blocks["alpha H1"][:, 0], np.ones(6))}
    found = fit_distance(Features(**{**vars(train), "blocks": flat}), ["alpha H1"])
    assert np.isfinite(found.scores({"alpha H1": np.ones((3, 6))})).all()
    assert np.isfinite(found.threshold)
