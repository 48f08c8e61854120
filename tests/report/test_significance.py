"""Differences of class means: exact where they can be, right about chance where they cannot."""

import numpy as np
import pytest

from tdaflow.report.significance import FEWEST, class_differences, class_means, contrast_weights

ALONE = np.array([""] * 40, dtype=object)


def test_means_and_differences_of_two_classes():
    found = class_differences(np.array([[1.0, 0], [3, 0], [5, 1]]), np.array([0, 0, 1]), ALONE[:3])

    assert found.means.tolist() == [[2, 0], [5, 1]]
    assert found.differences.tolist() == [[3, 1]]


def test_more_classes_are_each_compared_with_the_mean_of_the_others():
    assert contrast_weights(3).tolist() == [[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1]]
    assert contrast_weights(2).tolist() == [[-1, 1]]
    assert contrast_weights(1).shape == (0, 1)


def test_too_few_volumes_or_patients_are_not_tested():
    labels = np.repeat([0, 1], 20)
    patients = np.array([f"p{i % (FEWEST - 1)}" for i in range(40)], dtype=object)

    assert class_differences(np.zeros((40, 2)), labels, patients).p_values is None
    assert class_differences(np.zeros((40, 2)), labels, ALONE).p_values is not None


def test_a_true_difference_is_found_and_constant_pixels_are_not():
    rng = np.random.default_rng(0)
    pixels = rng.standard_normal((40, 30))
    labels = np.repeat([0, 1], 20)
    pixels[labels == 1, 0] += 3
    pixels[:, 1] = 7

    p_values = class_differences(pixels, labels, ALONE, n_resamples=199).p_values[0]

    assert p_values[0] == pytest.approx(1 / 200)
    assert p_values[1] == 1
    assert (p_values[2:] > 0.05).all()


def test_the_same_seed_gives_the_same_values_and_scale_does_not_matter():
    pixels = np.random.default_rng(1).random((40, 5))
    labels = np.arange(40) % 2

    first = class_differences(pixels, labels, ALONE, n_resamples=50).p_values
    again = class_differences(pixels * 1e-9, labels, ALONE, n_resamples=50).p_values

    assert first.tolist() == again.tolist()


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_chance_of_one_false_pixel_is_what_it_says(n_classes):
    rng = np.random.default_rng(2)
    labels = np.arange(60) % n_classes
    groups = np.array([""] * 60, dtype=object)
    skewed = [rng.exponential(size=(60, 100)) for _ in range(60)]

    false = [class_differences(x, labels, groups, n_resamples=99).p_values.min() <= 0.05 for x in skewed]

    # 60 runs at 5 %: 10 or more have a chance below 0.001.
    assert sum(false) < 10


def test_means_are_of_volumes_in_double_precision():
    assert class_means(np.full((3, 1), 0.1, np.float32), np.zeros(3, int)).dtype == np.float64
