"""Ground truth of signals and images: section 4.1 of the PI-Net paper, against GUDHI, ripser and persim."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tdaflow.errors import InputError
from tdaflow.homology.signals import signal_persistence
from tdaflow.nets.pinet import IMAGES, SIGNALS, image_targets, signal_targets
from tdaflow.nets.pinet.paper.targets import SignalScaler


def sorted_bars(signal):
    bars, _ = signal_persistence(np.asarray(signal)[None], essential="drop")
    return np.array(sorted(bars.tolist())).reshape(-1, 2)


def ripser_bars(signal):
    """H₀ of the path filtered by the signal, as the paper's library computes it."""
    ripser = pytest.importorskip("ripser")
    from scipy.sparse import coo_matrix

    t = len(signal)
    left, vertices = np.arange(t - 1), np.arange(t)
    rows, columns = np.r_[left, left + 1, vertices], np.r_[left + 1, left, vertices]
    edges = np.maximum(signal[:-1], signal[1:])
    # Values are made positive: a sparse matrix holds no zeros.
    shift = signal.min() - 1
    matrix = coo_matrix((np.r_[edges, edges, signal] - shift, (rows, columns)), shape=(t, t))
    bars = ripser.ripser(matrix, distance_matrix=True, maxdim=0)["dgms"][0].astype(np.float64) + shift
    bars = bars[np.isfinite(bars[:, 1]) & (bars[:, 1] > bars[:, 0])]
    return np.array(sorted(bars.tolist())).reshape(-1, 2)


def gudhi_bars(signal):
    import gudhi

    cubes = gudhi.CubicalComplex(vertices=np.asarray(signal, dtype=np.float64))
    cubes.compute_persistence(homology_coeff_field=2, min_persistence=0)
    bars = np.asarray(cubes.persistence_intervals_in_dimension(0)).reshape(-1, 2)
    return np.array(sorted(bars[np.isfinite(bars[:, 1])].tolist())).reshape(-1, 2)


def test_a_minimum_dies_where_it_meets_a_deeper_one():
    assert sorted_bars([3.0, 1.0, 2.0, 0.0, 4.0]).tolist() == [[1.0, 2.0]]


@given(arrays(np.float64, st.integers(2, 30), elements=st.integers(-8, 8).map(float)))
def test_bars_of_a_signal_are_those_of_gudhi(signal):
    np.testing.assert_array_equal(sorted_bars(signal), gudhi_bars(signal))


@pytest.mark.parametrize("seed", range(5))
def test_bars_of_a_signal_are_those_of_ripser(seed):
    # Multiples of ¼ are exact in the float32 that ripser computes in.
    signal = np.random.default_rng(seed).integers(-20, 20, 60) / 4
    np.testing.assert_array_equal(sorted_bars(signal), ripser_bars(signal))


@pytest.mark.parametrize("options", [SIGNALS, IMAGES], ids=["signals", "images"])
def test_an_image_is_persims_over_its_maximum(options):
    import persim

    rng = np.random.default_rng(1)
    low, high = options.birth_range
    signal = rng.uniform(low / 4, high / 2, 80)
    bars = sorted_bars(signal)
    (found,) = signal_targets(signal[None, None], options)[0]
    columns = (high - low) / options.resolution
    # persim's pixels are squares, so it draws each axis at the finer of the two widths and ours are sums of its pixels.
    fine = (options.lifetime_range[1] - options.lifetime_range[0]) / options.resolution
    imager = persim.PersistenceImager(
        birth_range=options.birth_range, pers_range=options.lifetime_range, pixel_size=fine,
        weight="persistence", weight_params={"n": 1},
        kernel_params={"sigma": [[options.sigma**2, 0.0], [0.0, options.sigma**2]]},
    )  # fmt: skip
    theirs = imager.transform(bars, skew=True)
    factor = round(columns / fine)
    theirs = theirs.reshape(options.resolution, factor, options.resolution).sum(axis=1).T
    np.testing.assert_allclose(found, theirs / theirs.max(), atol=1e-6)


@pytest.mark.parametrize("options", [SIGNALS, IMAGES], ids=["signals", "images"])
@pytest.mark.parametrize("seed", range(3))
def test_the_grid_of_the_authors_is_that_of_persims_persimage(options, seed):
    import persim
    from scipy.stats import norm

    (low, high), n, sigma = options.birth_range, options.resolution, options.sigma
    signal = np.random.default_rng(seed).uniform(low / 4, high / 2, 40)
    bars = sorted_bars(signal)
    (found,) = signal_targets(signal[None, None], replace(options, grid="pers-image"))[0]
    # What ``PersImage`` computes, bar by bar.
    columns, rows, width = np.linspace(low, high, n), np.linspace(0, high, n), high / n
    expected = np.zeros((n, n))
    for birth, death in bars:
        in_column = norm.cdf(columns + width, birth, sigma) - norm.cdf(columns, birth, sigma)
        in_row = norm.cdf(rows + width, death - birth, sigma) - norm.cdf(rows, death - birth, sigma)
        expected += (death - birth) * np.outer(in_row, in_column)
    expected = expected[::-1] / expected.max()
    with pytest.deprecated_call():
        imager = persim.PersImage(pixels=(n, n), spread=sigma, specs={"minBD": low, "maxBD": high}, verbose=False)
    theirs = imager.transform(bars.copy())
    np.testing.assert_allclose(theirs / theirs.max(), expected, atol=1e-12)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_signal_without_bars_is_black_on_the_grid_of_the_authors_too():
    assert not signal_targets(np.linspace(-1, 1, 20)[None, None], replace(SIGNALS, grid="pers-image")).any()


def test_digests_of_the_default_grid_are_those_of_versions_that_had_no_other():
    assert IMAGES.as_dict() == {
        "birth_range": (0.0, 1.0), "lifetime_range": (0.0, 1.0), "sigma": 0.05, "resolution": 50
    }  # fmt: skip
    assert replace(IMAGES, grid="pers-image").as_dict()["grid"] == "pers-image"


def test_a_grid_that_is_not_there_or_cannot_be_is_refused():
    with pytest.raises(InputError, match="'contiguous', 'pers-image'"):
        replace(IMAGES, grid="authors")
    with pytest.raises(InputError, match="end above 0"):
        replace(SIGNALS, birth_range=(-10.0, 0.0), grid="pers-image")


def test_each_image_is_divided_by_its_maximum_and_a_channel_without_bars_is_black():
    signals = np.stack([np.sin(np.linspace(0, 20, 100)), np.linspace(-1, 1, 100)])[None]
    images = signal_targets(signals)
    assert images.shape == (1, 2, 50, 50)
    assert images.dtype == np.float32
    assert images[0, 0].max() == 1
    assert not images[0, 1].any()


def test_colour_channels_are_laid_out_along_rows():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (1, 5, 7, 3), dtype=np.uint8)
    by_hand = np.stack([image[0, :, :, c].ravel() / 255 for c in range(3)])[None]
    np.testing.assert_array_equal(image_targets(image), signal_targets(by_hand, IMAGES))
    assert not np.array_equal(image_targets(image), image_targets(image.transpose(0, 2, 1, 3)))


@pytest.mark.parametrize("bad", [np.full((1, 4, 4, 3), 2.0), np.full((1, 4, 4, 3), np.nan), np.zeros((4, 4, 3))])
def test_images_outside_the_unit_range_or_of_another_shape_are_refused(bad):
    with pytest.raises(InputError, match="images must"):
        image_targets(bad)


def test_frames_are_centred_and_have_unit_variance_along_each_time_step_of_train():
    rng = np.random.default_rng(0)
    train = rng.normal(5, 3, (200, 2, 10)) * np.arange(1, 11)
    scaler = SignalScaler().fit(train)
    scaled = scaler.transform(train)
    np.testing.assert_allclose(scaled.std(axis=0), 1)
    # A frame that is shifted as a whole is the same frame.
    np.testing.assert_allclose(scaler.transform(train[:1] + 100), scaled[:1])
    with pytest.raises(InputError, match="time steps"):
        scaler.transform(train[:, :, :9])
