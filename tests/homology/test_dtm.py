"""The alpha filtration weighted by the distance to measure."""

import subprocess
import sys

import numpy as np
import pytest
from homology_oracles import assert_same_bars

from tdaflow.errors import InputError
from tdaflow.homology import DTM, Alpha, persistence_diagram
from tdaflow.homology.dtm import distance_to_measure

CLOUD = np.random.default_rng(0).integers(0, 30, (60, 4)).astype(float)


def circle_with_outliers():
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    return np.vstack([10 * np.column_stack([np.cos(angles), np.sin(angles)]), [[0, 0], [0, 5], [-5, -2]]])


def loops(filtration):
    """Lengths of the loops of the noisy circle, the longest first."""
    bars = persistence_diagram(circle_with_outliers(), filtration=filtration, homology_dimensions=(1,))[1]
    return np.sort(np.ptp(bars, axis=1))[::-1]


def test_outliers_within_a_ring_do_not_fill_it():
    plain, weighted = loops(Alpha(engine="gudhi")), loops(DTM(n_neighbours=5))
    assert weighted[0] > 1.3 * plain[0]
    # Nothing else stands beside the ring; unweighted, the outliers part it in several loops.
    assert weighted[1:].sum() < 0.3 * weighted[0]
    assert plain[1:].sum() > plain[0] / 2


@pytest.mark.parametrize("dimension", [0, 1, 2, 3])
def test_with_one_neighbour_it_is_the_alpha_filtration(dimension):
    weighted, plain = (
        persistence_diagram(CLOUD, filtration=f, homology_dimensions=(dimension,), min_persistence=0)
        for f in (DTM(n_neighbours=1), Alpha(engine="gudhi"))
    )
    assert_same_bars(weighted[dimension], plain[dimension])
    assert weighted.essential[dimension].tolist() == plain.essential[dimension].tolist()


def test_two_points_wait_for_their_weights_and_meet_half_way():
    """DTM over both is √((0² + 6²)/2) = √18; at radius r the balls have √(r² − 18), and 3 = √(r² − 18) at r = √27."""
    diagram = persistence_diagram(
        [[0.0], [6.0]], filtration=DTM(n_neighbours=2), homology_dimensions=(0,), min_persistence=0
    )
    np.testing.assert_allclose(diagram[0], [[np.sqrt(18), np.sqrt(27)]])
    np.testing.assert_allclose(diagram.essential[0], [np.sqrt(18)])


def test_distance_to_measure_is_the_root_mean_square_of_the_nearest():
    by_hand = np.sort(np.linalg.norm(CLOUD[:, None] - CLOUD[None], axis=2), axis=1)[:, :7]
    np.testing.assert_allclose(distance_to_measure(CLOUD, 7), np.sqrt((by_hand**2).mean(axis=1)))
    assert distance_to_measure(CLOUD[:3], 10).shape == (3,)


def test_all_bars_lie_in_the_filtration_range():
    diagram = DTM(n_neighbours=15).diagram(CLOUD, (0, 1, 2, 3))
    low, high = diagram.filtration_range
    assert low == diagram.essential[0][0]
    assert max(bars.max() for bars in diagram.values() if len(bars)) <= high


def test_copies_of_a_point_make_it_dense_and_are_one_point():
    once = np.array([[0.0, 0], [3, 0], [0, 4]])
    diagram = DTM(n_neighbours=2).diagram(np.vstack([once, once[:1]]), (0,))
    assert diagram.metadata["n_points"] == 3
    assert diagram.essential[0].tolist() == [0.0]


@pytest.mark.parametrize("n", [0, 1.5, True, -3])
def test_bad_numbers_of_neighbours_are_refused(n):
    with pytest.raises(InputError, match="n_neighbours"):
        DTM(n_neighbours=n)


def test_volumes_are_no_points():
    with pytest.raises(InputError, match="the dtm-10 filtration takes points"):
        DTM().diagram(np.zeros((3, 3, 3)), (0,))


def test_gudhi_is_loaded_when_it_is_used():
    code = (
        "import sys, tdaflow.homology as h\n"
        "print('gudhi' in sys.modules)\n"
        "h.persistence_diagram([[0.0], [1.0]], filtration='dtm', homology_dimensions=(0,))\n"
        "print('gudhi' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
