"""Diagrams as pictures, tables and HTML."""

import subprocess
import sys

import numpy as np
import pytest

from tdaflow import PersistenceDiagram, persistence_image
from tdaflow.errors import InputError

DIAGRAM = PersistenceDiagram(
    {0: [[0, 1], [0, 3]], 1: [[1, 2]], 2: []}, {0: [0.0]}, {"filtration": "alpha", "volume": "<b>ball</b>"}
)
RANGES = {"birth_range": (0, 3), "death_range": (0, 3), "sigma": 0.5, "resolution": 4}


@pytest.fixture(autouse=True)
def _without_a_screen():
    matplotlib = pytest.importorskip("matplotlib")
    backend = matplotlib.get_backend()
    matplotlib.use("agg")
    yield
    from matplotlib import pyplot

    pyplot.close("all")
    matplotlib.use(backend)


def test_a_plot_has_a_point_a_bar_and_the_diagonal():
    axes = DIAGRAM.plot()
    points = [collection.get_offsets() for collection in axes.collections]
    assert [len(of_dimension) for of_dimension in points] == [2, 1, 0]
    assert np.array_equal(points[0], DIAGRAM[0])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Birth", "Death")
    [diagonal] = axes.lines
    assert np.array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    assert "H1: 1 bar" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_a_barcode_has_the_longest_bars_and_is_drawn_where_it_is_told():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert DIAGRAM.plot_barcode(axes, count=1) is axes
    bars = [np.array(segment) for collection in axes.collections for segment in collection.get_segments()]
    assert [bar[:, 0].tolist() for bar in bars] == [[0, 3], [1, 2]]


@pytest.mark.parametrize("empty", [PersistenceDiagram({}), PersistenceDiagram({0: [], 1: []})])
def test_diagrams_without_bars_can_be_shown(empty):
    empty.plot()
    empty.plot_barcode()
    assert len(empty.to_dataframe()) == 0
    assert "<table>" in empty._repr_html_()


def test_a_table_has_a_row_a_bar():
    pytest.importorskip("pandas")
    table = DIAGRAM.to_dataframe()
    assert list(table.columns) == ["homology_dimension", "birth", "death", "persistence"]
    assert table.to_numpy().tolist() == [[0, 0, 1, 1], [0, 0, 3, 3], [1, 1, 2, 1]]
    assert table.homology_dimension.dtype == np.int64


def test_html_tells_bars_and_escapes_what_data_bring():
    shown = DIAGRAM._repr_html_()
    assert "<td>H0</td><td>2</td><td>1</td><td>3 (from 0 to 3)</td>" in shown
    assert "<b>" not in shown
    assert "&lt;b&gt;ball" in shown


def test_looking_at_a_diagram_loads_no_matplotlib_before_it_is_drawn():
    shown = "tdaflow.PersistenceDiagram({0: [[0, 1]]})._repr_html_()"
    script = f"import sys, tdaflow; {shown}; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "False\n"


def test_an_image_takes_a_diagram_where_it_is_clear_which_bars():
    expected = persistence_image(DIAGRAM[0], **RANGES)
    assert np.array_equal(persistence_image(DIAGRAM, dimension=0, **RANGES), expected)
    assert np.array_equal(persistence_image(PersistenceDiagram({0: DIAGRAM[0]}), **RANGES), expected)
    with pytest.raises(InputError, match="homology dimensions 0, 1, 2; choose one, such as dimension=1"):
        persistence_image(DIAGRAM, **RANGES)
    with pytest.raises(InputError, match="no homology dimension 3; it has: 0, 1, 2"):
        persistence_image(DIAGRAM, dimension=3, **RANGES)
    with pytest.raises(InputError, match="leave it out with plain pairs"):
        persistence_image(DIAGRAM[0], dimension=0, **RANGES)
