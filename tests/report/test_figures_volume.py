"""Figures 1–4: what is drawn where."""

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from tdaflow.diagrams.drawing import bars, longest
from tdaflow.extents import intensity_extent
from tdaflow.report.figures_topology import diagrams_figure
from tdaflow.report.figures_volume import borders, cloud_figure, slices_figure, superpixels_figure
from tdaflow.store.anatomy import Anatomy

VOXELS = np.arange(4 * 3 * 2).reshape(4, 3, 2)
SPACING = (2.0, 1.0, 0.5)


def panels(figure: Figure) -> list:
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]


def test_slices_show_the_voxels_on_one_scale_with_positions_in_mm():
    figure = slices_figure(VOXELS, SPACING, (0, 3))

    first, last = panels(figure)
    assert last.images[0].get_array().tolist() == VOXELS[3].tolist()
    extent = intensity_extent(VOXELS)
    assert first.images[0].get_clim() == last.images[0].get_clim() == (extent.low, extent.high)
    assert last.get_title() == "z = 6 mm"
    assert (first.get_xlabel(), first.get_ylabel()) == ("x (mm)", "y (mm)")
    assert first.images[0].get_extent() == pytest.approx((-0.25, 0.75, 2.5, -0.5))


def test_slices_of_known_orientation_have_letters_and_their_place():
    affine = np.diag([-0.5, -1.0, 2.0, 1.0])
    affine[2, 3] = -5

    figure = slices_figure(VOXELS, SPACING, (0, 3), Anatomy("LPS", affine))

    first, last = panels(figure)
    assert [text.get_text() for text in first.texts] == ["R", "L", "A", "P"]
    assert (first.get_title(), last.get_title()) == ("I 5 mm", "S 1 mm")
    assert not panels(slices_figure(VOXELS, SPACING, (0,)))[0].texts


def test_large_slices_are_thinned():
    figure = slices_figure(np.zeros((1, 600, 20), dtype=np.uint8), (1.0, 1.0, 1.0), (0,))

    assert panels(figure)[0].images[0].get_array().shape == (200, 7)


def test_borders_lie_between_pixels_of_different_superpixels():
    found = borders(np.array([[1, 2], [1, 2]]), SPACING)

    assert found.tolist() == [[[0.25, -0.5], [0.25, 1.5]]]
    steps = borders(np.array([[1, 2, 2], [1, 1, 2]]), (1.0, 1.0, 1.0)).tolist()
    assert steps == [[[0.5, -0.5], [0.5, 0.5]], [[1.5, 0.5], [1.5, 1.5]], [[0.5, 0.5], [1.5, 0.5]]]
    assert len(borders(np.ones((3, 3), dtype=int), SPACING)) == 0


def test_superpixels_are_filled_with_their_intensity():
    labels = np.ones((1, 2, 2), dtype=np.uint8)
    labels[0, :, 1] = 2

    figure = superpixels_figure(np.full((1, 2, 2), 9), (1.0, 1.0, 1.0), (0,), labels, np.array([5.0, 7.0]))

    _, filled = panels(figure)
    assert filled.images[0].get_array().tolist() == [[5, 7], [5, 7]]


def test_without_intensities_the_second_row_is_left_out():
    figure = superpixels_figure(VOXELS, SPACING, (0, 1), np.ones_like(VOXELS), None)

    assert len(panels(figure)) == 2


def test_the_cloud_has_every_point_with_its_intensity_from_each_side():
    figure = cloud_figure(np.array([[0.0, 1, 2], [3, 4, 5]]), np.array([10.0, 20]))

    for axes in panels(figure):
        x, y, z = axes.collections[0]._offsets3d
        assert (list(x), list(y), list(z)) == ([2, 5], [1, 4], [0, 3])
        assert axes.collections[0].get_array().tolist() == [10, 20]
        assert axes.get_zlabel() == "z (mm)"


def test_one_point_of_one_intensity_is_a_cloud_too():
    assert cloud_figure(np.zeros((1, 3)), np.zeros(1)).axes


def test_a_diagram_has_its_bars_as_points_and_as_a_barcode():
    pairs = np.array([[0.0, 3.0], [1.0, 2.0]])

    figure = diagrams_figure({("alpha", 0): pairs, ("alpha", 1): np.zeros((0, 2))}, {"alpha": "mm"})

    diagram, barcode = panels(figure)
    assert diagram.collections[0].get_offsets().tolist() == pairs.tolist()
    assert [t.get_text() for t in diagram.get_legend().get_texts()] == ["H0: 2 bars", "H1: 0 bars"]
    assert (diagram.get_xlabel(), diagram.get_ylabel()) == ("Birth (mm)", "Death (mm)")
    segments = barcode.collections[0].get_segments()
    assert [segment[:, 0].tolist() for segment in segments] == pairs.tolist()


def test_a_barcode_shows_the_longest_bars_by_birth():
    pairs = np.array([[5.0, 6.0], [2.0, 9.0], [0.0, 4.0]])

    assert longest(pairs, 2).tolist() == [[0, 4], [2, 9]]
    assert (bars(1), bars(2000)) == ("1 bar", "2,000 bars")


def test_figures_leave_matplotlib_as_they_found_it():
    before = dict(matplotlib.rcParams)

    slices_figure(VOXELS, SPACING, (0,))

    assert dict(matplotlib.rcParams) == before
