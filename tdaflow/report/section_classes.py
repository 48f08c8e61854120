"""Section on persistence images by class (Figure 5 of Zhu et al. 2024), class means and their differences."""

from collections.abc import Iterator

import numpy as np

from tdaflow.report.blocks import FigureBlock, Section, figure_block
from tdaflow.report.figures_images import (
    ImageAxes,
    differences_figure,
    images_figure,
    profiles_figure,
    thinned,
)
from tdaflow.report.run_data import RunData
from tdaflow.report.sample import Sample, labelled_sample, most_typical
from tdaflow.report.significance import FEWEST, N_RESAMPLES, class_differences, class_means

# Most pixels along a side in tests. A Gaussian of the default ε is four pixels wide, so averaging loses little.
_TESTED = 25
_LEVEL = 0.05
_UNLABELLED = 6
# Most channels in one figure.
_TOGETHER = 12


def classes_section(run: RunData) -> Section:
    """Build the section; a run without labels shows some volumes in place of classes."""
    section = Section("classes", "Persistence images by class")
    if not run.has_images:
        section.paragraphs.append(
            "This run has no persistence images yet: run the same command to its end, then write the report again."
        )
        return section
    sample = labelled_sample(run)
    section.paragraphs.append(
        "A persistence image puts birth on the x axis and how long a feature lasts on the y axis; bright regions hold "
        "many or long bars. Images of one row (or column) share a colour scale, so they can be compared."
    )
    if sample is None:
        section.paragraphs.append("The volumes have no labels, so there is nothing to compare between classes.")
        section.items += list(_some_volumes(run))
        return section
    counts = np.bincount(sample.classes)
    by_filtration, empty = _parts(sample.images.channels, sample.images.values)
    if empty:
        section.notes.append(f"Left out, because these volumes have no bars there: {', '.join(empty)}.")
    section.items += list(_typical(sample, by_filtration))
    means = _shaped_means(sample)
    if means is not None:
        section.items += list(_means(sample, means, counts, by_filtration))
    if sample.images.vectors.shape[1]:
        section.items.append(_profiles(sample))
    if len(sample.names) < 2:
        section.notes.append("There is one class only, so no differences are shown.")
    elif means is not None:
        blocks, note = _differences(sample, means, by_filtration)
        section.items += blocks
        section.notes.append(note)
    return section


def _parts(channels: tuple[ImageAxes, ...], values: np.ndarray) -> tuple[dict[str, list[int]], list[str]]:
    """Return the channels of each figure (one in all, or one per filtration if many), and the names of empty ones."""
    found: dict[str, list[int]] = {}
    empty = []
    for position, channel in enumerate(channels):
        if values[:, position].any():
            name = channel.title.rpartition(" ")[0] if len(channels) > _TOGETHER else ""
            found.setdefault(name, []).append(position)
        else:
            empty.append(channel.title)
    return found, empty


def _numbered(number: int, parts: dict[str, list[int]]) -> Iterator[tuple[str, str, list[int]]]:
    """Yield number, end of the title, and channels of each figure."""
    for index, (name, positions) in enumerate(parts.items()):
        letter = "abcdefghijklmnopqrstuvwxyz"[index % 26] if len(parts) > 1 else ""
        yield f"{number}{letter}", f": {name}" if name else "", positions


def _axes_sentence(channels: list[ImageAxes]) -> str:
    units: dict[str, list[str]] = {}
    for channel in channels:
        filtration = channel.title.rpartition(" ")[0]
        units.setdefault(channel.unit, []).append(filtration)
    told = "; ".join(f"{', '.join(dict.fromkeys(names))} in {unit}" for unit, names in units.items())
    return f"Birth and {channels[0].second.lower()} of {told}."


def _some_volumes(run: RunData) -> Iterator[FigureBlock]:
    ids = run.column("id")[:_UNLABELLED]
    images = run.images(np.arange(len(ids)))
    for number, name, positions in _numbered(5, _parts(images.channels, images.values)[0]):
        channels = [images.channels[c] for c in positions]
        yield figure_block(
            images_figure(images.values[:, positions], channels, [str(i).rpartition("/")[2] for i in ids]),
            number,
            f"Persistence images of some volumes{name}",
            f"The first {len(ids)} volumes of the run. {_axes_sentence(channels)}",
            f"Persistence images of {len(ids)} volumes in {len(channels)} channels.",
        )


def _typical(sample: Sample, parts: dict[str, list[int]]) -> Iterator[FigureBlock]:
    if not parts:
        return
    chosen = most_typical(thinned(sample.images.values, _TESTED), sample.classes)
    listed = "; ".join(f"{name}: {sample.ids[i]}" for name, i in zip(sample.names, chosen, strict=True))
    for number, name, positions in _numbered(5, parts):
        channels = [sample.images.channels[c] for c in positions]
        yield figure_block(
            images_figure(sample.images.values[chosen][:, positions], channels, sample.names),
            number,
            f"Persistence images of one volume of each class{name}",
            f"The volume nearest to the mean of its class, of {sample.description} ({listed}). "
            f"{_axes_sentence(channels)}",
            f"Persistence images of one typical volume of each of {len(sample.names)} classes in "
            f"{', '.join(c.title for c in channels)}.",
        )


def _shaped_means(sample: Sample) -> np.ndarray | None:
    values = sample.images.values
    if not values.shape[1]:
        return None
    return class_means(values.reshape(len(values), -1), sample.classes).reshape(-1, *values.shape[1:])


def _means(sample: Sample, means: np.ndarray, counts: np.ndarray, parts: dict[str, list[int]]) -> Iterator[FigureBlock]:
    numbers = ", ".join(f"{name} {n}" for name, n in zip(sample.names, counts, strict=True))
    for number, name, positions in _numbered(6, parts):
        channels = [sample.images.channels[c] for c in positions]
        yield figure_block(
            images_figure(means[:, positions], channels, sample.names),
            number,
            f"Mean persistence image of each class{name}",
            f"Means over {sample.description} ({numbers}). {_axes_sentence(channels)}",
            f"Mean persistence images of {len(sample.names)} classes in {', '.join(c.title for c in channels)}.",
        )


def _profiles(sample: Sample) -> FigureBlock:
    images = sample.images
    means = class_means(images.vectors.reshape(len(images.vectors), -1), sample.classes)
    return figure_block(
        profiles_figure(
            means.reshape(-1, *images.vectors.shape[1:]), images.vector_centres, images.vector_channels, sample.names
        ),
        "7",
        "Mean profile of components (all born at 0)",
        "Components of a point cloud are all born at 0, so their persistence image has a single column, shown as a "
        f"curve: the weighted density of bars over their persistence. Means over {sample.description}.",
        f"Line plot of persistence against weighted density, one line for each of {len(sample.names)} classes.",
    )


def _differences(sample: Sample, means: np.ndarray, parts: dict[str, list[int]]) -> tuple[list[FigureBlock], str]:
    values = sample.images.values
    small = thinned(values, _TESTED)
    found = class_differences(small.reshape(len(small), -1), sample.classes, sample.groups)
    two = len(sample.names) == 2
    names = [f"{sample.names[1]} − {sample.names[0]}"] if two else [f"{name} − others" for name in sample.names]
    shown = thinned(means)
    differences = (shown[1] - shown[0])[None] if two else shown - (shown.sum(axis=0) - shown) / (len(shown) - 1)
    significant, told = None, ""
    if found.p_values is not None:
        significant = (found.p_values <= _LEVEL).reshape(-1, *small.shape[1:])
        told = " Inside the black lines the difference is significant (corrected for all pixels, see below)."
        if not significant.any():
            told = " No pixel is significant (corrected for all pixels, see below)."
    what = f"{names[0]}" if two else "each class minus the mean of the other classes"
    blocks = []
    for number, name, positions in _numbered(8, parts):
        channels = [sample.images.channels[c] for c in positions]
        mask = None if significant is None else significant[:, positions]
        some = "" if mask is None else f" {100 * mask.mean():.0f} % of all pixels are significant."
        blocks.append(
            figure_block(
                differences_figure(differences[:, positions], mask, channels, names),
                number,
                f"Differences of class means{name}",
                f"{what[0].upper()}{what[1:]}, over {sample.description}. Red: more or longer bars there, blue: "
                f"fewer or shorter ones.{told} {_axes_sentence(channels)}",
                f"Maps of differences of mean persistence images in {', '.join(c.title for c in channels)}.{some}",
            )
        )
    return blocks, _significance_note(significant is not None, sample)


def _significance_note(tested: bool, sample: Sample) -> str:
    if not tested:
        fewest = int(np.bincount(sample.classes).min())
        return (
            f"Significance was not tested: the smallest class has {fewest} volumes or patients here, fewer than the "
            f"{FEWEST} that the bootstrap needs."
        )
    unit = "patients" if any(sample.groups) else "volumes"
    return (
        f"Significance: bootstrap over {unit}, {N_RESAMPLES:,} resamples under the hypothesis of no difference between "
        f"classes, on images averaged to {_TESTED} × {_TESTED} pixels at most. Each studentised difference is compared "
        "with the largest one of each resample over all pixels, channels and contrasts (max-T), so the chance of even "
        f"one falsely outlined pixel on this page is about {_LEVEL:.0%}. Test volumes take no part where there is a "
        "training split."
    )
