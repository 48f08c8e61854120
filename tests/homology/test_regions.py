"""Blocks of a volume: where they lie, how they are named, and that a block's diagram is that of its values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from tdaflow.errors import InputError
from tdaflow.homology import FILTRATIONS, Alpha, Cubical
from tdaflow.homology.regional import regional_cloud_diagrams, regional_volume_diagrams
from tdaflow.homology.regions import REGION_PRESETS, Regions, filtration_of, inside, is_regional, regional_name

OCTANTS = REGION_PRESETS["octants"]


@pytest.fixture(scope="module")
def volume() -> np.ndarray:
    """A smooth volume of unequal sides."""
    return gaussian_filter(np.random.default_rng(0).standard_normal((8, 10, 12)), 1.0)


def test_octants_halve_every_axis():
    boxes = OCTANTS.boxes((4, 6, 5))
    assert list(boxes) == ["z0y0x0", "z0y0x1", "z0y1x0", "z0y1x1", "z1y0x0", "z1y0x1", "z1y1x0", "z1y1x1"]
    assert boxes["z0y0x0"] == (slice(0, 2), slice(0, 3), slice(0, 3))
    assert boxes["z1y1x1"] == (slice(2, 4), slice(3, 6), slice(3, 5))


def test_overlapping_blocks_share_a_quarter_of_their_edge():
    boxes = REGION_PRESETS["2x2x2-overlap"].boxes((28, 28, 28))
    assert boxes["z0y0x1"] == (slice(0, 16), slice(0, 16), slice(12, 28))
    assert [box[0] for box in REGION_PRESETS["3x3x3-overlap"].boxes((28, 28, 28)).values()][::9] == [
        slice(0, 11), slice(8, 20), slice(17, 28),
    ]  # fmt: skip


def test_the_whole_volume_is_a_region_of_its_own_on_request():
    assert Regions().names == Regions(whole=True).names == ("whole",)
    boxes = Regions((1, 1, 2), whole=True).boxes((3, 4, 6))
    assert boxes == {
        "whole": (slice(0, 3), slice(0, 4), slice(0, 6)),
        "z0y0x0": (slice(0, 3), slice(0, 4), slice(0, 3)),
        "z0y0x1": (slice(0, 3), slice(0, 4), slice(3, 6)),
    }


counts = st.tuples(*[st.integers(1, 4)] * 3)
shapes = st.tuples(*[st.integers(4, 40)] * 3)


@settings(max_examples=60, deadline=None)
@given(counts, shapes)
def test_without_overlap_every_voxel_is_in_one_block(blocks, shape):
    hits = np.zeros(shape, dtype=int)
    for box in Regions(blocks).boxes(shape).values():
        hits[box] += 1
    assert (hits == 1).all()


@settings(max_examples=60, deadline=None)
@given(counts, shapes, st.floats(0.01, 0.9))
def test_overlapping_blocks_cover_the_volume_and_lie_symmetrically(blocks, shape, overlap):
    boxes = Regions(blocks, overlap).boxes(shape)
    hits = np.zeros(shape, dtype=int)
    for box in boxes.values():
        assert all(side.stop > side.start for side in box)
        hits[box] += 1
    np.testing.assert_array_equal(hits, hits[::-1, ::-1, ::-1])
    assert (hits >= 1).all()


@pytest.mark.parametrize("options", [{"blocks": (0, 1, 1)}, {"blocks": (2, 2)}, {"overlap": 1.0}, {"overlap": -0.1}])
def test_blocks_and_overlaps_outside_their_limits_are_refused(options):
    with pytest.raises(InputError, match=next(iter(options))):
        Regions(**options)


@pytest.mark.parametrize("filtration", ["alpha", "my@own", "a@z1", "two words"])
@pytest.mark.parametrize("region", ["whole", "z0y1x10"])
def test_a_name_holds_filtration_and_region(filtration, region):
    name = regional_name(filtration, region)
    assert filtration_of(name) == filtration
    assert is_regional(name) == (region != "whole")


def test_a_position_belongs_to_the_block_of_its_nearest_voxel():
    box = (slice(0, 2), slice(0, 2), slice(1, 3))
    positions = np.array([[0, 0, 1], [1, 1, 2], [1, 1, 3], [0, 0, 0.5], [0, 0, 0.4], [1.4, 0, 2.4], [1.5, 0, 2]])
    assert inside(positions, box).tolist() == [True, True, False, True, False, True, False]


def test_grey_values_of_a_block_are_filtered_by_themselves(volume):
    found = regional_volume_diagrams(Cubical("superlevel"), volume, (0, 1, 2), Regions((2, 1, 1), whole=True))
    assert found["whole"] == Cubical("superlevel").diagram(volume, (0, 1, 2))
    assert found["z0y0x0"] == Cubical("superlevel").diagram(volume[:4], (0, 1, 2))
    assert found["z1y0x0"] == Cubical("superlevel").diagram(volume[4:], (0, 1, 2))


def test_blocks_are_cut_after_downsampling(volume):
    found = regional_volume_diagrams(Cubical(downsample=2), volume, (0,), Regions((1, 1, 2)))
    small = Cubical(downsample=2).cubes(volume)[1]
    assert found["z0y0x1"] == Cubical().diagram(small[:, :, 3:], (0,))


@pytest.mark.parametrize("kind", ["distance", "gaussian", "log"])
def test_a_function_is_computed_of_the_whole_volume_and_then_cut(volume, kind):
    filtration, spacing = FILTRATIONS[kind](), (2.0, 1.0, 1.0)
    found = regional_volume_diagrams(filtration, volume, (0, 1), Regions((1, 2, 1)), spacing=spacing)
    cubes, values = filtration.cubes(volume, spacing=spacing)
    assert found["z0y1x0"] == cubes.diagram(values[:, 5:], (0, 1))
    assert found["z0y1x0"] != filtration.diagram(volume[:, 5:], (0, 1), spacing=spacing)


def test_a_block_of_one_value_has_no_bars_even_with_its_essential_one_capped():
    volume = np.zeros((6, 6, 6))
    volume[:3] = np.arange(6)
    diagram = regional_volume_diagrams(Cubical(), volume, (0, 1, 2), Regions((2, 1, 1)))["z1y0x0"]
    assert [len(bars) for bars in diagram.with_essential("cap").values()] == [0, 0, 0]


def test_points_of_a_block_are_filtered_by_themselves():
    rng = np.random.default_rng(1)
    positions = rng.integers(0, 12, (80, 3)).astype(float)
    points = np.column_stack([positions, rng.integers(0, 9, 80)])
    found = regional_cloud_diagrams(Alpha(), points, (0, 1), Regions((1, 1, 2), whole=True), positions, (12, 12, 12))
    assert found["whole"] == Alpha().diagram(points, (0, 1))
    assert found["z0y0x1"] == Alpha().diagram(points[positions[:, 2] >= 6], (0, 1))


def test_a_block_without_points_has_no_bars():
    points = np.eye(4)
    found = regional_cloud_diagrams(Alpha(), points, (0, 2), Regions((2, 1, 1)), np.zeros((4, 3)), (4, 4, 4))
    assert {k: len(bars) for k, bars in found["z1y0x0"].items()} == {0: 0, 2: 0}
