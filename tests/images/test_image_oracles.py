"""Against GUDHI and persim, with their conventions accounted for."""

import numpy as np
import pytest

from tdaflow.images import persistence_image

BIRTHS, PERSISTENCES, SIGMA = (0.0, 8.0), (0.0, 4.0), 0.75


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(0)
    birth = rng.random(300) * 8
    return np.stack([birth, birth + rng.gamma(1.0, 1.0, 300)], axis=1)


@pytest.mark.parametrize(("weight", "gudhi_weight"), [("linear", lambda bp: bp[1]), ("constant", lambda bp: 1)])
def test_gudhi_samples_at_the_ends_of_its_range(pairs, weight, gudhi_weight):
    from gudhi.representations import PersistenceImage

    rows, columns = 20, 32
    # its first and last samples are the ends of im_range: give it our first and last pixel centres;
    # resolution is (columns, rows), bandwidth a standard deviation, rows are persistences from the smallest
    dx, dy = 8 / columns, 4 / rows
    theirs = PersistenceImage(
        bandwidth=SIGMA,
        weight=gudhi_weight,
        resolution=[columns, rows],
        im_range=[dx / 2, 8 - dx / 2, dy / 2, 4 - dy / 2],
    ).fit_transform([pairs])[0]
    ours = persistence_image(
        pairs,
        birth_range=BIRTHS,
        death_range=PERSISTENCES,
        sigma=SIGMA,
        resolution=(rows, columns),
        weight=weight,
        plane="birth-persistence",
        sampling="centre",
    )
    assert np.allclose(ours, theirs.reshape(rows, columns), rtol=1e-12, atol=0)


@pytest.mark.parametrize(("weight", "n"), [("linear", 1.0), ("power(2)", 2.0), ("constant", 0.0)])
def test_persim_integrates_over_pixels(pairs, weight, n):
    from persim import PersistenceImager

    # axis 0 is birth; sigma is a covariance; a whole dyadic number of pixels, because it truncates the resolution
    imager = PersistenceImager(
        birth_range=BIRTHS,
        pers_range=PERSISTENCES,
        pixel_size=0.25,
        weight="persistence",
        weight_params={"n": n},
        kernel_params={"sigma": [[SIGMA**2, 0.0], [0.0, SIGMA**2]]},
    )
    theirs = imager.transform(pairs, skew=True)
    ours = persistence_image(
        pairs,
        birth_range=BIRTHS,
        death_range=PERSISTENCES,
        sigma=SIGMA,
        resolution=(16, 32),
        weight=weight,
        plane="birth-persistence",
        sampling="integral",
    )
    assert theirs.shape == (32, 16)
    # its differences of distribution functions keep 1e-16 absolute a bar, hence the tolerance
    assert np.allclose(ours, theirs.T, rtol=1e-11, atol=1e-13 * ours.max())
