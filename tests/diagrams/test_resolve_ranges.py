"""resolve_ranges: from a merged record to the extent of a channel's images."""

import numpy as np
import pytest

from tdaflow.diagrams import RangeRecord, resolve_ranges
from tdaflow.diagrams.histogram import GAMMA
from tdaflow.errors import InputError

CHANNEL = ("alpha", 1)


def record_of(pairs, histograms=False):
    return RangeRecord.from_channels({CHANNEL: pairs}, "v0", histograms=histograms)


def test_plain_ranges_are_those_of_the_bars():
    found = resolve_ranges(record_of([[1, 5], [2, 3]]), CHANNEL, resolution=10)
    assert found.birth_range == found.observed_birth_range == (1.0, 2.0)
    assert found.death_range == found.observed_death_range == (3.0, 5.0)
    assert found.n_bars == 2


def test_second_axis_of_the_birth_persistence_plane_is_persistence():
    found = resolve_ranges(record_of([[1, 5], [2, 3]]), CHANNEL, resolution=10, plane="birth-persistence")
    assert found.birth_range == (1.0, 2.0)
    assert found.death_range == (1.0, 4.0)


def test_a_zero_width_axis_takes_the_others_pixel_width():
    alpha_h0 = record_of([[0, 1], [0, 3]])
    square = resolve_ranges(alpha_h0, CHANNEL, resolution=20)
    assert square.birth_range == pytest.approx((-1.0, 1.0))
    assert square.observed_birth_range == (0.0, 0.0)
    one_column = resolve_ranges(alpha_h0, CHANNEL, resolution=(20, 1))
    assert one_column.birth_range == pytest.approx((-0.05, 0.05))
    assert one_column.death_range == (1.0, 3.0)


def test_a_zero_width_second_axis_likewise():
    found = resolve_ranges(record_of([[0, 4], [2, 4]]), CHANNEL, resolution=(5, 10))
    assert found.birth_range == (0.0, 2.0)
    assert found.death_range == pytest.approx((3.5, 4.5))


def test_one_bar_alone_gets_pixels_of_a_thousandth_of_its_value():
    found = resolve_ranges(record_of([[1, 5]]), CHANNEL, resolution=10)
    assert found.birth_range == pytest.approx((1 - 0.025, 1 + 0.025))
    assert found.death_range == pytest.approx((5 - 0.025, 5 + 0.025))


def test_one_bar_near_zero_gets_pixels_of_a_millionth():
    found = resolve_ranges(record_of([[0, 1e-9]]), CHANNEL, resolution=2)
    assert found.birth_range == pytest.approx((-1e-6, 1e-6))


def test_a_channel_without_bars_still_has_an_extent():
    found = resolve_ranges(record_of(np.zeros((0, 2))), CHANNEL, resolution=2)
    assert found.birth_range == found.death_range == pytest.approx((-1e-6, 1e-6))
    assert found.observed_birth_range == found.observed_death_range == (0.0, 0.0)
    assert found.n_bars == 0


def test_widths_stay_positive_far_from_zero():
    found = resolve_ranges(record_of([[1e300, 1e300 * (1 + 1e-15)]]), CHANNEL, resolution=1)
    assert found.birth_range[0] < found.birth_range[1]
    shifted = resolve_ranges(record_of([[1e9, 1e9 + 2e-7], [1e9, 1e9 + 4e-7]]), CHANNEL, resolution=100)
    assert shifted.birth_range[0] < 1e9 < shifted.birth_range[1]


def test_quantile_ranges_ignore_an_outlier_and_stay_within_the_bars():
    births = np.linspace(1, 2, 999)
    pairs = np.column_stack([np.append(births, 50), np.append(births + 1, 500)])
    found = resolve_ranges(record_of(pairs, histograms=True), CHANNEL, resolution=10, quantiles=(0.01, 0.99))
    assert 1 <= found.birth_range[0] <= 1.01
    assert 1.98 <= found.birth_range[1] <= 1.99 * GAMMA
    assert found.death_range[1] <= 3 * GAMMA
    everything = resolve_ranges(record_of(pairs, histograms=True), CHANNEL, resolution=10, quantiles=(0, 1))
    assert everything == resolve_ranges(record_of(pairs), CHANNEL, resolution=10)


def test_quantile_ranges_need_histograms_of_every_volume():
    with pytest.raises(InputError, match="histograms=True"):
        resolve_ranges(record_of([[0, 1]]), CHANNEL, resolution=10, quantiles=(0.1, 0.9))
    other = RangeRecord.from_channels({CHANNEL: [[0, 2]]}, "v1")
    mixed = record_of([[0, 1]], histograms=True).merge(other)
    with pytest.raises(InputError, match="histograms of all its volumes"):
        resolve_ranges(mixed, CHANNEL, resolution=10, quantiles=(0.1, 0.9))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channel": ("alpha", 2)}, "the record has: alpha H1"),
        ({"plane": "death-birth"}, "'birth-death' or 'birth-persistence'"),
        ({"resolution": 0}, "positive integer"),
        ({"resolution": (3, 4, 5)}, r"\(rows, columns\)"),
        ({"quantiles": (0.9, 0.1)}, "0 <= low < high <= 1"),
    ],
)
def test_bad_options_are_refused(options, message):
    arguments = {"channel": CHANNEL, "resolution": 10, **options}
    with pytest.raises(InputError, match=message):
        resolve_ranges(record_of([[0, 1]], histograms=True), **arguments)
