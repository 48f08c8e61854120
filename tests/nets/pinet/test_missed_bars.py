"""What is missed and what is invented, by thirds of the mass along persistence, in numbers to check by hand."""

from types import SimpleNamespace

import numpy as np

from tdaflow.nets.pinet.missed_bars import BANDS, missed_bars

CHANNEL = SimpleNamespace(
    filtration="a", homology_dimension=1, region="whole", vector=False, birth=np.arange(2.0), death=np.arange(1.0, 4.0)
)


def images(*rows):
    """One image of three rows and two columns."""
    return np.array(rows, dtype=float).reshape(1, 6)


def test_a_missing_long_bar_is_missed_among_the_long_ones_alone():
    exact = images((2, 2), (4, 0), (0, 4))
    predicted = images((2, 2), (4, 0), (0, 1))
    found = missed_bars(predicted, exact, [CHANNEL])
    assert [band.band for band in found] == list(BANDS)
    assert [(band.low, band.high) for band in found] == [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]
    assert [band.missed for band in found] == [0, 0, 0.75]
    assert [band.invented for band in found] == [0, 0, 0]


def test_a_bar_in_the_wrong_place_is_both_missed_and_invented():
    found = missed_bars(images((2, 2), (0, 4), (0, 4)), images((2, 2), (4, 0), (0, 4)), [CHANNEL])
    assert [(band.missed, band.invented) for band in found] == [(0, 0), (1, 1), (0, 0)]


def test_mass_in_one_row_is_one_band_and_no_mass_is_none():
    [only] = missed_bars(images((0, 0), (0, 0), (1, 1)), images((0, 0), (0, 0), (2, 2)), [CHANNEL])
    assert (only.low, only.high, only.missed) == (3.0, 3.0, 0.5)
    assert missed_bars(images((1, 1), (0, 0), (0, 0)), np.zeros((1, 6)), [CHANNEL]) == []
