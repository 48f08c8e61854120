"""Figures of persistence images: means of classes (as Figure 5 of Zhu et al. 2024) and differences between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import FigureBase
from matplotlib.ticker import MaxNLocator

from tdaflow.report.style import (
    DIVERGING,
    PAGE_WIDTH,
    SEQUENTIAL,
    bare,
    canvas,
    colour,
    colour_bar,
    ends,
    line_style,
    short,
    styled,
)

# Most pixels along a side of a drawn image; larger ones are averaged in blocks.
_LARGEST = 100
# Largest width of a panel, its height by its width, and width for names and colour bars, in inches.
_WIDEST, _ASPECT, _BESIDE = 2.5, 0.52, 2.2
# Width of a panel that has room for long labels.
_ROOMY = 1.3
# Share of the mass of the images that may be left out at each end of an axis.
_BEYOND = 0.005
_CONTOUR = "#000000"


@dataclass(frozen=True)
class ImageAxes:
    """Title and axes of one channel.

    Attributes
    ----------
    title : str
        Such as "alpha H2".
    birth_range, second_range : tuple of 2 float
        Ranges of the axes.
    second : str
        "Persistence" or "Death", the title of the second axis.
    unit : str
        Unit of both axes.
    """

    title: str
    birth_range: tuple[float, float]
    second_range: tuple[float, float]
    second: str = "Persistence"
    unit: str = ""


@dataclass(frozen=True)
class Column:
    """A column of panels, one for each channel.

    Attributes
    ----------
    title : str
    images : float array (channel, y, x)
        Row 0 is the smallest persistence; NaN pixels are left blank.
    difference : bool
        True for a colour scale centred at 0; others have one from 0 that they share.
    significant : bool array (channel, y, x) or None
        Regions to outline; None if nothing was tested.
    """

    title: str
    images: np.ndarray
    difference: bool = False
    significant: np.ndarray | None = None


@styled
def images_figure(
    columns: Sequence[Column],
    channels: Sequence[ImageAxes],
    *,
    label: str = "Weighted density",
    into: FigureBase | None = None,
) -> FigureBase:
    """Draw images, a row a channel, over the part of the plane that holds all but 1 % of their mass.

    Parameters
    ----------
    columns : sequence of Column
        Those of one kind of colour scale beside each other.
    channels : sequence of ImageAxes
    label : str
        Title of the colour scale that is not of differences.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    width = min((PAGE_WIDTH - _BESIDE) / len(columns), _WIDEST)
    height = max(_ASPECT * width, 0.7)
    figure = canvas(len(columns) * width + _BESIDE, len(channels) * (height + 0.42) + 0.3, into)
    panels = figure.subplots(len(channels), len(columns), squeeze=False)
    kinds = list(dict.fromkeys(column.difference for column in columns))
    for c, channel in enumerate(channels):
        shown = [k for k, column in enumerate(columns) if not column.difference] or range(len(columns))
        rows, across = _view(np.stack([columns[k].images[c] for k in shown]))
        for difference in kinds:
            group = [k for k, column in enumerate(columns) if column.difference == difference]
            highest = max(float(np.nanmax(np.abs(columns[k].images[c]), initial=0)) for k in group) or 1.0
            limits = (-highest if difference else 0.0, highest)
            for k in group:
                drawn = _panel(panels[c, k], columns[k], c, channel, limits, rows, across)
            bar = colour_bar(
                figure, drawn, ax=list(panels[c, group]), location="right", fraction=0.04, pad=0.01, aspect=14
            )
            bar.set_label("Difference" if difference else label, fontsize=6.5)
            at = _both(limits) if difference else ends(*limits)
            bar.set_ticks(at[0], labels=at[1])
            bar.ax.tick_params(labelsize=6)
        _scale(panels[c, 0], channel, 4 if width > _ROOMY else 2)
        if channel.title:
            panels[c, 0].annotate(
                short(channel.title, 22), (0, 0.5), xytext=(-46, 0), xycoords="axes fraction",
                textcoords="offset points", ha="right", va="center",
            )  # fmt: skip
    for k, column in enumerate(columns):
        panels[0, k].set_title(short(column.title, int(width * 18)), fontsize=8 if width > _ROOMY else 6.5)
    return figure


@styled
def profiles_figure(
    profiles: np.ndarray,
    centres: np.ndarray,
    channels: Sequence[ImageAxes],
    names: Sequence[str],
    *,
    into: FigureBase | None = None,
) -> FigureBase:
    """Draw one-column persistence images as curves: one panel per channel, one line per class.

    Parameters
    ----------
    profiles : float array (class, channel, y)
    centres : float array (channel, y)
        Persistence at the pixels.
    channels : sequence of ImageAxes
    names : sequence of str
        Names of the classes.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    figure = canvas(PAGE_WIDTH, 2.9, into)
    panels = figure.subplots(1, len(channels), squeeze=False)[0]
    for index, (axes, channel) in enumerate(zip(panels, channels, strict=True)):
        for k, name in enumerate(names):
            axes.plot(
                centres[index], profiles[k, index], color=colour(k), linestyle=line_style(k), linewidth=1.7,
                label=short(name, 24),
            )  # fmt: skip
        axes.set(title=channel.title, xlabel=_labelled(channel.second, channel.unit), ylabel="Weighted density")
        axes.set_ylim(bottom=min(0.0, float(np.nanmin(profiles[:, index]))))
        axes.grid(visible=True, linewidth=0.5)
    if len(names) > 1:
        handles, texts = panels[0].get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside right upper", handlelength=2.6)
    return figure


def thinned(image: np.ndarray, largest: int = _LARGEST) -> np.ndarray:
    """Average blocks of pixels so that neither of the last two axes is longer than `largest`."""
    height, width = image.shape[-2:]
    for axis, size in ((-2, height), (-1, width)):
        step = -(-size // largest)
        if step > 1:
            starts = np.arange(0, size, step)
            counts = np.diff(np.append(starts, size))
            shape = (-1, 1) if axis == -2 else (-1,)
            image = np.add.reduceat(image, starts, axis=axis) / counts.reshape(shape)
    return image


def outline(mask: np.ndarray, birth_range: tuple[float, float], second_range: tuple[float, float]) -> np.ndarray:
    """Return the outline of a region along its pixels, closed at the edge of the image.

    Parameters
    ----------
    mask : bool array (rows, columns)
        Row 0 at the lower end of `second_range`.
    birth_range, second_range : tuple of 2 float
        Ranges of the image.

    Returns
    -------
    float64 array (n, 2, 2)
        Ends (birth, second) of line segments.
    """
    rows, columns = mask.shape
    padded = np.pad(mask, 1)
    i, j = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    upright = np.stack([[j, i], [j, i + 1]]).transpose(2, 0, 1)
    i, j = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])
    level = np.stack([[j, i], [j + 1, i]]).transpose(2, 0, 1)
    low = np.array([birth_range[0], second_range[0]])
    size = np.array([birth_range[1], second_range[1]]) - low
    return np.concatenate([upright, level]) / (columns, rows) * size + low


def _view(images: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns that hold all but `_BEYOND` of the mass of images (n, y, x) at each end."""
    mass = np.nan_to_num(np.abs(images)).sum(axis=0)
    if not mass.any():
        return slice(None), slice(None)
    found = []
    for axis in (1, 0):
        share = np.cumsum(mass.sum(axis=axis)) / mass.sum()
        first = int(np.searchsorted(share, _BEYOND, side="right"))
        last = int(np.searchsorted(share, 1 - _BEYOND))
        found.append(slice(max(first - 1, 0), min(last + 2, len(share))))
    return found[0], found[1]


def _panel(
    axes: Axes,
    column: Column,
    c: int,
    channel: ImageAxes,
    limits: tuple[float, float],
    rows: slice,
    across: slice,
) -> Any:
    image = column.images[c]
    births, seconds = (
        np.linspace(*ends_of, n + 1)[[part.indices(n)[0], part.indices(n)[1]]]
        for ends_of, n, part in (
            (channel.birth_range, image.shape[1], across), (channel.second_range, image.shape[0], rows)
        )
    )  # fmt: skip
    drawn = axes.imshow(
        thinned(image), cmap=DIVERGING if column.difference else SEQUENTIAL, vmin=limits[0], vmax=limits[1],
        origin="lower", extent=(*channel.birth_range, *channel.second_range), aspect="auto", interpolation="none",
    )  # fmt: skip
    bare(axes)
    axes.set(xlim=births, ylim=seconds)
    if column.significant is not None:
        mask = column.significant[c]
        if mask.any():
            segments = outline(mask, channel.birth_range, channel.second_range)
            axes.add_collection(LineCollection(list(segments), colors=_CONTOUR, linewidths=0.9))
        axes.text(
            0.97, 0.95, _share(float(mask.mean())) if np.abs(image).max() > 0 else "identical",
            transform=axes.transAxes, ha="right", va="top", fontsize=6, color="#000000",
            path_effects=[patheffects.withStroke(linewidth=1.5, foreground="#ffffff")],
        )  # fmt: skip
    return drawn


def _scale(axes: Axes, channel: ImageAxes, n_ticks: int) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(n_ticks))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(labelsize=6)
    axes.set_xlabel(_labelled("Birth", channel.unit), fontsize=6.5, labelpad=1, loc="left")
    axes.set_ylabel(channel.second, fontsize=6.5, labelpad=1)


def _both(limits: tuple[float, float]) -> tuple[list[float], list[str]]:
    (low, high), (first, last) = ends(*limits)
    return [low, 0.0, high], [first, "0", f"+{last}"]


def _share(share: float) -> str:
    if share == 0:
        return "none significant"
    return f"{100 * share:.0f} % significant" if share >= 0.01 else "< 1 % significant"


def _labelled(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name
