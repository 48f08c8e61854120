"""One figure of a volume: slices, superpixels, point cloud, diagrams and persistence images."""

import textwrap
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure, FigureBase

from tdaflow.report.example import Example
from tdaflow.report.figures_images import Column, images_figure, profiles_figure
from tdaflow.report.figures_topology import diagrams_figure
from tdaflow.report.figures_volume import cloud_figure, superpixels_figure
from tdaflow.report.run_data import Images, RunData
from tdaflow.report.style import PAGE_WIDTH, short, styled

_SLICES = 6


def inspection_images(run: RunData, identity: str) -> Images | None:
    """Return the images of one volume; None if the run has none of it."""
    if not run.has_images:
        return None
    (positions,) = np.nonzero(run.column("id") == identity)
    return run.images(positions[:1]) if len(positions) else None


@styled
def inspection_figure(example: Example, images: Images | None, units: dict[str, str]) -> Figure:
    """Draw slices with superpixels, point cloud, diagrams and barcodes, and persistence images, from top to bottom.

    Parameters
    ----------
    example : Example
    images : Images or None
        Images of this volume alone; None omits that part.
    units : dict of str to str
        Filtration → unit of its values.
    """
    n_filtrations = len({name for name, _ in example.diagrams})
    heights = [3.6, 3.6, *([3.3 * n_filtrations] if n_filtrations else [])]
    has_images = images is not None and images.values.shape[1] > 0
    has_vectors = images is not None and images.vectors.shape[1] > 0
    columns = max(1, min(4, images.values.shape[1])) if images is not None and has_images else 1
    n_rows = -(-images.values.shape[1] // columns) if images is not None and has_images else 0
    heights += [2.3 * n_rows] * has_images + [2.5] * has_vectors
    figure = Figure(figsize=(PAGE_WIDTH, sum(heights) + 0.5), layout="constrained")
    told = ", ".join(part for part in (example.class_name and f"class {example.class_name}", example.split) if part)
    title = f"{short(example.id, 80)}{f' ({short(told, 40)})' if told else ''}"
    figure.suptitle("\n".join([title, *textwrap.wrap(example.convention, 100)]), fontsize=9)
    parts = iter(np.ravel(figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights, hspace=0.04)))
    picked = example.slices[:: max(1, -(-len(example.slices) // _SLICES))]
    superpixels_figure(
        example.voxels, example.spacing, picked, example.labels, example.intensities, example.anatomy,
        unit=example.grey_unit, into=next(parts),
    )  # fmt: skip
    intensities = np.zeros(len(example.positions)) if example.intensities is None else example.intensities
    upright = example.anatomy.letters is not None
    cloud_figure(
        example.positions, intensities, unit=example.position_unit, grey_unit=example.grey_unit, upright=upright,
        into=next(parts),
    )  # fmt: skip
    if n_filtrations:
        diagrams_figure(example.diagrams, units, into=next(parts))
    if images is not None and has_images:
        part = next(parts)
        for row, sub in enumerate(np.ravel(part.subfigures(n_rows, 1, squeeze=False))):
            here = slice(row * columns, (row + 1) * columns)
            _row_of_images(sub, images, here, columns)
    if images is not None and has_vectors:
        profiles_figure(
            images.vectors[:1], images.vector_centres, images.vector_channels, ["this volume"], into=next(parts)
        )
    return figure


def _row_of_images(into: FigureBase, images: Images, here: slice, columns: int) -> None:
    channels = images.channels[here]
    parts = np.ravel(into.subfigures(1, columns, squeeze=False))
    for part, number in zip(parts, range(here.start, here.start + len(channels)), strict=False):
        column = Column(images.channels[number].title, images.values[0, number : number + 1])
        images_figure([column], [replace(images.channels[number], title="")], into=part)
