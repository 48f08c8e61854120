"""A persistence diagram as a picture, a table, and what a notebook shows of it."""

from html import escape
from typing import Any

import numpy as np

from tdaflow.diagrams.diagram import PersistenceDiagram
from tdaflow.errors import InputError


def plotted(diagram: PersistenceDiagram, axes: Any = None) -> Any:
    """See `PersistenceDiagram.plot`."""
    drawn = _axes(axes, (4.5, 4.5))
    from tdaflow.diagrams.drawing import draw_diagram

    draw_diagram(drawn, diagram)
    drawn.set(xlabel="Birth", ylabel="Death", title=_title(diagram))
    return drawn


def plotted_barcode(diagram: PersistenceDiagram, axes: Any = None, count: int = 40) -> Any:
    """See `PersistenceDiagram.plot_barcode`."""
    drawn = _axes(axes, (6.5, 4.5))
    from tdaflow.diagrams.drawing import draw_barcode

    draw_barcode(drawn, diagram, count)
    drawn.set(xlabel="Birth to death", title=_title(diagram))
    return drawn


def as_dataframe(diagram: PersistenceDiagram) -> Any:
    """See `PersistenceDiagram.to_dataframe`."""
    try:
        import pandas
    except ImportError:
        raise InputError("a table of bars needs pandas; install it with: pip install pandas") from None

    bars = np.concatenate([np.zeros((0, 2)), *diagram.values()])
    dimensions = np.repeat(np.array(diagram.dimensions, dtype=np.int64), [len(pairs) for pairs in diagram.values()])
    columns = {"birth": bars[:, 0], "death": bars[:, 1], "persistence": bars[:, 1] - bars[:, 0]}
    return pandas.DataFrame({"homology_dimension": dimensions, **columns})


def as_html(diagram: PersistenceDiagram) -> str:
    """A small table: bars, essential bars, and the longest of every homology dimension."""
    rows = []
    for k, pairs in diagram.items():
        lengths = pairs[:, 1] - pairs[:, 0]
        longest = "–"
        if len(pairs):
            at = int(lengths.argmax())
            longest = f"{lengths[at]:.4g} (from {pairs[at, 0]:.4g} to {pairs[at, 1]:.4g})"
        rows.append(f"<tr><td>H{k}</td><td>{len(pairs):,}</td><td>{len(diagram.essential[k]):,}</td><td>{longest}</td>")
    head = "<tr><th>Dimension</th><th>Bars</th><th>Essential</th><th>Longest bar</th></tr>"
    title = escape(" ".join(["PersistenceDiagram", _title(diagram)]).strip())
    return f"<div><strong>{title}</strong><table>{head}{''.join(rows)}</table></div>"


def _title(diagram: PersistenceDiagram) -> str:
    known = [str(diagram.metadata[name]) for name in ("filtration", "volume") if diagram.metadata.get(name)]
    return " of ".join(known)


def _axes(axes: Any, size: tuple[float, float]) -> Any:
    if axes is not None:
        return axes
    try:
        from matplotlib import pyplot
    except ImportError:
        raise InputError("drawing needs matplotlib; install it with: pip install 'tdaflow[report]'") from None
    _, drawn = pyplot.subplots(figsize=size, layout="constrained")
    return drawn
