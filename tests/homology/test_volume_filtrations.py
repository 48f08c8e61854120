"""Each filtration of volumes on a phantom whose topology it should see, and what all of them share."""

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.extents import intensity_extent
from tdaflow.homology import FILTRATIONS, Cubical, persistence_diagram
from tdaflow.homology.volume_filtrations.distance import Distance
from tdaflow.homology.volume_filtrations.masked import Height, Radial
from tdaflow.homology.volume_filtrations.scale_space import (
    Gaussian,
    GaussianLaplacian,
    GradientMagnitude,
    LaplacianOfGaussian,
)
from tdaflow.homology.volume_filtrations.weighted_height import WeightedHeight

Z, Y, X = np.mgrid[-10:11, -10:11, -10:11].astype(float)
R = np.sqrt(Z**2 + Y**2 + X**2)
SHELL = (R >= 4) & (R <= 8)
TORUS = np.hypot(np.hypot(Y, X) - 6, Z) <= 2.5

KINDS = [kind for kind in FILTRATIONS.values() if kind.takes == "volume"]


def bars(volume, filtration, dimension, longer_than=0.0, spacing=None):
    """Bars of one dimension, the longest first."""
    diagram = persistence_diagram(
        volume, filtration=filtration, homology_dimensions=(dimension,), min_persistence=0, spacing=spacing
    )[dimension]
    diagram = diagram[np.ptp(diagram, axis=1) > longer_than]
    return diagram[np.argsort(-np.ptp(diagram, axis=1))]


class TestDistance:
    def test_a_segment_is_negative_inside_and_positive_outside(self):
        values = Distance().values(np.array([0.0, 0, 1, 1, 1, 1, 0]), np.array([0.5]))
        np.testing.assert_array_equal(values, [1.0, 0.5, -0.5, -1.0, -1.0, -0.5, 0.5])

    def test_a_shell_has_one_cavity_from_half_its_thickness_to_the_radius_of_its_hole(self):
        [[birth, death]] = bars(SHELL, Distance(), 2, longer_than=1.5)
        assert birth == pytest.approx(-2, abs=0.6)
        # The centre of the hole is 4 mm from the nearest voxel of the shell.
        assert death == 4.0

    def test_a_torus_has_one_loop_that_is_filled_at_its_middle(self):
        [[birth, death]] = bars(TORUS, Distance(), 1, longer_than=2)
        assert birth == pytest.approx(-2.5, abs=0.6)
        # The voxels nearest to the middle are those 2 and 3 mm away along y and x.
        assert death == np.sqrt(13)

    def test_superlevel_comes_from_outside_and_shells_keep_a_cavity_of_their_own(self):
        assert bars(SHELL, Distance(direction="superlevel"), 2, longer_than=1.5).shape == (1, 2)

    def test_lengths_are_those_of_the_spacing(self):
        one, two = (bars(SHELL, Distance(), 2, spacing=(s, s, s)) for s in (1, 2))
        np.testing.assert_allclose(two, 2 * one)

    def test_thick_slices_are_thick(self):
        slab = np.zeros((9, 5, 5))
        slab[2:7] = 1
        assert Distance().values(slab, np.array([3.0, 1, 1]))[4, 2, 2] == -9.0

    @pytest.mark.parametrize(("volume", "told"), [(np.zeros((3, 3, 3)), "empty"), (np.ones((3, 3, 3)), "full")])
    def test_a_mask_without_surface_is_refused(self, volume, told):
        with pytest.raises(InputError, match=f"the mask is {told}"):
            bars(volume, Distance(threshold=0.5), 0)


class TestThreshold:
    GREY = np.array([0.0, 1, 2, 200, 201, 255])

    @pytest.mark.parametrize(
        ("threshold", "inside"),
        [
            ("midrange", [0, 0, 0, 1, 1, 1]),
            ("otsu", [0, 0, 0, 1, 1, 1]),
            (1, [0, 0, 1, 1, 1, 1]),
            (250.0, [0] * 5 + [1]),
        ],
    )
    def test_the_mask_is_what_lies_above(self, threshold, inside):
        values = Distance(threshold=threshold).values(self.GREY, np.ones(1))
        np.testing.assert_array_equal(values < 0, inside)

    def test_otsu_parts_whole_grey_levels_exactly(self):
        # With 256 bins over 0–300 a level and its bin's centre can lie on different sides.
        low, high = np.random.default_rng(0).integers((0, 200), (101, 301), (2000, 2)).T.astype(float)
        values = Distance(threshold="otsu").values(np.concatenate([low, high, [0, 300]]), np.ones(1))
        np.testing.assert_array_equal(values < 0, [False] * 2000 + [True] * 2000 + [False, True])

    def test_otsu_of_fractions_and_of_levels_below_zero(self):
        for scale, shift in ((0.01, 0.0), (1.0, -1000.0)):
            values = Distance(threshold="otsu").values(scale * self.GREY + shift, np.ones(1))
            np.testing.assert_array_equal(values < 0, [0, 0, 0, 1, 1, 1])


class TestRadial:
    ARMS = (np.abs([Z, Y, X]) <= 1).sum(axis=0) >= 2

    def test_the_six_arms_of_a_star_are_six_bars_from_their_tips_to_the_core(self):
        [*long] = bars(self.ARMS, Radial(direction="superlevel"), 0, longer_than=5)
        assert len(long) == 6
        assert {birth for birth, _ in long} == {-np.sqrt(102)}

    def test_from_the_centre_a_star_is_one_component(self):
        assert len(bars(self.ARMS, Radial(), 0)) == 1

    def test_the_essential_loop_of_a_torus_ends_a_voxel_after_its_last_one(self):
        [[birth, death]] = bars(TORUS, Radial(), 1, longer_than=3)
        assert (birth, death) == (pytest.approx(4, abs=1), np.sqrt(6**2 + 6**2) + 1)

    def test_the_centroid_makes_it_independent_of_place(self):
        ring, away = TORUS[5:-5], np.pad(TORUS[5:-5], ((3, 0), (0, 0), (0, 0)))
        assert persistence_diagram(ring, filtration=Radial(), min_persistence=0) == persistence_diagram(
            away, filtration=Radial(), min_persistence=0
        )
        middle = Radial(centre="volume")
        assert persistence_diagram(ring, filtration=middle) != persistence_diagram(away, filtration=middle)


class TestHeight:
    # Two legs of 8 and 5 voxels that stand side by side and are joined at the top.
    U = np.zeros((10, 5, 9))
    U[1:9, 1:4, 1:3] = 1
    U[4:9, 1:4, 6:8] = 1
    U[7:9, 1:4, 1:8] = 1

    def test_two_lobes_are_two_components_until_they_meet(self):
        # z = 1, 4, 7 and 9, one voxel after the last, about the middle at 4.5.
        heights = bars(self.U, Height(centre="volume"), 0)
        np.testing.assert_array_equal(heights, [[-3.5, 4.5], [-0.5, 2.5]])
        np.testing.assert_array_equal(bars(self.U, Height(centre="volume"), 0, spacing=(2, 1, 1)), 2 * heights)

    def test_from_the_other_end_it_is_one(self):
        for other in (Height(axis=(-1, 0, 0)), Height(direction="superlevel")):
            assert len(bars(self.U, other, 0)) == 1

    def test_the_length_of_the_axis_does_not_matter(self):
        np.testing.assert_allclose(bars(self.U, Height(axis=(2, 2, 0)), 0), bars(self.U, Height(axis=(1, 1, 0)), 0))

    def test_the_way_through_a_ring_dies_a_voxel_after_its_last_one(self):
        [[birth, death]] = bars(TORUS, Height(axis=(0, 1, 0), centre="volume"), 1, longer_than=3)
        # The loop closes on the far side, where only the capped end is left.
        assert (birth, death) == (pytest.approx(6, abs=3), 9.0)

    def test_planes_have_no_such_direction(self):
        with pytest.raises(InputError, match="2 dimensions"):
            bars(np.eye(4), Height(), 0)


class TestWeightedHeight:
    VOLUME = np.random.default_rng(0).integers(0, 9, (4, 5, 6))

    def test_grey_values_grow_along_the_axis(self):
        volume = np.array([[[8.0, 8, 8, 8, 4]]])
        values = WeightedHeight(axis=(0, 0, 1)).values(volume, np.ones(3))
        np.testing.assert_array_equal(values, [[[0, 1, 2, 3, 0]]])

    def test_mirror_images_differ_unless_the_axis_is_turned_too(self):
        def of(volume, axis):
            return persistence_diagram(volume, filtration=WeightedHeight(axis=axis, direction="superlevel"))

        mirrored = self.VOLUME[:, :, ::-1]
        assert persistence_diagram(self.VOLUME, filtration="cubical") == persistence_diagram(
            mirrored, filtration="cubical"
        )
        assert of(self.VOLUME, (0, 0, 1)) != of(mirrored, (0, 0, 1))
        assert of(self.VOLUME, (0, 0, 1)) == of(mirrored, (0, 0, -1))


class TestScaleSpace:
    def blob(self, sigma, centre=0.0, spacing=1.0):
        return 100 * np.exp(-((spacing * Z) ** 2 + Y**2 + (X - centre) ** 2) / (2 * sigma**2))

    def test_what_is_finer_than_sigma_is_smoothed_away(self):
        two = self.blob(1, -3) + self.blob(1, 3)
        counts = [len(bars(two, Gaussian(sigma=s, direction="superlevel"), 0, longer_than=0.2)) for s in (0.5, 4)]
        assert counts == [2, 1]

    def test_blobs_answer_with_their_own_scale(self):
        """In closed form, at the centre of a blob of height 100 and s mm σ²∇²G is −300 σ²s³/(s² + σ²)^(5/2)."""
        for s in (2.0, 3.0):
            for sigma in (1.5, 2.0):
                [[birth, _], *_] = bars(self.blob(s), LaplacianOfGaussian(sigma=sigma), 0)
                assert birth == pytest.approx(-300 * sigma**2 * s**3 / (s**2 + sigma**2) ** 2.5, rel=0.04)

    def test_a_dark_blob_comes_first_in_the_superlevel_sets(self):
        bright, dark = (
            bars(sign * self.blob(2), LaplacianOfGaussian(sigma=2, direction=direction), 0)
            for sign, direction in ((1, "sublevel"), (-1, "superlevel"))
        )
        np.testing.assert_array_equal(bright, dark)

    def test_a_ramp_does_not_change_the_laplacian_inside(self):
        flat, steep = (
            LaplacianOfGaussian(sigma=1.5, levels=0).values(self.blob(2) + slope * Y, np.ones(3))[:, 8:-8]
            for slope in (0, 30)
        )
        np.testing.assert_allclose(flat, steep, atol=1e-9)

    def test_scales_are_in_mm_whatever_the_slices(self):
        fine, thick = (
            LaplacianOfGaussian(sigma=2, levels=0).values(self.blob(3, spacing=s), np.array([s, 1, 1]))
            for s in (1.0, 2.0)
        )
        np.testing.assert_allclose(fine[4:-4:2], thick[7:14], rtol=0.05, atol=2.0)

    def test_slices_much_thicker_than_sigma_do_not_answer(self):
        slab = np.zeros((7, 9, 9))
        slab[3] = 100
        values = LaplacianOfGaussian(sigma=0.5, levels=0).values(slab, np.array([5.0, 1, 1]))
        assert np.abs(values).max() <= 100 * (0.5 / 5) ** 2 * 2

    def test_the_edge_of_a_ball_is_a_closed_surface(self):
        [[birth, death], *others] = bars(100 * (R <= 6), GradientMagnitude(sigma=1, direction="superlevel"), 2)
        assert death - birth > 20
        assert all(np.ptp(bar) < 5 for bar in others)

    def test_inside_of_its_edge_a_ball_is_bright_and_curved(self):
        ball = 100.0 * (R <= 6)
        [[birth, death], *_] = bars(ball, GaussianLaplacian(sigma=1.5, direction="superlevel"), 2)
        # Born bright, as a shell under the surface; it is filled where the inside is flat.
        assert (birth, death) == (pytest.approx(-33, abs=3), pytest.approx(0, abs=3))

    @pytest.mark.parametrize("direction", ["sublevel", "superlevel"])
    def test_a_line_through_the_bifiltration_is_in_where_both_are(self, direction):
        volume = np.random.default_rng(1).normal(size=(8, 8, 8))
        options = {"sigma": 1.2, "levels": 0, "direction": direction}
        g, log, both = (
            kind(**options).values(volume, np.ones(3)) for kind in (Gaussian, LaplacianOfGaussian, GaussianLaplacian)
        )
        for t in (-0.2, 0.0, 0.1):
            within = np.less_equal if direction == "sublevel" else np.greater_equal
            np.testing.assert_array_equal(within(both, t), within(g, t) & within(-log, t))

    def test_rounding_rounds_the_ends_of_bars_and_nothing_else(self):
        volume = np.random.default_rng(2).normal(size=(7, 7, 7))
        exact, coarse = (bars(volume, Gaussian(sigma=0.7, levels=levels), 1) for levels in (0, 32))
        step = 2.0 ** np.floor(np.log2(intensity_extent(volume).width / 32))
        moved = np.rint(exact / step) * step
        moved = moved[moved[:, 1] > moved[:, 0]]
        assert sorted(map(tuple, coarse)) == sorted(map(tuple, moved))
        assert len(coarse) < len(exact)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
class TestAll:
    VOLUME = np.random.default_rng(3).integers(0, 200, (9, 8, 7)).astype(np.uint8)

    def test_bars_do_not_depend_on_memory_order_or_dtype_and_the_volume_is_left_as_it_is(self, kind):
        before = self.VOLUME.copy()
        diagram = persistence_diagram(self.VOLUME, filtration=kind())
        assert diagram == persistence_diagram(np.asfortranarray(self.VOLUME.astype(np.float32)), filtration=kind())
        np.testing.assert_array_equal(self.VOLUME, before)

    def test_the_name_is_in_the_metadata_and_tells_the_directions_apart(self, kind):
        up, down = (kind(direction=d) for d in ("sublevel", "superlevel"))
        assert up.name != down.name
        assert persistence_diagram(self.VOLUME, filtration=down).metadata["filtration"] == down.name
        assert down.unit == f"−{up.unit}"
        assert up.in_words != down.in_words

    def test_superlevel_bars_are_born_before_they_die(self, kind):
        diagram = persistence_diagram(self.VOLUME, filtration=kind(direction="superlevel"))
        assert sum(map(len, diagram.values())) > 0
        low, high = diagram.filtration_range
        assert all((low <= b).all() and (b <= high).all() for b in diagram.values())

    def test_downsampling_is_done_to_the_volume(self, kind):
        small = kind(downsample=2)
        means = Cubical(downsample=2)
        block = self.VOLUME[:8, :8, :6].reshape(4, 2, 4, 2, 3, 2).mean(axis=(1, 3, 5))
        found = small.diagram(self.VOLUME[:8, :8, :6], (0, 1), spacing=(1, 1, 1))
        assert found == kind().diagram(block, (0, 1), spacing=(2, 2, 2))
        assert found.metadata["downsample"] == means.downsample

    @pytest.mark.parametrize(
        ("volume", "options", "message"),
        [
            (np.full((3, 3, 3), np.nan), {}, "27 NaN"),
            (np.zeros((2, 2, 2, 2)), {}, "1 to 3 dimensions"),
            (np.eye(3), {"homology_dimensions": (2,), "filtration": Cubical()}, "homology dimension 2"),
            (VOLUME, {"homology_dimensions": (3,)}, "homology dimension 3"),
        ],
    )
    def test_bad_input_is_refused(self, kind, volume, options, message):
        with pytest.raises(InputError, match=message):
            persistence_diagram(volume, **{"filtration": kind(), **options})


@pytest.mark.parametrize("spacing", [(1, 1), (1, 1, 0), (1, 1, np.nan), 2.0, "abc"])
def test_a_bad_spacing_is_refused(spacing):
    with pytest.raises(InputError, match="3 positive numbers"):
        persistence_diagram(TestAll.VOLUME, filtration="distance", spacing=spacing)


def test_points_have_their_spacing_in_them():
    with pytest.raises(InputError, match="superpixel_point_cloud"):
        persistence_diagram(np.eye(3), spacing=(1, 1, 1))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (Distance, {"threshold": "mean"}),
        (Distance, {"threshold": np.nan}),
        (Distance, {"direction": "up"}),
        (Radial, {"centre": "origin"}),
        (Radial, {"threshold": True}),
        (Height, {"axis": (0, 0, 0)}),
        (Height, {"axis": (1, 0)}),
        (WeightedHeight, {"axis": (1, 0, np.inf)}),
        (Gaussian, {"sigma": 0}),
        (Gaussian, {"levels": -1}),
        (Gaussian, {"levels": 2.5}),
        (GaussianLaplacian, {"laplacian_weight": 0}),
        (GradientMagnitude, {"downsample": 0}),
    ],
)
def test_bad_options_are_refused(kind, options):
    with pytest.raises(InputError, match=next(iter(options))):
        kind(**options)


def test_smoothing_that_overflows_says_so():
    volume = np.full((5, 5, 5), 1.7e308)
    volume[2, 2, 2] = 0
    for kind in (Gaussian, LaplacianOfGaussian, GradientMagnitude):
        with pytest.raises(InputError, match=r"1.7e\+308 overflow float64 when they are smoothed; limit them"):
            persistence_diagram(volume, filtration=kind(sigma=1), homology_dimensions=(0,))
