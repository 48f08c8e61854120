"""Figures of slices, superpixels on slices, and the point cloud (Figures 1–3 of Zhu et al. 2024).

Zhu et al., "Persistence Image from 3D Medical Image: Superpixel and Optimized Gaussian Coefficient" (2024).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import FigureBase

from tdaflow.extents import intensity_extent
from tdaflow.report.style import (
    ANATOMY,
    FAINT,
    INK,
    MUTED,
    PAGE_WIDTH,
    SEQUENTIAL,
    bare,
    canvas,
    colour_bar,
    short,
    styled,
)
from tdaflow.store.anatomy import Anatomy, Letters

# Most voxels along a side of a drawn slice; larger ones are subsampled.
_LARGEST = 256
# Thumbnails in a row, as fit a telephone; inches of one; characters of the id above it, whose end tells volumes apart.
_THUMBNAILS, _SIDE, _ID = 3, 1.65, 24
_BOUNDARY = "#e69f00"

Spacing = tuple[float, float, float]
UNKNOWN = Anatomy()


@dataclass(frozen=True)
class Thumbnail:
    """One slice of a volume.

    Attributes
    ----------
    id, title : str
        What is written above it.
    pixels : array (y, x)
    spacing : tuple of 2 float
        In mm along y, x.
    limits : tuple of 2 float
        Of the grey scale.
    letters : Letters or None
        None if the orientation is unknown.
    """

    id: str
    title: str
    pixels: np.ndarray
    spacing: tuple[float, float]
    limits: tuple[float, float]
    letters: Letters | None


@styled
def thumbnails_figure(shown: Sequence[Thumbnail], *, into: FigureBase | None = None) -> FigureBase:
    """Draw slices of several volumes, each on its own grey scale, with their ids.

    Parameters
    ----------
    shown : sequence of Thumbnail
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    columns = min(len(shown), _THUMBNAILS)
    rows = -(-len(shown) // columns)
    figure = canvas(columns * _SIDE, rows * (_SIDE + 0.35) + 0.1, into)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, one in zip(panels, shown, strict=False):
        _slice(panel, one.pixels, (0.0, *one.spacing), one.limits, one.letters)
        name = one.id if len(one.id) <= _ID else f"…{one.id[1 - _ID :]}"
        panel.set_title(f"{name}\n{short(one.title, _ID + 4)}", fontsize=6.5)
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    return figure


@styled
def slices_figure(
    voxels: np.ndarray,
    spacing: Spacing,
    at: Sequence[int],
    anatomy: Anatomy = UNKNOWN,
    *,
    unit: str = "grey levels",
    into: FigureBase | None = None,
) -> FigureBase:
    """Draw axial slices of a volume side by side on one grey scale, with letters where its orientation is known.

    Parameters
    ----------
    voxels : array (z, y, x)
        Finite, in the volume's own units; turned upright.
    spacing : tuple of 3 float
        In mm along z, y, x.
    at : sequence of int
        Indices of the slices along z.
    anatomy : Anatomy
        Of these voxels.
    unit : str
        Of the voxels.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    columns = len(at) if len(at) <= 6 else 4
    rows = -(-len(at) // columns)
    figure = canvas(PAGE_WIDTH, _slice_height(voxels, spacing, columns, rows), into)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    limits = window(voxels)
    for panel, z in zip(panels, at, strict=False):
        drawn = _slice(panel, voxels[z], spacing, limits, anatomy.letters)
        panel.set_title(height_text(anatomy, voxels.shape, z, spacing))
    for panel in panels[len(at) :]:
        panel.set_visible(False)
    _millimetres(panels[(rows - 1) * columns], anatomy)
    bar = colour_bar(figure, drawn, ax=list(panels), fraction=0.03, pad=0.01, aspect=30)
    bar.set_label(f"Intensity ({unit})")
    return figure


@styled
def superpixels_figure(
    voxels: np.ndarray,
    spacing: Spacing,
    at: Sequence[int],
    labels: np.ndarray,
    intensities: np.ndarray | None,
    anatomy: Anatomy = UNKNOWN,
    *,
    unit: str = "grey levels",
    into: FigureBase | None = None,
) -> FigureBase:
    """Draw the borders of superpixels on slices, and below the slices with one intensity per superpixel.

    Parameters
    ----------
    voxels : array (z, y, x)
    spacing : tuple of 3 float
        In mm along z, y, x.
    at : sequence of int
        Indices of the slices along z.
    labels : integer array (z, y, x)
        Superpixel of every voxel, from 1.
    intensities : array (n,) or None
        Intensity of superpixel k at index k − 1; None omits the second row.
    anatomy : Anatomy
        Of these voxels.
    unit : str
        Of the voxels.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    rows = 1 if intensities is None else 2
    figure = canvas(PAGE_WIDTH, _slice_height(voxels, spacing, len(at), rows), into)
    panels = figure.subplots(rows, len(at), squeeze=False)
    limits = window(voxels)
    for column, z in enumerate(at):
        top = panels[0, column]
        drawn = _slice(top, voxels[z], spacing, limits, anatomy.letters)
        top.add_collection(LineCollection(list(borders(labels[z], spacing)), colors=_BOUNDARY, linewidths=0.6))
        top.set_title(height_text(anatomy, voxels.shape, z, spacing))
        if intensities is not None:
            _slice(panels[1, column], intensities[labels[z].astype(np.int64) - 1], spacing, limits, None)
    _millimetres(panels[-1, 0], anatomy)
    bar = colour_bar(figure, drawn, ax=list(panels.ravel()), fraction=0.03, pad=0.01, aspect=30)
    bar.set_label(f"Intensity ({unit})")
    return figure


def borders(labels: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Return the lines between pixels of different labels, straight ones in one piece.

    Parameters
    ----------
    labels : integer array (y, x)
    spacing : tuple of 3 float
        In mm along z, y, x.

    Returns
    -------
    float64 array (n, 2, 2)
        Ends (x, y) in mm; pixel (i, j) has its centre at (j·s_x, i·s_y).
    """
    _, s_y, s_x = spacing
    at, start, stop = _straight(labels[:, 1:] != labels[:, :-1])
    upright = np.stack([[at + 0.5, start - 0.5], [at + 0.5, stop - 0.5]], axis=0).transpose(2, 0, 1)
    at, start, stop = _straight((labels[1:] != labels[:-1]).T)
    level = np.stack([[start - 0.5, at + 0.5], [stop - 0.5, at + 0.5]], axis=0).transpose(2, 0, 1)
    return np.concatenate([upright, level]) * (s_x, s_y)


def _straight(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return column, first row and end of every run of True down the columns."""
    changes = np.diff(edges.T.astype(np.int8), axis=1, prepend=0, append=0)
    (at, start), (_, stop) = np.nonzero(changes > 0), np.nonzero(changes < 0)
    return at, start, stop


@styled
def cloud_figure(
    positions: np.ndarray,
    intensities: np.ndarray,
    *,
    unit: str = "mm",
    grey_unit: str = "grey levels",
    upright: bool = False,
    azimuths: Sequence[float] = (-60.0, 30.0),
    into: FigureBase | None = None,
) -> FigureBase:
    """Draw the point cloud in space, with colour as its fourth coordinate, from one or more sides.

    Parameters
    ----------
    positions : float array (n, 3)
        z, y, x.
    intensities : float array (n,)
    unit, grey_unit : str
        Units of the positions and of the intensities.
    upright : bool
        True if x, y and z point to left, posterior and superior.
    azimuths : sequence of float
        Degrees about the z axis, one per panel.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    figure = canvas(PAGE_WIDTH, 4.4, into)
    z, y, x = positions.T
    limits = window(intensities)
    brightness = np.clip((intensities - limits[0]) / ((limits[1] - limits[0]) or 1.0), 0, 1)
    # Points fill the whole volume; small dark points do not hide the bright ones behind them.
    sizes = (4 + 22 * brightness) * (1.0 if len(z) < 2000 else 0.4)
    panels = []
    for number, azimuth in enumerate(azimuths):
        axes: Any = figure.add_subplot(1, len(azimuths), number + 1, projection="3d")
        drawn = axes.scatter(
            x, y, z, c=intensities, cmap=SEQUENTIAL, vmin=limits[0], vmax=limits[1], s=sizes,
            alpha=0.5 + 0.5 * brightness, depthshade=False, edgecolors=MUTED, linewidths=0.2, rasterized=len(z) > 1500,
        )  # fmt: skip
        axes.view_init(elev=18, azim=azimuth)
        axes.set_box_aspect([max(float(np.ptp(axis)), 1e-9) for axis in (x, y, z)], zoom=0.88)
        names = ("R–L", "A–P", "I–S") if upright else ("x", "y", "z")
        axes.set(xlabel=f"{names[0]} ({unit})", ylabel=f"{names[1]} ({unit})")
        axes.set_zlabel(f"{names[2]} ({unit})")
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.pane.set(facecolor="none", edgecolor=FAINT)
            axis.line.set_color(INK)
            axis.set_tick_params(pad=0)
            axis._axinfo["grid"].update(color=FAINT, linewidth=0.5)
        panels.append(axes)
    bar = colour_bar(figure, drawn, ax=panels, fraction=0.025, pad=0.04, aspect=24, shrink=0.75)
    bar.set_label(f"Intensity I ({grey_unit})")
    return figure


def height_text(anatomy: Anatomy, shape: tuple[int, ...], z: int, spacing: Spacing) -> str:
    """Return the place of a slice: its world coordinate along superior, or mm from the first one if that is unknown."""
    height = anatomy.height(shape, z)
    if height is None:
        return f"z = {z * spacing[0]:.4g} mm"
    return f"{'S' if height >= 0 else 'I'} {abs(height):.4g} mm"


def window(voxels: np.ndarray) -> tuple[float, float]:
    """Return the range of the grey scale (1–99 % of the values), which a single outlier cannot stretch."""
    extent = intensity_extent(voxels)
    return extent.low, extent.high


def draw_letters(axes: Axes, letters: Letters | None) -> None:
    """Write the letters of the directions at the edges of a slice."""
    around = ((0.02, 0.5, "left", "center"), (0.98, 0.5, "right", "center"), (0.5, 0.98, "center", "top"),
              (0.5, 0.02, "center", "bottom"))  # fmt: skip
    for letter, (x, y, across, up) in zip(letters or (), around, strict=False):
        axes.text(
            x, y, letter, transform=axes.transAxes, ha=across, va=up, fontsize=6.5, color="#ffffff",
            path_effects=[patheffects.withStroke(linewidth=1.4, foreground="#000000")],
        )  # fmt: skip


def _slice(
    axes: Axes, pixels: np.ndarray, spacing: Spacing, limits: tuple[float, float], letters: Letters | None
) -> Any:
    _, s_y, s_x = spacing
    n_y, n_x = pixels.shape
    step = max(1, -(-max(n_y, n_x) // _LARGEST))
    bare(axes)
    draw_letters(axes, letters)
    return axes.imshow(
        pixels[::step, ::step],
        cmap=ANATOMY,
        vmin=limits[0],
        vmax=limits[1],
        interpolation="none",
        extent=(-0.5 * s_x, (n_x - 0.5) * s_x, (n_y - 0.5) * s_y, -0.5 * s_y),
    )


def _slice_height(voxels: np.ndarray, spacing: Spacing, columns: int, rows: int) -> float:
    _, n_y, n_x = voxels.shape
    ratio = n_y * spacing[1] / (n_x * spacing[2])
    return float(np.clip(0.9 * PAGE_WIDTH / columns * ratio + 0.25, 0.8, 5) * rows + 0.25)


def _millimetres(axes: Axes, anatomy: Anatomy) -> None:
    """Label the axes of a panel in mm."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    wide, high = (round(abs(b - a), 3) for a, b in ((left, right), (bottom, top)))
    axes.set_xticks([left, right], ["0", f"{wide:.4g}"])
    axes.set_yticks([top, bottom], ["0", f"{high:.4g}"])
    axes.set(xlabel="mm" if anatomy.letters else "x (mm)", ylabel="mm" if anatomy.letters else "y (mm)")
