"""The loss curves of a PI-Net."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg

from tdaflow.report.figures_pinet import examples_figure, loss_figure


def test_curves_phases_and_the_kept_epoch_are_drawn():
    rates = [1e-3, 1e-3, 1e-4]
    epochs = [
        {"number": i, "loss": 1 / (i + 1), "val_loss": 2 / (i + 1), "learning_rate": rate}
        for i, rate in enumerate(rates)
    ]
    figure = loss_figure(epochs, chosen=2)
    (axes,) = figure.axes
    train, val = axes.get_lines()[:2]
    np.testing.assert_allclose(train.get_ydata(), [1, 1 / 2, 1 / 3])
    np.testing.assert_allclose(val.get_ydata(), [2, 1, 2 / 3])
    assert train.get_xdata().tolist() == [1, 2, 3]
    assert [text.get_text() for text in axes.texts] == ["0.001", "0.0001"]
    assert axes.get_yscale() == "log"
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["training", "validation", "kept"]
    FigureCanvasAgg(figure).draw()
    assert "1" in [label.get_text() for label in axes.get_yticklabels()]


def test_examples_stand_with_the_smallest_lifetime_below():
    images = np.zeros((1, 1, 3, 3))
    for origin in ("lower", "upper"):
        panels = examples_figure(images, images, ["x"], origin=origin).axes
        assert {panel.images[0].origin for panel in panels} == {origin}
