"""Figures of persistence images: by class (Figure 5 of Zhu et al. 2024), and differences between classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import FigureBase

from tdaflow.report.style import (
    DIVERGING,
    PAGE_WIDTH,
    SEQUENTIAL,
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
# Largest side of a panel, and width for names and colour bars, in inches.
_SIDE, _BESIDE = 1.7, 1.9
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


@styled
def images_figure(
    images: np.ndarray,
    channels: Sequence[ImageAxes],
    names: Sequence[str],
    *,
    label: str = "Weighted density",
    into: FigureBase | None = None,
) -> FigureBase:
    """Draw persistence images; each channel has a colour scale from 0 that all classes share.

    Parameters
    ----------
    images : float array (class, channel, y, x)
        Row 0 is the smallest persistence; NaN pixels are left blank.
    channels : sequence of ImageAxes
    names : sequence of str
        Names of the classes.
    label : str
        Title of the colour scale.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    highest = [float(np.nanmax(images[:, c], initial=0)) or 1.0 for c in range(len(channels))]
    limits = [(0.0, high) for high in highest]
    return _grid(images, None, None, channels, names, limits, SEQUENTIAL, label, into)


@styled
def differences_figure(
    differences: np.ndarray,
    significant: np.ndarray | None,
    channels: Sequence[ImageAxes],
    names: Sequence[str],
    *,
    into: FigureBase | None = None,
) -> FigureBase:
    """Draw differences of class means, colour scale centred at 0, with significant regions outlined.

    Parameters
    ----------
    differences : float array (contrast, channel, y, x)
    significant : bool array (contrast, channel, y, x) or None
        None if nothing was tested.
    channels : sequence of ImageAxes
    names : sequence of str
        Names of the contrasts.
    into : FigureBase, optional
        Draw into this instead of a new figure.
    """
    highest = [float(np.nanmax(np.abs(differences[:, c]), initial=0)) or 1.0 for c in range(len(channels))]
    limits = [(-high, high) for high in highest]
    notes = None
    if significant is not None:
        shares = significant.mean(axis=(2, 3))
        changed = np.abs(differences).max(axis=(2, 3)) > 0
        notes = [
            [_share(share) if varies else "identical" for share, varies in zip(*pair, strict=True)]
            for pair in zip(shares, changed, strict=True)
        ]
    return _grid(differences, significant, notes, channels, names, limits, DIVERGING, "Difference", into)


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
                centres[index], profiles[k, index], color=colour(k), linestyle=line_style(k), linewidth=1.5,
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


def _grid(
    images: np.ndarray,
    significant: np.ndarray | None,
    notes: Sequence[Sequence[str]] | None,
    channels: Sequence[ImageAxes],
    names: Sequence[str],
    limits: Sequence[tuple[float, float]],
    colours: str,
    label: str,
    into: FigureBase | None,
) -> FigureBase:
    # Classes or channels, whichever are more, go across the page.
    across = len(names) >= len(channels)
    rows, columns = (len(channels), len(names)) if across else (len(names), len(channels))
    side = min((PAGE_WIDTH - _BESIDE) / columns, _SIDE)
    more = 0.32 + (0.14 if notes else 0.0) if across else 0.1 + (0.14 if notes else 0.0)
    figure = canvas(columns * side + _BESIDE, rows * (side + more) + (0.35 if across else 1.2), into)
    panels = figure.subplots(rows, columns, squeeze=False)
    if not across:
        panels = panels.T
    for c, channel in enumerate(channels):
        for k in range(len(names)):
            axes = panels[c, k]
            drawn = _image(axes, images[k, c], channel, limits[c], colours)
            if significant is not None and significant[k, c].any():
                segments = outline(significant[k, c], channel.birth_range, channel.second_range)
                axes.add_collection(LineCollection(list(segments), colors=_CONTOUR, linewidths=0.9))
            if notes is not None:
                axes.text(0.5, -0.03, notes[k][c], transform=axes.transAxes, ha="center", va="top", fontsize=6)
        # The first panel of a row, or the last of a column, has the axis labels of its channel.
        scale = panels[c, 0] if across else panels[c, -1]
        _scale(scale, channel, below=0.16 if notes else 0.0)
        bar = colour_bar(
            figure, drawn, ax=list(panels[c]), location="right" if across else "bottom", fraction=0.05,
            pad=0.01, aspect=18 if across else 14,
        )  # fmt: skip
        bar.set_label(label, fontsize=7 if columns <= 6 else 6)
        at = ends(*limits[c]) if limits[c][0] == 0 else _both(limits[c])
        bar.set_ticks(at[0], labels=at[1])
        bar.ax.tick_params(labelsize=6)
    for k, name in enumerate(names):
        if across:
            panels[0, k].set_title(short(name, 22), fontsize=8 if columns <= 6 else 6.5)
        else:
            _beside(panels[0, k], short(name, 22))
    for c, channel in enumerate(channels):
        if across:
            _beside(panels[c, 0], short(channel.title, 22))
        else:
            panels[c, 0].set_title(short(channel.title, 16), fontsize=8 if columns <= 6 else 6.5)
    return figure


def _image(axes: Axes, image: np.ndarray, channel: ImageAxes, limits: tuple[float, float], colours: str) -> Any:
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes.imshow(
        thinned(image),
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        origin="lower",
        extent=(*channel.birth_range, *channel.second_range),
        aspect="auto",
        interpolation="none",
    )


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


def _scale(axes: Axes, channel: ImageAxes, below: float) -> None:
    for axis, limits in ((axes.xaxis, channel.birth_range), (axes.yaxis, channel.second_range)):
        at, texts = ends(*limits)
        axis.set_ticks(at, texts, fontsize=6)
    axes.set_xlabel("Birth", fontsize=7, labelpad=1)
    axes.set_ylabel(channel.second, fontsize=7, labelpad=1)
    if below:
        axes.tick_params(axis="x", pad=8)


def _beside(axes: Axes, text: str) -> None:
    """Write a name left of the axis label of a panel."""
    axes.annotate(
        text, (0, 0.5), xytext=(-38, 0), xycoords="axes fraction", textcoords="offset points", ha="right", va="center"
    )


def _both(limits: tuple[float, float]) -> tuple[list[float], list[str]]:
    (low, high), (first, last) = ends(*limits)
    return [low, 0.0, high], [first, "0", f"+{last}"]


def _share(share: float) -> str:
    if share == 0:
        return "none significant"
    return f"{100 * share:.0f} % significant" if share >= 0.01 else "< 1 % significant"


def _labelled(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name
