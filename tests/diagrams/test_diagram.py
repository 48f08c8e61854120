"""PersistenceDiagram: bars by homology dimension, frozen, sorted, un-squared, cleaned on request."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.diagrams import PersistenceDiagram
from tdaflow.errors import InputError

UNSORTED = {1: [[2, 5], [0, 3], [0, 1]], 0: [[0, 4]]}


def test_bars_are_float64_sorted_by_birth_then_death():
    diagram = PersistenceDiagram(UNSORTED)
    assert diagram.dimensions == (0, 1)
    assert diagram[1].dtype == np.float64
    np.testing.assert_array_equal(diagram[1], [[0, 1], [0, 3], [2, 5]])


def test_an_empty_dimension_has_shape_0_2():
    diagram = PersistenceDiagram({2: []})
    assert diagram[2].shape == (0, 2)
    assert diagram.essential[2].shape == (0,)


def test_a_dimension_not_computed_is_a_key_error_that_names_those_that_were():
    with pytest.raises(KeyError, match="homology dimension 3 was not computed; the computed dimensions are: 0, 1"):
        PersistenceDiagram(UNSORTED)[3]


def test_it_is_a_mapping_over_dimensions():
    diagram = PersistenceDiagram(UNSORTED)
    assert list(diagram) == [0, 1]
    assert 1 in diagram
    assert 2 not in diagram
    assert {k: len(bars) for k, bars in diagram.items()} == {0: 1, 1: 3}
    assert repr(diagram) == "<PersistenceDiagram H0: 1 bars + 0 essential, H1: 3 bars + 0 essential>"


def test_nothing_in_it_can_be_changed():
    given_bars = np.array([[0.0, 1.0]])
    diagram = PersistenceDiagram({0: given_bars}, {0: [0.0]}, {"engine": "gudhi"})
    with pytest.raises(ValueError, match="read-only"):
        diagram[0][0, 0] = 7
    with pytest.raises(ValueError, match="read-only"):
        diagram.essential[0][0] = 7
    with pytest.raises(TypeError):
        diagram.metadata["engine"] = "other"
    with pytest.raises(AttributeError):
        diagram.pairs = {}
    given_bars[0, 0] = 0.5
    assert diagram[0][0, 0] == 0


def test_copies_and_pickles_are_equal_and_still_frozen():
    diagram = PersistenceDiagram(UNSORTED, {0: [0.0]}, {"filtration": "alpha", "filtration_range": (0.0, 5.0)})
    for twin in (pickle.loads(pickle.dumps(diagram)), copy.deepcopy(diagram), copy.copy(diagram)):
        assert twin == diagram
        assert twin.metadata == diagram.metadata
        assert not twin[1].flags.writeable


def test_equality_is_by_bars_and_essential_births_not_by_provenance():
    diagram = PersistenceDiagram({0: [[0, 1]]}, {0: [0]}, {"engine": "gudhi"})
    assert diagram == PersistenceDiagram({0: [[0.0, 1.0]]}, {0: [0.0]}, {"engine": "kernel"})
    assert diagram != PersistenceDiagram({0: [[0, 2]]}, {0: [0]})
    assert diagram != PersistenceDiagram({0: [[0, 1]]})
    assert diagram != PersistenceDiagram({0: [[0, 1]], 1: []}, {0: [0]})
    assert diagram != {0: [[0, 1]]}
    with pytest.raises(TypeError, match="unhashable"):
        hash(diagram)


def test_negative_zero_is_stored_as_zero():
    assert not np.signbit(PersistenceDiagram({0: [[-0.0, 1]]})[0]).any()


@pytest.mark.parametrize(
    ("pairs", "essential", "message"),
    [
        ({0: [[1, 0]]}, {}, "born after its death"),
        ({0: [[0, np.nan]]}, {}, "NaN or infinite"),
        ({0: [[0, np.inf]]}, {}, r"as essential\[k\]"),
        ({0: [0, 1]}, {}, r"give \(n, 2\)"),
        ({-1: []}, {}, "not a homology dimension"),
        ({"0": []}, {}, "not a homology dimension"),
        ({0: []}, {1: [0.0]}, "add the key 1"),
        ({0: []}, {0: [np.nan]}, "finite numbers"),
        ({0: np.ma.masked_less([[0.0, 1.0]], 0)}, {}, "masked array"),
        ({0: []}, {0: np.ma.masked_less([0.0], 0)}, "masked array"),
    ],
)
def test_bad_bars_are_refused(pairs, essential, message):
    with pytest.raises(InputError, match=message):
        PersistenceDiagram(pairs, essential)


class TestMinPersistence:
    def test_is_a_fraction_of_the_extent_of_the_bars_of_all_dimensions(self):
        diagram = PersistenceDiagram({0: [[0, 100]], 1: [[50, 51], [50, 52]]}, {}, {"filtration_range": (-900, 900)})
        cleaned = diagram.with_min_persistence(0.01)
        np.testing.assert_array_equal(cleaned[1], [[50, 52]])
        assert cleaned.metadata["min_persistence"] == 0.01
        assert cleaned.metadata["bar_extent"] == (0.0, 100.0)

    def test_one_bar_whatever_its_length_removes_no_other(self):
        births = np.linspace(0, 1, 50)
        rows = np.column_stack([births, births + np.tile([1e-4, 0.5], 25)])
        alone = PersistenceDiagram({0: rows}).with_min_persistence(0.01)
        for far in ([-1e300, 5.0], [0.5, 1e38], [-1e308, 1.7e308]):
            cleaned = PersistenceDiagram({0: rows, 1: [far]}).with_min_persistence(0.01)
            np.testing.assert_array_equal(cleaned[0], alone[0])
            assert len(cleaned[1]) == 1

    def test_what_is_removed_is_counted_and_adds_up(self):
        diagram = PersistenceDiagram({0: [[0, 100], [5, 5.2], [5, 5.5]], 1: [[1, 1], [3, 40]], 2: []})
        once = diagram.with_min_persistence(0.01)
        assert once.metadata["removed"] == {0: 1, 1: 1, 2: 0}
        assert once.with_min_persistence(0.02).metadata["removed"] == {0: 2, 1: 1, 2: 0}
        assert "removed" not in diagram.metadata

    def test_zero_removes_only_bars_of_zero_length(self):
        diagram = PersistenceDiagram({0: [[1, 1], [1, 1 + 1e-15]]}, {}, {"filtration_range": (0, 1e9)})
        assert len(diagram.with_min_persistence(0)[0]) == 1

    def test_keeps_essential_births_and_empty_dimensions(self):
        cleaned = PersistenceDiagram({0: [[0, 1]], 1: []}, {0: [0.0]}).with_min_persistence(1)
        assert cleaned[0].shape == cleaned[1].shape == (0, 2)
        assert cleaned.essential[0].tolist() == [0.0]

    def test_of_an_empty_diagram(self):
        assert PersistenceDiagram({0: []}).with_min_persistence(0.5)[0].shape == (0, 2)

    @pytest.mark.parametrize("relative", [-1e-9, 1.1, np.nan])
    def test_must_lie_in_0_1(self, relative):
        with pytest.raises(InputError, match=r"min_persistence must lie in \[0, 1\]"):
            PersistenceDiagram({}).with_min_persistence(relative)


class TestEssential:
    diagram = PersistenceDiagram({0: [[1, 2]], 1: []}, {0: [0.0], 1: [3.0]}, {"filtration_range": (0.0, 9.0)})

    def test_drop_leaves_the_pairs(self):
        dropped = self.diagram.with_essential("drop")
        assert dropped == self.diagram
        assert dropped.metadata["essential"] == "drop"

    def test_cap_ends_them_at_the_largest_filtration_value(self):
        capped = self.diagram.with_essential("cap")
        np.testing.assert_array_equal(capped[0], [[0, 9], [1, 2]])
        np.testing.assert_array_equal(capped[1], [[3, 9]])
        assert capped.essential[0].tolist() == [0.0]
        assert capped.metadata["essential"] == 9.0

    def test_a_number_is_their_death_and_bars_born_later_are_not_added(self):
        capped = self.diagram.with_essential(3)
        np.testing.assert_array_equal(capped[0], [[0, 3], [1, 2]])
        assert capped[1].shape == (0, 2)

    def test_the_same_policy_twice_changes_nothing(self):
        capped = self.diagram.with_essential("cap")
        assert capped.with_essential("cap") == capped
        assert capped.with_essential(9.0) == capped

    def test_dropped_can_be_capped_later_but_not_the_other_way_round(self):
        assert self.diagram.with_essential("drop").with_essential("cap") == self.diagram.with_essential("cap")
        with pytest.raises(InputError, match=r"already die at 9\.0"):
            self.diagram.with_essential("cap").with_essential("drop")

    @pytest.mark.parametrize("policy", ["keep", np.inf, np.nan, None, True])
    def test_other_policies_are_refused(self, policy):
        with pytest.raises(InputError, match="no policy for essential bars"):
            self.diagram.with_essential(policy)


bars = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e6)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(bars, st.randoms(use_true_random=False), st.floats(0, 1), st.floats(0, 1))
def test_order_of_bars_does_not_matter_and_cleaning_twice_is_cleaning_with_the_larger(rows, random, one, other):
    pairs = [(birth, birth + length) for birth, length in rows]
    shuffled = random.sample(pairs, len(pairs))
    diagram = PersistenceDiagram({1: pairs}, {}, {"filtration_range": (-1e6, 2e6)})
    assert diagram == PersistenceDiagram({1: shuffled})
    assert diagram.with_min_persistence(one).with_min_persistence(other) == diagram.with_min_persistence(
        max(one, other)
    )
