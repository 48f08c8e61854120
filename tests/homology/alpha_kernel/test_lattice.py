import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.homology.alpha_kernel.lattice import UnsupportedCloud, choose_predicates, recover_lattice


def cloud(*rows):
    return np.array(rows, float)


def assert_same(a, b):
    np.testing.assert_array_equal(a.index, b.index)
    np.testing.assert_array_equal(a.unit, b.unit)
    assert a.exponent == b.exponent


def test_index_unit_and_exponent_of_an_anisotropic_grid():
    points = cloud([0, 0, 0, 0], [1.5, 0, 0, 0], [4.5, 0.75, 0, 0], [0, 0, 6, 7])
    lattice = recover_lattice(points)
    # Steps 1.5, 0.75, 6 and 7 are 6, 3, 24 and 28 quarters, in the order of their size.
    np.testing.assert_array_equal(lattice.unit, [3, 6, 24, 28])
    assert lattice.exponent == -2
    np.testing.assert_array_equal(np.abs(np.ptp(lattice.index, axis=0)), [1, 3, 1, 1])
    lengths = np.sort(np.linalg.norm((lattice.index[:, None] - lattice.index) * lattice.unit * 0.25, axis=2).ravel())
    np.testing.assert_allclose(lengths, np.sort(np.linalg.norm(points[:, None] - points, axis=2).ravel()))


def test_a_constant_axis_has_index_zero():
    lattice = recover_lattice(cloud([1, 2, 3, 40], [1, 2, 5, 40]))
    assert np.count_nonzero(np.ptp(lattice.index, axis=0)) == 1


def test_duplicates_are_merged():
    assert len(recover_lattice(np.tile(cloud([0.1, 0.2, 0.3, 0.4]), (7, 1))).index) == 1


def test_indices_are_centred():
    lattice = recover_lattice(cloud([100, 0, 0, 0], [110, 0, 0, 255]))
    assert np.abs(lattice.index).max() == 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_translation_reflection_and_permutation_change_nothing(seed):
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 50, (12, 4)) * np.array([1, 0.5, 3, 0.25])
    reference = recover_lattice(points)
    assert_same(recover_lattice(rng.permutation(points)), reference)
    assert_same(recover_lattice(points + rng.integers(-(2**20), 2**20, 4) * 0.125), reference)
    assert_same(recover_lattice(points * rng.choice([-1, 1], 4)), reference)
    assert_same(recover_lattice(points[:, rng.permutation(4)]), reference)


@pytest.mark.parametrize("scale", [2.0**-300, 2.0**300])
def test_powers_of_two_scale_the_exponent_only(scale):
    points = cloud([0, 0, 0, 0], [1, 2, 3, 4], [5, 1, 0, 9])
    small, unscaled = recover_lattice(points * scale), recover_lattice(points)
    np.testing.assert_array_equal(small.index, unscaled.index)
    assert small.exponent - unscaled.exponent == np.log2(scale)


def test_numbers_without_a_common_unit_are_unsupported():
    with pytest.raises(UnsupportedCloud):
        recover_lattice(cloud([0, 0, 0, 0], [2.0**60, 0, 0, 0], [2.0**-60, 0, 0, 0]))
    with pytest.raises(UnsupportedCloud):  # 2**60 + 1 is no float64
        recover_lattice(cloud([-1, 0, 0, 0], [2.0**60, 0, 0, 0]))
    with pytest.raises(UnsupportedCloud):
        recover_lattice(cloud([0, 0, 0, 0], [2.0**-60, 2.0**60, 0, 0]))


def test_arbitrary_numbers_are_unsupported():
    lattice = recover_lattice(np.random.default_rng(0).random((10, 4)))
    with pytest.raises(UnsupportedCloud, match=r"too large for the exact kernel; use a coarser"):
        choose_predicates(lattice.index, lattice.unit)


def test_an_unsupported_cloud_is_an_input_error():
    assert issubclass(UnsupportedCloud, InputError)


@pytest.mark.parametrize(
    ("span", "name"),
    [
        ((27, 27, 27, 255), "float64"),
        ((9, 9, 9, 4095), "float64"),
        ((27, 27, 27, 65535), "filtered"),
        ((511, 511, 511, 65535), "filtered"),
    ],
)
def test_predicates_follow_from_the_ranges_alone(span, name):
    index = np.array([[0, 0, 0, 0], span]) - (np.array(span) + 1) // 2
    predicates = choose_predicates(index, np.ones(4, np.int64))
    assert predicates.name == name
    assert (predicates.error == 0) == (name == "float64")
