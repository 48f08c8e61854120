"""Distances between diagrams, against persim, GUDHI and matchings tried one by one."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow import PersistenceDiagram
from tdaflow.distances import (
    METRICS,
    Bottleneck,
    Heat,
    SlicedWasserstein,
    Wasserstein,
    distance,
    distance_matrix,
    metric_from,
)
from tdaflow.errors import InputError

EMPTY = np.zeros((0, 2))
EVERY = [Bottleneck(), Wasserstein(), Wasserstein(order=2, ground="maximum"), SlicedWasserstein(8), Heat(0.3)]
every_metric = pytest.mark.parametrize("metric", EVERY, ids=repr)

numbers = st.floats(-10, 10).map(lambda x: round(x, 3))
bars = st.lists(st.tuples(numbers, st.floats(0, 5).map(lambda x: round(x, 3))), max_size=4).map(
    lambda found: np.array([(birth, birth + length) for birth, length in found]).reshape(-1, 2)
)


def random_bars(n: int, seed: int, low: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    births = low + rng.random(n) * 5
    return np.column_stack([births, births + rng.exponential(1, n)])


def norm(ground: str, difference: np.ndarray) -> float:
    return float(np.abs(difference).max() if ground == "maximum" else np.hypot(*difference))


def costs_of_matchings(first: np.ndarray, second: np.ndarray, ground: str):
    """Distances of the matched pairs of every matching, the diagonal as often as it is needed."""
    to_diagonal = [[(d - b) / (2 if ground == "maximum" else math.sqrt(2)) for b, d in of] for of in (first, second)]
    for n in range(min(len(first), len(second)) + 1):
        for left in itertools.combinations(range(len(first)), n):
            for right in itertools.permutations(range(len(second)), n):
                pairs = [norm(ground, first[i] - second[j]) for i, j in zip(left, right, strict=True)]
                alone = [c for i, c in enumerate(to_diagonal[0]) if i not in left]
                alone += [c for j, c in enumerate(to_diagonal[1]) if j not in right]
                yield [*pairs, *alone]


@settings(max_examples=60, deadline=None)
@given(bars, bars)
def test_wasserstein_and_bottleneck_are_the_cheapest_of_all_matchings(first, second):
    for order, ground in ((1.0, "euclidean"), (2.0, "maximum"), (3.0, "euclidean")):
        cheapest = min(sum(c**order for c in costs) for costs in costs_of_matchings(first, second, ground))
        found = distance(first, second, Wasserstein(order, ground))
        assert found == pytest.approx(cheapest ** (1 / order), rel=1e-9, abs=1e-9)
    narrowest = min(max(costs, default=0.0) for costs in costs_of_matchings(first, second, "maximum"))
    assert distance(first, second, "bottleneck") == pytest.approx(narrowest, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("sizes", [(0, 0), (0, 5), (5, 0), (1, 1), (20, 33)])
def test_distances_are_those_of_persim(sizes):
    persim = pytest.importorskip("persim")
    first, second = random_bars(sizes[0], 1), random_bars(sizes[1], 2)
    assert distance(first, second, "bottleneck") == pytest.approx(persim.bottleneck(first, second), abs=1e-12)
    assert distance(first, second, "wasserstein") == pytest.approx(persim.wasserstein(first, second), abs=1e-9)
    # persim's directions are float32.
    sliced = persim.sliced_wasserstein(first, second)
    assert distance(first, second, "sliced-wasserstein") == pytest.approx(sliced, rel=1e-5, abs=1e-9)
    heat = persim.heat(first, second, sigma=0.3)
    assert distance(first, second, Heat(0.3)) == pytest.approx(heat, rel=1e-9, abs=1e-9)


def test_sliced_wasserstein_is_right_for_superlevel_bars_too():
    """persim takes the absolute value of a bar's place on the diagonal; a shift along it changes no distance."""
    first, second = random_bars(9, 1, low=-200), random_bars(7, 2, low=-200)
    shifted = distance(first + 300, second + 300)
    assert distance(first, second) == pytest.approx(shifted, rel=1e-9)
    persim = pytest.importorskip("persim")
    assert shifted == pytest.approx(persim.sliced_wasserstein(first + 300, second + 300), rel=1e-4)


@pytest.mark.parametrize("order", [1.0, 2.0])
def test_wasserstein_is_that_of_hera(order):
    hera = pytest.importorskip("gudhi.hera")
    first, second = random_bars(40, 3), random_bars(25, 4)
    for ground, p in (("euclidean", 2.0), ("maximum", np.inf)):
        expected = hera.wasserstein_distance(first, second, order=order, internal_p=p, delta=1e-9)
        assert distance(first, second, Wasserstein(order, ground)) == pytest.approx(expected, rel=1e-7)


@every_metric
@settings(max_examples=40, deadline=None)
@given(first=bars, second=bars, third=bars)
def test_they_are_metrics(metric, first, second, third):
    there = distance(first, second, metric)
    assert there == distance(second, first, metric)
    assert distance(first, first[::-1], metric) == 0
    assert there <= distance(first, third, metric) + distance(third, second, metric) + 1e-6
    assert there >= 0


@every_metric
def test_bars_of_no_length_and_of_far_units_count_as_they_should(metric):
    first, second = random_bars(6, 1), random_bars(5, 2)
    there = distance(first, second, metric)
    assert distance(np.vstack([first, [[7.0, 7.0]]]), second, metric) == there
    assert there > 0
    if isinstance(metric, Heat):
        return
    for unit in (2.0**-60, 2.0**60):
        assert distance(first * unit, second * unit, metric) == pytest.approx(there * unit, rel=1e-9)


@pytest.mark.parametrize("metric", [m for m in EVERY if not isinstance(m, Heat)], ids=repr)
def test_the_distance_to_no_bars_is_that_to_the_diagonal(metric):
    one = distance([[0.0, 2.0]], EMPTY, metric)
    expected = {"Bottleneck": 1.0, "Wasserstein": math.sqrt(2)}
    if isinstance(metric, Wasserstein) and metric.ground == "maximum":
        assert one == pytest.approx(1.0)
    elif type(metric).__name__ in expected:
        assert one == pytest.approx(expected[type(metric).__name__])
    assert distance(EMPTY, [], metric) == 0


def test_a_matrix_is_symmetric_with_zeros_on_its_diagonal():
    diagrams = [PersistenceDiagram({0: [[0, 1]], 1: random_bars(n, n)}) for n in (0, 3, 9, 4)]
    for metric in EVERY:
        matrix = distance_matrix(diagrams, metric, dimension=1)
        np.testing.assert_array_equal(matrix, matrix.T)
        assert not matrix.diagonal().any()
        assert matrix[1, 2] == distance(diagrams[1], diagrams[2], metric, dimension=1) > 0


def test_the_sliced_wasserstein_kernel_is_positive_definite():
    matrix = distance_matrix([random_bars(n, n) for n in range(12)])
    kernel = np.exp(-matrix / (2 * np.median(matrix)))
    assert np.linalg.eigvalsh(kernel).min() > 0


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ([[0, np.inf]], "1 bars never die.*essential='cap'"),
        ([[0, np.nan]], "NaN"),
        ([[2, 1]], "dies before its birth"),
        ([1, 2, 3], r"shape \(n, 2\)"),
        (np.ma.masked_array([[0, 1]]), "masked"),
        (PersistenceDiagram({0: [], 1: []}), "homology dimensions 0, 1; choose one"),
    ],
)
def test_what_has_no_distance_is_refused(first, reason):
    with pytest.raises(InputError, match=reason):
        distance(first, [[0, 1]])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: metric_from("euclid"), "use one of bottleneck, wasserstein"),
        (lambda: metric_from(Wasserstein), "instance such as"),
        (lambda: Wasserstein(order=0.5), "order=0.5"),
        (lambda: Wasserstein(ground="manhattan"), "'euclidean' or 'maximum'"),
        (lambda: SlicedWasserstein(0), "n_directions=0"),
        (lambda: SlicedWasserstein("50"), "n_directions='50' is of type str"),
        (lambda: Heat(0.0), r"sigma=0\.0"),
        (lambda: distance([[0, 1]], [[0, 2]], "heat"), r"Heat\(sigma=0\.5\)"),
    ],
)
def test_bad_options_are_refused(make, reason):
    with pytest.raises(InputError, match=reason):
        make()


def test_the_table_has_every_metric():
    assert {type(metric) for metric in EVERY} == set(METRICS.values())


def test_too_many_bars_for_an_assignment_are_refused_before_memory_is_asked_for():
    many = random_bars(20_000, 1)
    with pytest.raises(InputError, match="use sliced-wasserstein"):
        distance(many, many, "wasserstein")
