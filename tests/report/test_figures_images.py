"""Figures 5–8: persistence images, profiles and differences."""

import numpy as np
import pytest

from tdaflow.report.figures_images import (
    ImageAxes,
    differences_figure,
    images_figure,
    outline,
    profiles_figure,
    thinned,
)
from tdaflow.report.style import ends, short

CHANNELS = (
    ImageAxes("alpha H1", (1.0, 9.0), (0.0, 3.0), "Persistence", "mm"),
    ImageAxes("alpha H2", (0.0, 2.0), (0.0, 1.0), "Persistence", "mm"),
)
IMAGES = np.arange(2 * 2 * 3 * 4, dtype=float).reshape(2, 2, 3, 4)


def of_images(figure) -> list:
    return [axes for axes in figure.axes if axes.images]


def test_every_channel_has_one_colour_scale_from_zero():
    first_a, first_b, second_a, second_b = of_images(images_figure(IMAGES, CHANNELS, ("a", "b")))

    assert first_a.images[0].get_clim() == first_b.images[0].get_clim() == (0, IMAGES[:, 0].max())
    assert second_b.images[0].get_clim() == (0, IMAGES[:, 1].max())
    assert second_a.images[0].get_array().tolist() == IMAGES[0, 1].tolist()
    assert (first_a.get_title(), first_b.get_title()) == ("a", "b")


def test_row_0_is_at_the_bottom_and_axes_are_birth_and_persistence():
    panel = of_images(images_figure(IMAGES, CHANNELS, ("a", "b")))[0]

    assert panel.images[0].origin == "lower"
    assert panel.images[0].get_extent() == [1.0, 9.0, 0.0, 3.0]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("Birth", "Persistence")


def test_of_classes_and_channels_the_more_numerous_go_across():
    one_class = images_figure(IMAGES[:1], CHANNELS, ("a",))

    first, second = of_images(one_class)
    assert (first.get_title(), second.get_title()) == ("alpha H1", "alpha H2")
    assert first.get_subplotspec().rowspan == second.get_subplotspec().rowspan


def test_empty_images_have_a_scale():
    panel = of_images(images_figure(np.zeros((1, 1, 2, 2)), CHANNELS[:1], ("a",)))[0]

    assert panel.images[0].get_clim() == (0, 1)


def test_differences_are_symmetric_about_zero_with_significant_regions_outlined():
    differences = np.array([[[[-4.0, 1.0], [0.0, 2.0]]]])
    significant = np.array([[[[True, False], [False, False]]]])

    figure = differences_figure(differences, significant, CHANNELS[:1], ("b − a",))

    (panel,) = of_images(figure)
    assert panel.images[0].get_clim() == (-4, 4)
    (lines,) = panel.collections
    assert len(lines.get_segments()) == 4
    assert "25 % significant" in [text.get_text() for text in panel.texts]


def test_an_outline_follows_pixels_and_is_closed_at_the_edge():
    found = outline(np.array([[True, False], [False, False]]), (1.0, 9.0), (0.0, 3.0))

    assert sorted(map(tuple, found.reshape(-1, 4))) == [(1, 0, 1, 1.5), (1, 0, 5, 0), (1, 1.5, 5, 1.5), (5, 0, 5, 1.5)]
    assert len(outline(np.zeros((2, 2), dtype=bool), (0.0, 1.0), (0.0, 1.0))) == 0


def test_nothing_is_outlined_where_nothing_was_tested():
    (panel,) = of_images(differences_figure(np.ones((1, 1, 2, 2)), None, CHANNELS[:1], ("b − a",)))

    assert not panel.collections


def test_profiles_are_lines_by_class():
    profiles = np.array([[[1.0, 2.0]], [[3.0, 4.0]]])

    axes = profiles_figure(profiles, np.array([[0.5, 1.5]]), CHANNELS[:1], ("a", "b")).axes[0]

    assert [line.get_ydata().tolist() for line in axes.lines] == [[1, 2], [3, 4]]
    assert axes.get_xlabel() == "Persistence (mm)"


def test_large_images_are_averaged_in_blocks():
    assert thinned(np.arange(4.0).reshape(1, 4), 2).tolist() == [[0.5, 2.5]]
    assert thinned(np.arange(5.0).reshape(1, 5), 2).tolist() == [[1.0, 3.5]]
    assert thinned(np.ones((2, 2)), 2).tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("limits", "texts"),
    [((0, 3.512), ["0", "3.51"]), ((-261.4, -248.6), ["−261.4", "−248.6"]), ((0, 254), ["0", "254"])],
)
def test_ticks_tell_the_ends_of_a_range_apart(limits, texts):
    assert ends(*limits) == (list(limits), texts)


def test_long_names_are_cut():
    assert (short("liver", 5), short("kidney", 5)) == ("liver", "kidn…")
