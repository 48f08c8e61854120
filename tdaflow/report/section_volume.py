"""Section on one volume of the run, with Figures 1–4 of Zhu et al. 2024."""

import numpy as np

from tdaflow.diagrams.drawing import LONGEST_BARS, bars
from tdaflow.errors import InputError
from tdaflow.report.blocks import FigureBlock, Section, figure_block
from tdaflow.report.example import Example, read_example
from tdaflow.report.figures_topology import diagrams_figure
from tdaflow.report.figures_volume import cloud_figure, slices_figure, superpixels_figure
from tdaflow.report.run_data import RunData

# More points would draw the surface of a head.
_POINTS = 2000


def volume_section(run: RunData) -> Section | None:
    """Build the section; None without a volume store."""
    row = _shown(run)
    if row is None:
        return None
    section = Section("volume", "From a volume to its bars")
    try:
        example = read_example(run, row)
    except (InputError, OSError) as error:
        section.paragraphs.append(f"No volume is shown: {error}")
        return section
    section.paragraphs.append(
        f"Shown is {_name(example)}, one volume of the run; {run.command('inspect', example.id)} draws it, or another "
        "whose id is given."
    )
    if run.scans:
        section.items += [_slices(example), _superpixels(example)]
        if example.intensities is not None and len(example.positions) <= _POINTS:
            section.items.append(_cloud(example))
    if example.diagrams:
        section.items.append(_bars(run, example))
    return section


def _shown(run: RunData) -> int | None:
    """Return the row of a training volume of class 0, as in Zhu et al. 2024, else of the first usable volume."""
    if run.volumes is None or not len(run.rows):
        return None
    rows = run.rows
    good = np.array([run.state.get("outcomes", {}).get(str(i), "ok") == "ok" for i in rows.id])
    for wanted in (good & (rows.label == 0) & (rows.split == "train"), good & (rows.label == 0), good):
        if wanted.any():
            return int(np.flatnonzero(wanted)[0])
    return None


def _name(example: Example) -> str:
    return f"{example.id} (class {example.class_name})" if example.class_name else example.id


def _slices(example: Example) -> FigureBlock:
    shape = " × ".join(map(str, example.voxels.shape))
    spacing = " × ".join(f"{s:g}" for s in example.spacing)
    return figure_block(
        slices_figure(example.voxels, example.spacing, example.slices, example.anatomy, unit=example.grey_unit),
        "Slices of the volume",
        f"{_name(example)}: {shape} voxels (z, y, x) of {spacing} mm. {example.convention}",
        f"{len(example.slices)} grey slices of the volume, intensities from {example.voxels.min():g} to "
        f"{example.voxels.max():g}.",
        scans=[example.id],
    )


def _superpixels(example: Example) -> FigureBlock:
    n = len(example.positions)
    return figure_block(
        superpixels_figure(
            example.voxels,
            example.spacing,
            example.slices,
            example.labels,
            example.intensities,
            example.anatomy,
            unit=example.grey_unit,
        ),
        "Superpixels on slices",
        f"The volume is divided into {n:,} superpixels (orange borders, above). Each has one smoothed intensity; "
        "below, every superpixel is filled with it. The following steps use only these intensities and positions.",
        f"The same slices divided into superpixels, {n:,} in the whole volume, and a coarse version below in which "
        "each superpixel has one grey level.",
        scans=[example.id],
    )


def _cloud(example: Example) -> FigureBlock:
    assert example.intensities is not None
    n = len(example.positions)
    return figure_block(
        cloud_figure(
            example.positions, example.intensities, unit=example.position_unit,
            grey_unit=example.grey_unit, upright=example.anatomy.letters is not None,
        ),
        "The point cloud",
        f"The {n:,} superpixels as points (z, y, x, I), seen from two sides; the colour is the fourth coordinate, the "
        "intensity I, and brighter points are drawn larger so that those inside can be seen.",
        f"Three-dimensional scatter plot of {n:,} points, coloured by intensity from {example.intensities.min():g} to "
        f"{example.intensities.max():g}.",
        scans=[example.id],
    )  # fmt: skip


def _bars(run: RunData, example: Example) -> FigureBlock:
    names = dict.fromkeys(name for name, _ in example.diagrams)
    counts = ", ".join(f"{name} H{d} {bars(len(pairs))}" for (name, d), pairs in example.diagrams.items())
    return figure_block(
        diagrams_figure(example.diagrams, {name: run.unit(name) for name in names}),
        "Persistence diagram and barcode",
        "Left: each point is one feature (H0 components, H1 loops, H2 cavities) with birth x and death y; its distance "
        f"from the dashed diagonal is its persistence. Right: the {LONGEST_BARS} longest of each dimension as bars "
        "from birth to death.",
        f"Persistence diagram and barcode of the volume: {counts}.",
    )
