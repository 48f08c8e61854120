"""Figures of perturbations, out-of-distribution scores, fusion and maps."""

import numpy as np

from tdaflow.report.figures_explanation import maps_figure
from tdaflow.report.figures_images import ImageAxes
from tdaflow.report.figures_robustness import Severities, fusion_figure, ood_figure, robustness_figure


def line(*values, clean=float("nan")):
    value = np.array(values)
    return Severities(np.arange(1.0, len(value) + 1), value, value - 0.1, value + 0.1, clean)


def test_metrics_and_distances_stand_over_severity_beside_the_clean_value():
    metrics = {"AUC": line(0.8, 0.6, clean=0.9), "accuracy": line(0.7, 0.7, clean=0.75)}
    figure = robustness_figure({"blur": ("voxels", metrics, line(0.02, 40.0))})
    above, below = (axes for axes in figure.axes if axes.get_visible())
    assert above.get_title() == "blur"
    assert below.get_xlabel() == "voxels"
    drawn = {tuple(np.asarray(one.get_ydata()).tolist()) for one in above.lines}
    assert {(0.8, 0.6), (0.7, 0.7), (0.9, 0.9), (0.75, 0.75)} <= drawn
    assert below.get_yscale() == "log"
    assert below.get_ylim() == (0.01, 100.0)
    assert len(above.collections) == 2


def test_many_kinds_go_in_two_rows_of_panels():
    kinds = {f"kind {i}": ("u", {"AUC": line(0.5, 0.5)}, line(1.0, 2.0)) for i in range(6)}
    figure = robustness_figure(kinds)
    titles = [axes.get_title() for axes in figure.axes if axes.get_visible() and axes.get_title()]
    assert titles == list(kinds)


def test_every_out_of_distribution_set_has_a_panel_and_every_score_a_line():
    curve = (np.array([0.0, 0.2, 1.0]), np.array([0.0, 0.9, 1.0]))
    figure = ood_figure({"a": {"one": curve, "two": curve}, "b": {"one": curve, "two": curve}})
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
    assert all(len(axes.lines) == 3 for axes in figure.axes)


def test_the_choice_is_circled_on_its_curve():
    curves = {"cnn": ([0.0, 0.5, 1.0], [0.7, 0.9, 0.8]), "svm": ([0.0, 0.5, 1.0], [0.6, 0.7, 0.8])}
    (axes,) = fusion_figure(curves, ("cnn", 0.5), "AUC").axes
    circle = next(one for one in axes.lines if one.get_marker() == "o")
    assert circle.get_xydata().tolist() == [[0.5, 0.9]]
    assert axes.get_ylabel() == "Validation AUC"


def test_mean_and_sd_share_a_scale_and_zero_is_in_the_middle_of_signed_means():
    mean, sd = np.array([[[-2.0, 1.0], [0.0, 0.5]]]), np.array([[[0.5, 0.1], [0.2, 0.3]]])
    figure = maps_figure([mean], [sd], [ImageAxes("alpha H1", (0, 1), (0, 2))], ["ill"], label="effect")
    of_mean, of_sd = (axes.images[0] for axes in figure.axes[:2])
    assert of_mean.get_clim() == (-2.0, 2.0)
    assert of_sd.get_clim() == (0.0, 2.0)
    np.testing.assert_array_equal(of_mean.get_array(), mean[0])
    np.testing.assert_array_equal(of_sd.get_array(), sd[0])
    assert of_mean.get_extent() == [0, 1, 0, 2]


def test_maps_of_one_column_and_without_sign_are_drawn():
    mean = np.array([[[0.5], [1.0]]])
    figure = maps_figure([mean], [0 * mean], [ImageAxes("alpha H0", (0, 0), (0, 2))], ["a"], label="Grad-CAM")
    image = figure.axes[0].images[0]
    assert image.get_clim() == (0.0, 1.0)
    assert image.get_extent() == [-0.5, 0.5, 0, 2]
