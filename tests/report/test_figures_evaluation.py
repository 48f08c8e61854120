"""Figures of predictions and sweeps."""

import numpy as np

from tdaflow.report.figures_evaluation import confusion_figure, curves_figure, reliability_figure, sweep_figure


def test_a_confusion_matrix_shows_counts_on_shares_of_the_true_class():
    axes = confusion_figure({"method": np.array([[3, 1], [0, 0]])}, ("a", "b")).axes[0]

    shares = axes.images[0].get_array()
    assert shares[0].tolist() == [0.75, 0.25]
    assert np.ma.getmaskarray(np.ma.masked_invalid(shares))[1].all()
    assert [text.get_text() for text in axes.texts] == ["3", "1", "0", "0"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Predicted class", "True class")


def test_curves_are_drawn_as_given_with_chance_behind_them():
    roc = {"m": (np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.8, 1.0]))}
    recall = {"m": (np.array([0.0, 1.0]), np.array([1.0, 0.4]))}

    left, right = curves_figure(roc, recall, prevalence=0.4).axes

    assert left.lines[1].get_ydata().tolist() == [0, 0.8, 1]
    assert right.lines[0].get_xdata().tolist() == [0, 1]
    assert list(right.lines[1].get_ydata()) == [0.4, 0.4]


def test_reliability_leaves_empty_bins_out():
    bins = {"count": np.array([0, 2]), "accuracy": np.array([np.nan, 0.5]), "confidence": np.array([np.nan, 0.9])}

    left, right = reliability_figure({"m": bins}).axes

    assert left.lines[1].get_xydata().tolist() == [[0.9, 0.5]]
    assert right.patches[0].get_data().values.tolist() == [0, 1]


def test_a_sweep_has_its_values_and_a_frame_around_the_chosen_cell():
    values = np.array([[0.5, np.nan], [0.7, 0.9]])

    axes = sweep_figure(
        values, ("H1", "H2"), ("0.9", "0.95"), row_label="Channels", column_label="ε", metric="AUC", chosen=(1, 1)
    ).axes[0]

    assert [text.get_text() for text in axes.texts] == ["0.500", "0.700", "0.900"]
    assert axes.lines[0].get_xydata().mean(axis=0).round().tolist() == [1, 1]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.9", "0.95"]
