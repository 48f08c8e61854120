"""Persistence images of classes, their differences, and profiles."""

import numpy as np
import pytest

from tdaflow.report.figures_images import Column, ImageAxes, images_figure, outline, profiles_figure, thinned
from tdaflow.report.style import ends, short

CHANNELS = (
    ImageAxes("alpha H1", (1.0, 9.0), (0.0, 3.0), "Persistence", "mm"),
    ImageAxes("alpha H2", (0.0, 2.0), (0.0, 1.0), "Persistence", "mm"),
)
IMAGES = np.arange(2 * 2 * 3 * 4, dtype=float).reshape(2, 2, 3, 4)


def of_images(figure) -> list:
    return [axes for axes in figure.axes if axes.images]


def columns(images, names=("a", "b")) -> list[Column]:
    return [Column(name, image) for name, image in zip(names, images, strict=True)]


def test_every_channel_has_one_colour_scale_from_zero():
    first_a, first_b, second_a, second_b = of_images(images_figure(columns(IMAGES), CHANNELS))

    assert first_a.images[0].get_clim() == first_b.images[0].get_clim() == (0, IMAGES[:, 0].max())
    assert second_b.images[0].get_clim() == (0, IMAGES[:, 1].max())
    assert second_a.images[0].get_array().tolist() == IMAGES[0, 1].tolist()
    assert (first_a.get_title(), first_b.get_title()) == ("a", "b")


def test_row_0_is_at_the_bottom_and_axes_are_birth_and_persistence():
    panel = of_images(images_figure(columns(IMAGES), CHANNELS))[0]

    assert panel.images[0].origin == "lower"
    assert panel.images[0].get_extent() == [1.0, 9.0, 0.0, 3.0]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("Birth (mm)", "Persistence")


def test_the_plane_is_shown_where_the_mass_is():
    image = np.zeros((1, 1, 100, 100))
    image[0, 0, 10:20, 40:60] = 1
    image[0, 0, 90, 5] = 0.1

    (panel,) = of_images(images_figure(columns(image, ("a",)), CHANNELS[:1]))

    # A pixel more on each side; a pixel of birth is .08 wide, one of persistence .03 high.
    assert panel.get_xlim() == pytest.approx((1 + 0.08 * 39, 1 + 0.08 * 61))
    assert panel.get_ylim() == pytest.approx((0.03 * 9, 0.03 * 21))


def test_empty_images_have_a_scale():
    panel = of_images(images_figure(columns(np.zeros((1, 1, 2, 2)), ("a",)), CHANNELS[:1]))[0]

    assert panel.images[0].get_clim() == (0, 1)


def test_differences_stand_beside_the_means_symmetric_about_zero_with_significant_regions_outlined():
    difference = np.array([[[-4.0, 1.0], [0.0, 2.0]]])
    significant = np.array([[[True, False], [False, False]]])
    changes = Column("b − a", difference, True, significant)

    figure = images_figure([*columns(np.ones((2, 1, 2, 2))), changes], CHANNELS[:1])

    a, b, change = of_images(figure)
    assert a.images[0].get_clim() == b.images[0].get_clim() == (0, 1)
    assert change.images[0].get_clim() == (-4, 4)
    (lines,) = change.collections
    assert len(lines.get_segments()) == 4
    assert "25 % significant" in [text.get_text() for text in change.texts]


def test_an_outline_follows_pixels_and_is_closed_at_the_edge():
    found = outline(np.array([[True, False], [False, False]]), (1.0, 9.0), (0.0, 3.0))

    assert sorted(map(tuple, found.reshape(-1, 4))) == [(1, 0, 1, 1.5), (1, 0, 5, 0), (1, 1.5, 5, 1.5), (5, 0, 5, 1.5)]
    assert len(outline(np.zeros((2, 2), dtype=bool), (0.0, 1.0), (0.0, 1.0))) == 0


def test_nothing_is_outlined_where_nothing_was_tested():
    (panel,) = of_images(images_figure([Column("b − a", np.ones((1, 2, 2)), True)], CHANNELS[:1]))

    assert not panel.collections


def test_profiles_are_lines_by_class():
    profiles = np.array([[[1.0, 2.0]], [[3.0, 4.0]]])

    axes = profiles_figure(profiles, np.array([[0.5, 1.5]]), CHANNELS[:1], ("a", "b")).axes[0]

    assert [line.get_ydata().tolist() for line in axes.lines] == [[1, 2], [3, 4]]
    assert axes.get_xlabel() == "Persistence (mm)"
    # Told apart without colours, too.
    assert len({line.get_linestyle() for line in axes.lines}) == 2


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
