"""resolve_ranges: from what every volume says to the extent of a channel's images.

The ends hold those of most volumes, and no single volume decides; with the quantiles (0, 1) they are extremes.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.diagrams import RangeRecord, resolve_ranges
from tdaflow.errors import InputError
from tdaflow.extents import QUANTILES, cohort_bounds, robust_bounds

CHANNEL = ("alpha", 1)


def record_of(*volumes, quantiles=QUANTILES):
    return RangeRecord.from_volumes([{CHANNEL: pairs} for pairs in volumes], [CHANNEL], quantiles)


def found_in(*volumes, quantiles=QUANTILES, resolution=10, plane="birth-death"):
    return resolve_ranges(record_of(*volumes, quantiles=quantiles), CHANNEL, resolution=resolution, plane=plane)


def test_the_ranges_of_one_volume_of_few_bars_are_those_of_its_bars():
    found = found_in([[1, 5], [2, 3]])
    assert found.birth_range == found.observed_birth_range == (1.0, 2.0)
    assert found.death_range == found.observed_death_range == (3.0, 5.0)
    assert found.n_bars == 2


def test_second_axis_of_the_birth_persistence_plane_is_persistence_which_is_the_default():
    found = resolve_ranges(record_of([[1, 5], [2, 3]]), CHANNEL, resolution=10)
    assert found == found_in([[1, 5], [2, 3]], plane="birth-persistence")
    assert found.birth_range == (1.0, 2.0)
    assert found.death_range == (1.0, 4.0)


def test_the_ends_are_those_of_most_volumes():
    found = found_in([[0, 10], [1, 20]], [[2, 12], [3, 24]], [[4, 14], [5, 26]], [[-900, 16], [900, 9999]])
    assert found.birth_range == cohort_bounds([0, 2, 4, -900], [1, 3, 5, 900])
    assert found.death_range == cohort_bounds([10, 12, 14, 16], [20, 24, 26, 9999])
    assert found.n_bars == 8


def test_no_end_of_persistence_is_below_0():
    lengths = 2.0 ** np.arange(12)
    assert cohort_bounds(lengths, lengths)[0] < 0
    assert found_in(*([[0, length]] for length in lengths), plane="birth-persistence").death_range[0] == 0


def test_the_quantiles_0_and_1_give_the_extremes_as_published():
    cohort = [[[0, 10], [1, 20]], [[2, 12], [3, 24]], [[4, 14], [5, 26]], [[-900, 16], [900, 9999]]]
    found = found_in(*cohort, quantiles=(0, 1))
    assert found.birth_range == (-900, 900)
    assert found.death_range == (10, 9999)


def test_a_stray_bar_among_many_does_not_stretch_the_ranges_of_its_volume():
    births = np.linspace(1, 2, 999)
    pairs = np.column_stack([np.append(births, 50), np.append(births + 1, 500)])
    found = found_in(pairs)
    assert 1 <= found.birth_range[0] <= 1.02
    assert 1.98 <= found.birth_range[1] <= 2
    assert found.death_range[1] <= 3
    assert found_in(pairs, quantiles=(0, 1)).death_range == (2, 500)


def test_volumes_of_one_bar_each_lie_in_one_image():
    """Such as the one void of every shell of a data set: where it is in each is what the images should show."""
    found = found_in(*([[-80 + i, -30 + 2 * i]] for i in range(12)), plane="birth-persistence")
    (low, high), (least, most) = found.birth_range, found.death_range
    assert sum(low <= -80 + i <= high and least <= 50 + i <= most for i in range(12)) >= 8


def test_volumes_without_bars_do_not_count():
    assert found_in([[1, 5], [2, 3]], [], np.zeros((0, 2))) == found_in([[1, 5], [2, 3]])


def test_a_zero_width_axis_takes_the_others_pixel_width():
    alpha_h0 = [[0, 1], [0, 3]]
    square = found_in(alpha_h0, resolution=20)
    assert square.birth_range == pytest.approx((-1.0, 1.0))
    assert square.observed_birth_range == (0.0, 0.0)
    one_column = found_in(alpha_h0, resolution=(20, 1))
    assert one_column.birth_range == pytest.approx((-0.05, 0.05))
    assert one_column.death_range == (1.0, 3.0)


def test_a_zero_width_second_axis_likewise():
    found = found_in([[0, 4], [2, 4]], resolution=(5, 10))
    assert found.birth_range == (0.0, 2.0)
    assert found.death_range == pytest.approx((3.5, 4.5))


def test_one_bar_alone_gets_pixels_of_a_thousandth_of_its_value():
    found = found_in([[1, 5]])
    assert found.birth_range == pytest.approx((1 - 0.025, 1 + 0.025))
    assert found.death_range == pytest.approx((5 - 0.025, 5 + 0.025))


def test_one_bar_near_zero_gets_pixels_of_a_millionth():
    assert found_in([[0, 1e-9]], resolution=2).birth_range == pytest.approx((-1e-6, 1e-6))


def test_a_channel_without_bars_still_has_an_extent():
    found = found_in(np.zeros((0, 2)), resolution=2)
    assert found.birth_range == found.death_range == pytest.approx((-1e-6, 1e-6))
    assert found.observed_birth_range == found.observed_death_range == (0.0, 0.0)
    assert found.n_bars == 0


def test_widths_stay_positive_far_from_zero():
    found = found_in([[1e300, 1e300 * (1 + 1e-15)]], resolution=1)
    assert found.birth_range[0] < found.birth_range[1]
    shifted = found_in([[1e9, 1e9 + 2e-7], [1e9, 1e9 + 4e-7]], resolution=100)
    assert shifted.birth_range[0] < 1e9 < shifted.birth_range[1]


# Whole numbers, so that a shift and its sums are exact.
bars = st.lists(st.tuples(st.integers(-1000, 1000), st.integers(0, 1000)), min_size=1, max_size=12).map(
    lambda rows: np.array([(birth, birth + length) for birth, length in rows], dtype=np.float64)
)
cohorts = st.lists(bars, min_size=1, max_size=9)
planes = st.sampled_from(["birth-death", "birth-persistence"])
quantiles = st.sampled_from([QUANTILES, (0.1, 0.9), (0, 1)])


def observed(found):
    return np.array([found.observed_birth_range, found.observed_death_range])


@settings(max_examples=60, deadline=None)
@given(cohorts, planes, quantiles, st.randoms(use_true_random=False))
def test_the_order_of_volumes_and_of_bars_changes_nothing(cohort, plane, shares, random):
    shuffled = [bars[random.sample(range(len(bars)), len(bars))] for bars in random.sample(cohort, len(cohort))]
    options = {"quantiles": shares, "plane": plane}
    assert found_in(*shuffled, **options) == found_in(*cohort, **options)


@settings(max_examples=60, deadline=None)
@given(cohorts, planes, quantiles, st.integers(-300, 300))
def test_another_unit_by_a_power_of_two_scales_the_ranges_bit_for_bit(cohort, plane, shares, power):
    unit, options = 2.0**power, {"quantiles": shares, "plane": plane}
    scaled = observed(found_in(*(bars * unit for bars in cohort), **options))
    np.testing.assert_array_equal(scaled, observed(found_in(*cohort, **options)) * unit)


@settings(max_examples=60, deadline=None)
@given(cohorts, planes, quantiles, st.integers(-(2**20), 2**20))
def test_a_shift_shifts_births_and_deaths_and_no_persistence(cohort, plane, shares, shift):
    options = {"quantiles": shares, "plane": plane}
    before, after = (observed(found_in(*(bars + by for bars in cohort), **options)) for by in (0, shift))
    expected = before + np.array([[shift], [shift if plane == "birth-death" else 0]])
    # Bits of a number that is one of the volumes' stay; a mean of several is rounded elsewhere.
    exact = shares == (0, 1) or len(cohort) == 1
    np.testing.assert_allclose(after, expected, rtol=0, atol=0 if exact else 1e-6)


@settings(max_examples=100, deadline=None)
@given(st.lists(bars, min_size=4, max_size=9), st.data(), planes)
def test_one_volume_of_four_or_more_cannot_take_the_ranges_beyond_those_of_the_others(cohort, data, plane):
    spoilt = data.draw(st.integers(0, len(cohort) - 1))
    centre = data.draw(st.sampled_from([-1e300, -1e9, 0.0, 1e9, 1e300]))
    stretch = data.draw(st.sampled_from([0.0, 1e9, 1e300]))
    others = [bars for i, bars in enumerate(cohort) if i != spoilt]
    extreme = [[centre, centre + stretch], [-centre, stretch + max(centre, -centre)]]
    found = observed(found_in(*others[:spoilt], extreme, *others[spoilt:], plane=plane))
    ends = np.array([observed(found_in(bars, plane=plane)) for bars in others])
    # Beyond their ends by what they differ at most.
    apart = np.ptp(ends, axis=0)
    assert (ends.min(axis=0) - apart <= found).all()
    assert (found <= ends.max(axis=0) + apart).all()


@settings(max_examples=60, deadline=None)
@given(cohorts)
def test_the_quantiles_0_and_1_are_the_extremes_of_all_bars(cohort):
    found = found_in(*cohort, quantiles=(0, 1))
    together = np.concatenate(cohort)
    low, high = together.min(axis=0), together.max(axis=0)
    assert found.observed_birth_range == (low[0], high[0])
    assert found.observed_death_range == (low[1], high[1])
    assert found.n_bars == len(together)


@settings(max_examples=60, deadline=None)
@given(cohorts, st.sampled_from([QUANTILES, (0.1, 0.9)]))
def test_else_they_hold_the_bounds_of_most_volumes(cohort, shares):
    bounds = np.array([robust_bounds(bars[:, 0], shares) for bars in cohort])
    found = found_in(*cohort, quantiles=shares)
    assert found.observed_birth_range == cohort_bounds(*bounds.T)
    assert found.observed_birth_range[0] <= found.observed_birth_range[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channel": ("alpha", 2)}, "the record has: alpha H1"),
        ({"plane": "death-birth"}, "'birth-death' or 'birth-persistence'"),
        ({"resolution": 0}, "positive integer"),
        ({"resolution": (3, 4, 5)}, r"\(rows, columns\)"),
    ],
)
def test_bad_options_are_refused(options, message):
    arguments = {"channel": CHANNEL, "resolution": 10, **options}
    with pytest.raises(InputError, match=message):
        resolve_ranges(record_of([[0, 1]]), **arguments)


def test_bad_quantiles_are_refused():
    with pytest.raises(InputError, match="0 <= low < high <= 1"):
        record_of([[0, 1]], quantiles=(0.9, 0.1))
