"""The picture of the README: a scan, its superpixels, its diagram, its persistence image, and a loop in the scan.

TDAFLOW_DATA=DIR python .docs/overview.py      # needs the head CT of dcm_qa_ct in DIR/dicom/ge_head_ct
"""

import os
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import FigureBase
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import Delaunay

import tdaflow
from tdaflow.diagrams.drawing import draw_diagram
from tdaflow.report.figures_volume import borders
from tdaflow.report.style import ANATOMY, SEQUENTIAL, bare, canvas, styled
from tdaflow.sources import Dicom
from tdaflow.superpixels import superpixels

# Four slices of bone, brain and air; grey values in HU.
BLOCK, WINDOW, SHOWN = np.s_[17:21, 95:490, 110:430], (0, 1200), 2
RESOLUTION = 32
LOOP, GRID = "#e8590c", "#e69f00"


def loop_of(points: np.ndarray, birth: float, edge: np.ndarray) -> np.ndarray:
    """Return the points of a shortest loop through the edge that closes it, along edges that are not longer.

    Parameters
    ----------
    points : float64 array (n, 4)
    birth : float
        Of the bar of homology dimension 1: half the length of the edge.
    edge : integer array (2,)
        Where the bar is born.
    """
    corners = Delaunay(points).simplices
    ends = np.unique(np.sort(np.concatenate([corners[:, [i, j]] for i in range(5) for j in range(i)]), axis=1), axis=0)
    lengths = np.linalg.norm(points[ends[:, 0]] - points[ends[:, 1]], axis=1)
    there = (lengths <= 2 * birth * (1 + 1e-9)) & ~(ends == np.sort(edge)).all(axis=1)
    graph = coo_array((lengths[there], ends[there].T), shape=(len(points), len(points)))
    previous = dijkstra(graph, directed=False, indices=edge[0], return_predecessors=True)[1]
    path = [int(edge[1])]
    while path[-1] != edge[0]:
        path.append(int(previous[path[-1]]))
    return np.array([*path, path[0]])


@styled
def overview(voxels: np.ndarray, spacing: tuple[float, float, float]) -> FigureBase:
    """Draw the five panels."""
    cloud = superpixels(np.clip(voxels, *WINDOW), 600, spacing=spacing)
    diagram = tdaflow.persistence_diagram(cloud.points, locations=True)
    births, persistences = diagram[1][:, 0], diagram[1][:, 1] - diagram[1][:, 0]
    strongest = int(np.argmax(persistences))
    loop = loop_of(cloud.points, births[strongest], diagram.locations[1][strongest, 0, :2])
    across, up = (0.0, float(births.max())), (0.0, float(persistences.max()))
    sigma = tdaflow.sigma_from_epsilon(0.9, across, up, RESOLUTION)
    image = tdaflow.persistence_image(
        diagram[1], birth_range=across, death_range=up, sigma=sigma, resolution=RESOLUTION, weight="linear"
    )

    figure = canvas(10.0, 2.5)
    scan, cells, plane, picture, found = figure.subplots(1, 5, width_ratios=(1, 1, 1.15, 1.15, 1))
    high, wide = (n * s for n, s in zip(voxels.shape[1:], spacing[1:], strict=True))
    titles = {scan: "a scan (CT of a head)", cells: "superpixels", found: "the loop in the scan"}
    for panel, title in titles.items():
        panel.imshow(voxels[SHOWN], cmap=ANATOMY, vmin=-100, vmax=600, extent=(0, wide, high, 0))
        panel.set_title(title)
        panel.set(xlim=(0, wide), ylim=(high, 0))
        bare(panel)
    rows, columns = (np.arange(n) * g // n for n, g in zip(voxels.shape[1:], cloud.grid_shape[1:], strict=True))
    lines = borders(rows[:, None] * len(columns) + columns, spacing)
    cells.add_collection(LineCollection(list(lines), colors=GRID, linewidths=0.5), autolim=False)
    draw_diagram(plane, {k: diagram[k] for k in (1, 2)})
    plane.plot(
        *diagram[1][strongest], "o", markersize=9, markerfacecolor="none", markeredgecolor=LOOP, markeredgewidth=1.6
    )
    plane.set(title="persistence diagram", xlabel="birth (mm)", ylabel="death (mm)")
    picture.imshow(image, origin="lower", cmap=SEQUENTIAL, aspect="auto", extent=(*across, *up))
    picture.set(title="persistence image (H1)", xlabel="birth (mm)", ylabel="persistence (mm)")
    y, x = cloud.positions[loop, 1] * spacing[1], cloud.positions[loop, 2] * spacing[2]
    found.plot(x, y, color=LOOP, linewidth=1.6, marker="o", markersize=2.5)
    return figure


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        key = Path(scratch, "id.key")
        key.write_text("0" * 64)
        key.chmod(0o600)
        series = Path(os.environ["TDAFLOW_DATA"], "dicom", "ge_head_ct")
        head = next(iter(Dicom(series, id_key=key, allow_uneven=True).volumes()))
    overview(head.voxels[BLOCK], head.spacing).savefig(Path(__file__).with_suffix(".png"), dpi=150, facecolor="white")
