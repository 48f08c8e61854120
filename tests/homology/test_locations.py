"""Bars know their voxels and points: the filtration's value there is the bar's birth, and its death."""

import pickle

import cripser
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.optimize import minimize

from tdaflow import persistence_diagram
from tdaflow.diagrams import Bars, PersistenceDiagram
from tdaflow.errors import InputError
from tdaflow.homology import DTM, FILTRATIONS, Alpha, Cubical
from tdaflow.homology.dtm import distance_to_measure
from tdaflow.homology.regional import regional_cloud_diagrams, regional_volume_diagrams
from tdaflow.homology.regions import Regions

TIED_VOLUMES = arrays(np.int16, array_shapes(min_dims=1, max_dims=3, max_side=5), elements=st.integers(-3, 4))
OF_VOLUMES = sorted(name for name, kind in FILTRATIONS.items() if kind.takes == "volume")
CLOUDS = arrays(np.int64, st.tuples(st.integers(1, 9), st.integers(2, 4)), elements=st.integers(0, 4))


def ends(values, voxels):
    """The values at the voxels (n, 2, ndim) where bars are born and die."""
    return values[tuple(np.moveaxis(voxels, -1, 0))]


def computed_values(filtration, volume, spacing=None):
    """The function whose sublevel sets a filtration of voxels takes, with a value for every voxel of the volume."""
    cubes, values = filtration.cubes(volume, spacing=spacing)
    for axis, length in enumerate(volume.shape):
        values = np.repeat(values, filtration.downsample, axis=axis).take(range(length), axis=axis)
    return values if cubes.direction == "sublevel" else 0.0 - values


class TestVoxels:
    @settings(max_examples=60, deadline=None)
    @given(
        TIED_VOLUMES,
        st.sampled_from(["sublevel", "superlevel"]),
        st.sampled_from(["vertices", "top"]),
        st.sampled_from(["kernel", "gudhi"]),
    )
    def test_have_the_values_of_their_bars(self, volume, direction, construction, engine):
        filtration = Cubical(direction, construction, engine=engine)
        every = range(volume.ndim)
        found = persistence_diagram(volume, filtration=filtration, homology_dimensions=every, locations=True)
        assert found == persistence_diagram(volume, filtration=filtration, homology_dimensions=every)
        for k, bars in found.items():
            assert found.locations[k].shape == (len(bars), 2, volume.ndim)
            np.testing.assert_array_equal(ends(computed_values(filtration, volume), found.locations[k]), bars)

    @pytest.mark.parametrize("name", OF_VOLUMES)
    @settings(max_examples=15, deadline=None)
    @given(
        arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=6), elements=st.integers(0, 3)),
        st.sampled_from(["sublevel", "superlevel"]),
        st.sampled_from([1, 2]),
    )
    def test_of_every_filtration_of_voxels(self, name, volume, direction, downsample):
        filtration = FILTRATIONS[name](direction=direction, downsample=downsample)
        spacing = (2.0, 1.0, 0.5)
        try:
            values = computed_values(filtration, volume, spacing)
        except InputError:
            assume(False)
        found = persistence_diagram(volume, filtration=filtration, spacing=spacing, locations=True)
        assert found == persistence_diagram(volume, filtration=filtration, spacing=spacing)
        for k, bars in found.items():
            np.testing.assert_array_equal(ends(values, found.locations[k]), bars)

    @pytest.mark.parametrize("construction", ["vertices", "top"])
    def test_are_those_of_cubical_ripser_where_no_two_values_are_equal(self, construction):
        volume = np.random.default_rng(1).permutation(6 * 7 * 5).reshape(6, 7, 5).astype(float)
        found = persistence_diagram(
            volume, filtration=Cubical(construction=construction), essential="drop", locations=True
        )
        compute = {"vertices": cripser.computePH, "top": cripser.computePH_T}[construction]
        theirs = compute(volume, maxdim=2)
        theirs = theirs[theirs[:, 2] <= volume.max()]
        for k, bars in found.items():
            own = theirs[theirs[:, 0] == k]
            own = own[np.lexsort((own[:, 2], own[:, 1]))]
            np.testing.assert_array_equal(bars, own[:, 1:3])
            np.testing.assert_array_equal(found.locations[k].reshape(-1, 6), own[:, 3:9])

    def test_repeated_bars_stay_apart(self):
        volume = np.full((3, 3, 9), 5)
        volume[1, 1, [1, 4, 7]] = [0, 2, 2]
        found = persistence_diagram(volume, filtration="cubical", homology_dimensions=(0,), locations=True)
        assert found[0].tolist() == [[0, 5], [2, 5], [2, 5]]
        assert found.bars[0].counts.tolist() == [1, 2]
        assert found.locations[0][1:, 0].tolist() in ([[1, 1, 4], [1, 1, 7]], [[1, 1, 7], [1, 1, 4]])

    def test_the_capped_bar_dies_at_the_first_of_the_largest_voxels_and_nowhere_at_a_given_death(self):
        volume = np.array([4, 9, 1, 9])
        options = {"filtration": "cubical", "homology_dimensions": (0,), "locations": True}
        assert persistence_diagram(volume, **options).locations[0][0].tolist() == [[2], [1]]
        assert persistence_diagram(volume, essential=20, **options).locations[0][0].tolist() == [[2], [-1]]
        assert persistence_diagram(volume, essential="drop", **options).locations[0].tolist() == [[[0], [1]]]

    def test_short_bars_go_with_their_voxels(self):
        volume = np.random.default_rng(0).integers(0, 50, (6, 6, 6))
        every, long = (
            persistence_diagram(volume, filtration="cubical", min_persistence=m, locations=True) for m in (0, 0.3)
        )
        assert 0 < len(long[0]) < len(every[0])
        for k, bars in long.items():
            np.testing.assert_array_equal(ends(volume, long.locations[k]), bars)

    def test_with_downsample_they_are_the_middle_of_blocks(self):
        volume = np.repeat([3, 0, 1, -1, 5], 3)[:-1]
        found = persistence_diagram(volume, filtration=Cubical(downsample=3), homology_dimensions=(0,), locations=True)
        assert found.locations[0].tolist() == [[[10], [12]], [[4], [7]]]

    @pytest.mark.parametrize("downsample", [1, 2])
    def test_of_regions_are_those_of_the_whole_volume(self, downsample):
        volume = np.random.default_rng(3).integers(0, 9, (8, 10, 12))
        filtration, regions = Cubical("superlevel", downsample=downsample), Regions((2, 1, 2), overlap=0.2, whole=True)
        found = regional_volume_diagrams(filtration, volume, (0, 1, 2), regions, locations=True)
        values = computed_values(filtration, volume)
        for diagram in found.values():
            for k, bars in diagram.with_essential("cap").items():
                np.testing.assert_array_equal(ends(values, diagram.with_essential("cap").locations[k]), bars)


def smallest_empty_sphere(points, simplex):
    """Radius of the smallest sphere through some points with no point inside: what an alpha value is."""
    first = points[simplex[0]]
    apart = points - first
    squared = (apart**2).sum(axis=1) / 2
    on, off = list(simplex[1:]), [i for i in range(len(points)) if i not in simplex]
    # About its first point the sphere's centre c satisfies c·q ≤ |q|²/2 for every q, with equality on the sphere.
    limits = [{"type": "eq", "fun": lambda c: apart[on] @ c - squared[on]}] * bool(on)
    limits += [{"type": "ineq", "fun": lambda c: squared[off] - apart[off] @ c}] * bool(off)
    start = np.linalg.lstsq(apart[on], squared[on])[0] if on else np.zeros(points.shape[1])
    found = minimize(lambda c: c @ c, start, jac=lambda c: 2 * c, constraints=limits, options={"maxiter": 500})
    assume(found.success)
    return np.sqrt(found.fun)


class TestPoints:
    @settings(max_examples=40, deadline=None)
    @given(CLOUDS)
    def test_span_simplices_with_the_values_of_their_bars(self, points):
        points = points.astype(float)
        every = range(points.shape[1])
        found = persistence_diagram(points, homology_dimensions=every, locations=True)
        assert found == persistence_diagram(points, homology_dimensions=every)
        distinct, first = np.unique(points, axis=0, return_index=True)
        number = {int(row): i for i, row in enumerate(first)}
        for k, bars in found.items():
            assert found.locations[k].shape == (len(bars), 2, 5)
            for bar, pair in zip(bars, found.locations[k], strict=True):
                for end, (value, rows) in enumerate(zip(bar, pair, strict=True)):
                    simplex = [number[row] for row in rows.tolist() if row >= 0]
                    assert len(set(simplex)) == k + 1 + end
                    assert smallest_empty_sphere(distinct, simplex) == pytest.approx(value, rel=1e-4, abs=1e-4)

    @pytest.mark.parametrize("space", [2, 3, 4])
    def test_are_those_of_gudhi_in_general_position(self, space):
        points = np.random.default_rng(space).integers(0, 10_000, (40, space)).astype(float)
        options = {"homology_dimensions": range(space), "essential": "cap", "locations": True}
        kernel, gudhi = (
            persistence_diagram(points, filtration=Alpha(engine=engine), **options) for engine in ("kernel", "gudhi")
        )
        for k in range(1, space):
            own, theirs = (np.sort(d.locations[k], axis=-1) for d in (kernel, gudhi))
            np.testing.assert_array_equal(own, theirs)
        for found in (kernel, gudhi):  # every point bears one component
            assert sorted(found.locations[0][:, 0, 0].tolist()) == list(range(len(points)))

    def test_of_points_in_one_place_name_the_first(self):
        points = np.array([[3, 0], [0, 0], [3, 0], [0, 0], [0, 2], [3, 2]])
        found = persistence_diagram(points, homology_dimensions=(0, 1), essential="cap", locations=True)
        assert sorted(found.locations[0][:, 0, 0].tolist()) == [0, 1, 4, 5]
        assert set(found.locations[1].ravel().tolist()) <= {-1, 0, 1, 4, 5}

    def test_more_than_four_axes_have_more_columns(self):
        points = np.random.default_rng(0).random((12, 5))
        assert persistence_diagram(points, homology_dimensions=(1,), locations=True).locations[1].shape[1:] == (2, 6)

    def test_of_dtm_are_born_at_the_distance_to_measure(self):
        points = np.random.default_rng(0).random((40, 3))
        found = persistence_diagram(
            points, filtration=DTM(5), homology_dimensions=(0,), essential="cap", locations=True
        )
        born = distance_to_measure(points, 5)[found.locations[0][:, 0, 0]]
        np.testing.assert_allclose(born, found[0][:, 0], rtol=1e-12)

    def test_of_regions_are_rows_of_the_whole_cloud(self):
        points = np.random.default_rng(0).integers(0, 12, (60, 4)).astype(float)
        regions = Regions((1, 1, 2), whole=True)
        found = regional_cloud_diagrams(Alpha(), points, (0, 1), regions, points[:, :3], (12, 12, 12), locations=True)
        right = found["z0y0x1"].locations[1]
        assert (points[right[right >= 0], 2] >= 6).all()
        assert (right >= 0).sum() == 5 * len(right)
        nothing = regional_cloud_diagrams(
            Alpha(), points, (1,), Regions((1, 1, 2)), np.zeros((60, 3)), (12, 12, 12), locations=True
        )
        assert nothing["z0y0x1"].locations[1].shape == (0, 2, 5)


class TestDiagrams:
    def test_say_that_locations_were_not_asked_for(self):
        with pytest.raises(KeyError, match="compute with locations=True"):
            persistence_diagram(np.arange(4), filtration="cubical", homology_dimensions=(0,)).locations[0]

    def test_sort_locations_with_their_bars_and_equal_ones_as_they_come(self):
        given_bars = [[2, 3], [0, 1], [2, 3], [0, 0.5]]
        found = PersistenceDiagram(
            {1: given_bars}, locations={1: np.arange(4)[:, None, None] + np.zeros((1, 2, 3), int)}
        )
        assert found.locations[1][:, 0, 0].tolist() == [3, 1, 0, 2]

    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=600),
        st.sampled_from([1.0, 1 / 3]),
    )
    def test_stay_beside_their_bars(self, numbers, unit):
        pairs = np.array([(b, b + length) for b, length in numbers], float).reshape(-1, 2) * unit
        at = np.repeat(np.arange(len(pairs))[:, None, None], 2, axis=1)
        found = PersistenceDiagram({0: pairs}, locations={0: at})
        np.testing.assert_array_equal(pairs[found.locations[0][:, 0, 0]], found[0])
        same = [
            part for part in np.split(found.locations[0][:, 0, 0], np.cumsum(found.bars[0].counts)[:-1]) if len(part)
        ]
        assert all((np.diff(part) > 0).all() for part in same)

    def test_are_pickled_with_them(self):
        found = persistence_diagram(np.arange(8).reshape(2, 2, 2) % 3, filtration=Cubical(), locations=True)
        again = pickle.loads(pickle.dumps(found))
        assert again == found
        np.testing.assert_array_equal(again.locations[0], found.locations[0])
        assert not again.locations[0].flags.writeable

    @pytest.mark.parametrize("locations", [np.zeros((1, 2, 3), int), np.zeros((2, 3), int), np.zeros((2, 2, 3))])
    def test_refuse_locations_that_do_not_fit(self, locations):
        with pytest.raises(InputError, match="locations of the pairs of homology dimension 0"):
            PersistenceDiagram({0: [[0, 1], [0, 2]]}, locations={0: locations})

    def test_bars_joined_from_several_volumes_have_none(self):
        bars = persistence_diagram(
            np.arange(4)[::-1] % 3, filtration="cubical", homology_dimensions=(0,), locations=True
        ).bars[0]
        assert bars.locations is not None
        assert Bars.joined([bars, bars]).locations is None
