"""What holds for every filtration and engine: one value changes what is near it, units and shifts commute."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from homology_oracles import assert_same_bars
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.extents import intensity_extent
from tdaflow.homology import DTM, FILTRATIONS, Alpha, Cubical, persistence_diagram
from tdaflow.homology.signals import signal_persistence
from tdaflow.homology.volume_filtrations.distance import Distance
from tdaflow.homology.volume_filtrations.mask import Thresholded, mask_above
from tdaflow.homology.volume_filtrations.masked import Height, Radial
from tdaflow.homology.volume_filtrations.scale_space import GaussianLaplacian, ScaleSpace
from tdaflow.homology.volume_filtrations.weighted_height import WeightedHeight
from tdaflow.superpixels import superpixel_point_cloud

FLT_MAX = float(np.finfo(np.float32).max)
EXTREMES = [1e4, -1e4, FLT_MAX, -FLT_MAX, 1e308, -1e308]

VOLUMES = [kind for kind in FILTRATIONS.values() if kind.takes == "volume"]
OF_GREY_VALUES = [kind for kind in VOLUMES if not issubclass(kind, Thresholded)]
OF_MASKS = [kind for kind in VOLUMES if issubclass(kind, Thresholded)]
BOTH = ("sublevel", "superlevel")
CLOUDS = [Alpha("kernel"), Alpha("gudhi"), DTM(n_neighbours=4)]

VOLUME = np.random.default_rng(0).integers(0, 200, (9, 10, 30)).astype(np.float64)
SPOILT = (4, 5, 3)


def spoilt(value, volume=VOLUME):
    other = volume.astype(np.float64)
    other[SPOILT] = value
    return other


def bars(diagram):
    return Counter((k, *bar) for k, rows in diagram.items() for bar in rows.tolist())


def of(kind):
    return pytest.mark.parametrize("kind", kind, ids=lambda k: getattr(k, "__name__", repr(k)))


class TestOneVoxel:
    @pytest.mark.parametrize("value", EXTREMES)
    @pytest.mark.parametrize("direction", BOTH)
    @of([kind for kind in OF_GREY_VALUES if kind is not WeightedHeight])
    def test_only_values_within_reach_of_the_filters_change(self, kind, direction, value):
        filtration = kind(direction=direction)
        before, after = (filtration.cubes(v)[1] for v in (VOLUME, spoilt(value)))
        reach = 5 if issubclass(kind, ScaleSpace) else 0
        near = np.abs(np.indices(VOLUME.shape) - np.reshape(SPOILT, (3, 1, 1, 1))).max(axis=0) <= reach
        np.testing.assert_array_equal(after[~near], before[~near])

    @pytest.mark.parametrize("value", EXTREMES)
    def test_the_foot_of_weighted_heights_moves_by_a_rank(self, value):
        before, after = (WeightedHeight(axis=(0, 0, 1)).cubes(v)[1] for v in (VOLUME, spoilt(value)))
        moved = np.abs(after - before)
        moved[SPOILT] = 0
        assert moved.max() <= 0.01 * intensity_extent(VOLUME).width

    @pytest.mark.parametrize("value", EXTREMES)
    @pytest.mark.parametrize("engine", ["kernel", "gudhi"])
    @pytest.mark.parametrize("construction", ["vertices", "top"])
    def test_few_bars_of_grey_values_change_and_none_is_lost(self, engine, construction, value):
        filtration = Cubical(construction=construction, engine=engine)
        for options in ({}, {"min_persistence": 0.01}):
            before, after = (
                bars(persistence_diagram(v, filtration=filtration, **options)) for v in (VOLUME, spoilt(value))
            )
            # A voxel is a vertex of 27 cells or touches as many, each of which begins or ends one bar.
            assert (before - after).total() <= 54
            assert (after - before).total() <= 54
            assert before.total() > 500

    @pytest.mark.parametrize("value", EXTREMES)
    @pytest.mark.parametrize("threshold", ["midrange", "otsu"])
    def test_masks_of_grey_volumes_move_by_a_hundredth_and_real_masks_by_the_voxel(self, threshold, value):
        before, after = (mask_above(v, threshold) for v in (VOLUME, spoilt(value)))
        assert np.mean(before != after) <= 0.01
        mask = np.where(VOLUME > 120, 7.0, -3.0)
        before, after = (mask_above(v, threshold) for v in (mask, spoilt(value, mask)))
        assert set(map(tuple, np.argwhere(before != after))) <= {SPOILT}
        assert after[SPOILT] == (value > 0)

    @pytest.mark.parametrize("value", EXTREMES)
    @of(VOLUMES)
    def test_every_filtration_has_bars_that_are_numbers(self, kind, value):
        for direction in BOTH:
            diagram = persistence_diagram(spoilt(value), filtration=kind(direction=direction))
            assert sum(map(len, diagram.values())) > 20


class TestUnits:
    @pytest.mark.parametrize("k", [-900, -60, 60, 900])
    @pytest.mark.parametrize("direction", BOTH)
    @of(OF_GREY_VALUES)
    def test_values_of_grey_values_have_their_unit(self, kind, direction, k):
        filtration = kind(direction=direction)
        before, after = (filtration.cubes(v)[1] for v in (VOLUME, np.ldexp(VOLUME, k)))
        np.testing.assert_array_equal(after, np.ldexp(before, k))

    @pytest.mark.parametrize("threshold", ["midrange", "otsu"])
    @pytest.mark.parametrize("k", [-900, -60, 60, 900])
    @of(OF_MASKS)
    def test_masks_have_none(self, kind, k, threshold):
        before, after = (kind(threshold=threshold).cubes(v)[1] for v in (VOLUME, np.ldexp(VOLUME, k)))
        np.testing.assert_array_equal(after, before)

    @pytest.mark.parametrize("k", [-30, 30])
    @of(OF_MASKS)
    def test_lengths_of_masks_are_those_of_the_spacing(self, kind, k):
        spacing = np.array([3.0, 1.0, 0.5])
        before, after = (kind().cubes(VOLUME, spacing=s)[1] for s in (spacing, np.ldexp(spacing, k)))
        np.testing.assert_array_equal(after, np.ldexp(before, k))

    @pytest.mark.parametrize("k", [-149, -130, 0, 120])
    @of(VOLUMES)
    def test_float32_at_both_ends_of_its_range_is_what_it_is_in_float64(self, kind, k):
        single = np.ldexp(VOLUME, k).astype(np.float32)
        assert np.isfinite(single).all()
        assert persistence_diagram(single, filtration=kind()) == persistence_diagram(
            np.ldexp(VOLUME, k), filtration=kind()
        )

    @pytest.mark.parametrize("shift", [-1000.0, 2.0**20])
    # The larger of a grey value and of a curvature does not shift.
    @of([kind for kind in VOLUMES if kind is not GaussianLaplacian])
    def test_shifts_commute(self, kind, shift):
        before, after = (kind().cubes(v)[1] for v in (VOLUME, VOLUME + shift))
        moves = kind.__name__ in ("Cubical", "Gaussian")
        # Where smoothed values are half-way between two levels, the last bits decide.
        np.testing.assert_allclose(after, before + shift * moves, rtol=0, atol=2.0**-5 + 2.0**-32 * abs(shift))

    @of([kind for kind in VOLUMES if kind not in (Height, WeightedHeight)])
    def test_mirrored_volumes_have_the_same_bars(self, kind):
        before = persistence_diagram(VOLUME, filtration=kind())
        for axis in range(3):
            after = persistence_diagram(np.flip(VOLUME, axis), filtration=kind())
            for k in (0, 1, 2):
                assert abs(len(after[k]) - len(before[k])) <= 0.01 * len(before[k])
                if kind in (Cubical, Distance):
                    np.testing.assert_array_equal(after[k], before[k])


def ring(axis):
    mask = np.zeros((7, 7))
    mask[1:6, 1:6] = 1
    mask[2:5, 2:5] = 0
    return np.expand_dims(mask, axis)


BALL = np.zeros((7, 7, 7))
BALL[1:6, 1:6, 1:6] = 1
BALL[2:5, 2:5, 2:5] = 0

MASKED = [
    Radial(),
    Radial(direction="superlevel"),
    *(Height(axis=axis, direction=d) for axis in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 2, -1)) for d in BOTH),
]


@pytest.mark.parametrize("filtration", MASKED, ids=lambda f: f.name)
class TestMasks:
    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_a_flat_ring_has_its_loop_and_its_component(self, filtration, axis):
        diagram = persistence_diagram(ring(axis), filtration=filtration)
        assert [len(diagram[1]), len(diagram[2])] == [1, 0]
        assert len(diagram[0]) >= 1
        assert diagram[1][0, 1] == diagram.filtration_range[1] == diagram[0][:, 1].max()

    @pytest.mark.parametrize("pad", [0, 2])
    def test_a_hollow_ball_has_its_cavity_whether_or_not_it_fills_the_volume(self, filtration, pad):
        diagram = persistence_diagram(np.pad(BALL[1:-1, 1:-1, 1:-1], pad), filtration=filtration)
        assert len(diagram[2]) == 1
        assert diagram[2][0, 1] == diagram.filtration_range[1]

    @pytest.mark.parametrize("axis", [0, 1, 2])
    @pytest.mark.parametrize("shape", [(1, 1), (4, 1), (5, 6)])
    def test_a_flat_piece_is_one_component_until_the_outside_comes(self, filtration, axis, shape):
        mask = np.expand_dims(np.pad(np.ones(shape), 1), axis)
        spacing = (1.0, 2.0, 3.0)
        diagram = persistence_diagram(mask, filtration=filtration, spacing=spacing)
        values = filtration.cubes(mask, spacing=spacing)[1]
        inside = values[mask > 0] * (1 if filtration.direction == "sublevel" else -1)
        essential = diagram[0][np.argmax(np.ptp(diagram[0], axis=1))]
        assert essential[0] == inside.min()
        assert essential[1] == pytest.approx(inside.max() + 3.0)

    def test_a_full_mask_ends_where_one_with_an_outside_does(self, filtration):
        full, missing = np.ones((3, 4, 5)), np.ones((3, 4, 6))
        missing[..., -1] = 0
        full_end, missing_end = (
            persistence_diagram(v, filtration=replace(filtration, threshold=0.5)) for v in (full, missing)
        )
        assert full_end == missing_end
        assert full_end.filtration_range == missing_end.filtration_range


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.001, 0.99),
    st.integers(0, 99),
    st.sampled_from(["midrange", "otsu"]),
    st.tuples(st.integers(-1000, 1000), st.integers(1, 255)),
    st.integers(-60, 60),
)
def test_foregrounds_of_every_size_are_found(share, seed, threshold, values, k):
    mask = np.zeros(24**3, bool)
    mask[: round(share * mask.size)] = True
    mask = np.random.default_rng(seed).permutation(mask).reshape(24, 24, 24)
    volume = np.ldexp(np.where(mask, float(sum(values)), float(values[0])), k)
    np.testing.assert_array_equal(mask_above(volume, threshold), mask)
    for extreme in (FLT_MAX, -FLT_MAX):
        hot = volume.copy()
        hot[0, 0, 0] = extreme
        found = mask_above(hot, threshold)
        np.testing.assert_array_equal(found.ravel()[1:], mask.ravel()[1:])
        assert found[0, 0, 0] == (extreme > 0)


def lattice_cloud(n=120, seed=0):
    generator = np.random.default_rng(seed)
    return np.column_stack([generator.integers(0, 6, (n, 3)), generator.integers(0, 40, n)]).astype(float)


def cospherical_cloud(spacing=(0.7, 0.7, 1.1)):
    """Grid of a ball in a lattice of odd units, where equal radii come out one rounding apart."""
    z, y, x = np.mgrid[-7:8, -7:8, -7:8]
    return superpixel_point_cloud(z**2 + y**2 + x**2 < 30, 216, spacing=spacing, intensity_step=1.0)


class TestClouds:
    @of(CLOUDS)
    @pytest.mark.parametrize("away", [1e3, 1e8, FLT_MAX])
    def test_a_far_point_adds_bars_at_its_distance_and_changes_no_other(self, kind, away):
        cloud = lattice_cloud()
        before, after = (
            kind.diagram(points, (0, 1, 2, 3)) for points in (cloud, np.vstack([cloud, [0.0, 0, 0, away]]))
        )
        for k in range(4):
            near = after[k][after[k][:, 1] < away / 4]
            assert len(near) == len(before[k])
            assert_same_bars(near, before[k])
        assert len(after[0]) == len(before[0]) + 1

    @of(CLOUDS)
    @pytest.mark.parametrize("k", [-1000, -600, -80, 80, 480])
    def test_units_commute(self, kind, k):
        before, after = (
            kind.diagram(points, (0, 1, 2, 3)) for points in (lattice_cloud(), np.ldexp(lattice_cloud(), k))
        )
        assert sum(map(len, after.values())) == sum(map(len, before.values())) > 300
        low, high = before.filtration_range
        assert after.filtration_range == (np.ldexp(low, k), np.ldexp(high, k))
        for d in range(4):
            np.testing.assert_array_equal(after[d], np.ldexp(before[d], k))

    @of(CLOUDS)
    def test_tiny_units_that_are_no_powers_of_two(self, kind):
        before, after = (kind.diagram(points, (0, 1)) for points in (lattice_cloud(), 3.3e-290 * lattice_cloud()))
        assert_same_bars(after[0] / 3.3e-290, before[0])
        assert len(after[0]) == len(before[0])

    @of(CLOUDS)
    def test_shifts_and_the_order_of_points_commute(self, kind):
        cloud = lattice_cloud()
        moved = (cloud + np.array([1000, -(2**20), 3, 0.5]))[np.random.default_rng(1).permutation(len(cloud))]
        before, after = (kind.diagram(points, (0, 1, 2, 3)) for points in (cloud, moved))
        for k in range(4):
            assert len(after[k]) == len(before[k])
            assert_same_bars(after[k], before[k])

    @pytest.mark.parametrize("far", [False, True])
    @pytest.mark.parametrize("cloud", [lattice_cloud(), lattice_cloud(300, 1), cospherical_cloud()])
    def test_both_engines_have_the_same_bars_and_as_many(self, cloud, far):
        if far:
            cloud = np.vstack([cloud, [0.0, 0, 0, 1e6]])
        kernel, gudhi = (Alpha(engine).diagram(cloud, (0, 1, 2, 3)) for engine in ("kernel", "gudhi"))
        assert kernel.metadata["engine"] == "kernel"
        for k in range(4):
            # Spheres through the far point are so flat that its own few bars come out shorter than their rounding.
            ours, theirs = (d[k][d[k][:, 1] < 1e5] for d in (kernel, gudhi))
            assert abs(len(kernel[k]) - len(gudhi[k])) <= (3 if far else 0)
            assert len(ours) == len(theirs)
            ours, theirs = (rows[np.lexsort(np.round(rows, 7).T[::-1])] for rows in (ours, theirs))
            np.testing.assert_allclose(ours, theirs, rtol=1e-9)

    def test_bars_that_rounding_made_are_left_out_and_counted(self):
        diagram = Alpha("kernel").diagram(cospherical_cloud(), (1, 2, 3))
        assert sum(diagram.metadata["rounding"].values()) > 0
        weighted = DTM(n_neighbours=7).diagram(cospherical_cloud(), (1, 2, 3))
        lengths = np.concatenate([np.ptp(b, axis=1) / b[:, 1] for d in (diagram, weighted) for b in d.values()])
        assert lengths.min() > 1e-11


@pytest.mark.parametrize("filtration", ["alpha", "dtm", "cubical", "distance", "gaussian"])
def test_masked_arrays_are_refused_with_a_remedy(filtration):
    data = np.ma.masked_less(lattice_cloud() if filtration in ("alpha", "dtm") else VOLUME, 1)
    with pytest.raises(InputError, match=r"masked array .*filled\(value\)"):
        persistence_diagram(data, filtration=filtration)


def test_masked_signals_are_refused():
    with pytest.raises(InputError, match="masked array"):
        signal_persistence(np.ma.masked_less([[0.0, 1.0]], 0))
