"""Distances from the training volumes, on features whose distances are known."""

import numpy as np
import pytest


def test_distances_are_those_of_mahalanobis(torch):
    from tdaflow.nets.pinet.model.uncertainty import OutOfDistribution

    rng = np.random.default_rng(0)
    features = rng.standard_normal((20_000, 2)) @ np.array([[3.0, 1.0], [0.0, 0.5]]) + 7
    scores = OutOfDistribution.of(features)
    inverse = np.linalg.inv(np.cov(features.T))
    points = features[:5] + 4 - features.mean(axis=0)
    by_hand = np.sqrt(np.einsum("ni,ij,nj->n", points, inverse, points))
    found = scores(torch.from_numpy(features[:5] + 4).float()).numpy()
    np.testing.assert_allclose(found, by_hand, rtol=0.02)
    # Squared distances of normal features are χ² with two degrees of freedom.
    assert float(scores.limit) == pytest.approx(np.sqrt(-2 * np.log(0.01)), rel=0.05)


def test_an_unfitted_one_accepts_everything(torch):
    from tdaflow.nets.pinet.model.uncertainty import OutOfDistribution

    assert OutOfDistribution(3).limit == torch.inf
