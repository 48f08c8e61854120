"""Section on persistence images by class (Figure 5 of Zhu et al. 2024): means, their differences, and outliers."""

from collections.abc import Iterator

import numpy as np

from tdaflow.report.blocks import FigureBlock, Section, figure_block
from tdaflow.report.figures_images import Column, images_figure, profiles_figure, thinned
from tdaflow.report.figures_volume import thumbnails_figure
from tdaflow.report.run_data import RunData
from tdaflow.report.sample import Sample, labelled_sample, outliers
from tdaflow.report.significance import FEWEST, N_RESAMPLES, Differences, class_differences, contrast_weights
from tdaflow.report.thumbnails import Case, how_shown, thumbnails

# Most pixels along a side in tests. A Gaussian of the default ε is four pixels wide, so averaging loses little.
_TESTED = 25
_LEVEL = 0.05
_UNLABELLED = 5
# Most channels in one figure, and most outliers.
_CHANNELS = 9
_OUTLIERS = 6


def classes_section(run: RunData, positive: str | None = None) -> Section | None:
    """Build the section; None if there are no images. A run without labels shows some volumes in place of classes.

    Of two classes, the difference is that of the `positive` one, by default the second, minus the other.
    """
    if not run.has_images:
        return None
    section = Section("classes", "Persistence images by class")
    sample = labelled_sample(run, positive)
    section.paragraphs.append(
        "A persistence image puts birth on the x axis and how long a feature lasts on the y axis; bright regions hold "
        "many or long bars. Images of one row share a colour scale, so they can be compared."
    )
    if sample is None:
        section.title = "Persistence images"
        section.paragraphs.append("The volumes have no labels, so there is nothing to compare between classes.")
        section.items += list(_some_volumes(run))
        return section
    values = sample.images.values
    filled = np.asarray(values.any(axis=(0, 2, 3)))
    if not filled.all():
        empty = ", ".join(c.title for c, full in zip(sample.images.channels, filled, strict=True) if not full)
        section.notes.append(f"Left out, because these volumes have no bars there: {empty}.")
    if filled.any():
        small = thinned(values, _TESTED)
        found = class_differences(small.reshape(len(small), -1), sample.classes, sample.groups)
        section.items += list(_compared(sample, found, np.flatnonzero(filled)))
        section.notes.append(
            _significance_note(found.p_values is not None, sample)
            if len(sample.names) > 1
            else "There is one class only, so no differences are shown."
        )
    if sample.images.vectors.shape[1]:
        section.items.append(_profiles(sample))
    section.items += list(_outliers(run, sample))
    return section


def _shown_channels(found: Differences, filled: np.ndarray, n_channels: int) -> np.ndarray:
    """The channels of the figure: all, or those with the smallest p-values, then the largest relative differences."""
    if len(filled) <= _CHANNELS:
        return filled
    means = np.abs(found.means).reshape(len(found.means), n_channels, -1).max(axis=(0, 2))
    size = np.zeros(n_channels)
    if len(found.differences):
        size = (
            np.abs(found.differences).reshape(-1, n_channels, found.differences.shape[1] // n_channels).max(axis=(0, 2))
        )
    p_values = np.ones(n_channels)
    if found.p_values is not None:
        p_values = found.p_values.reshape(len(found.p_values), n_channels, -1).min(axis=(0, 2))
    order = np.lexsort((-size / np.where(means > 0, means, 1), p_values))
    return np.sort(order[np.isin(order, filled)][:_CHANNELS])


def _compared(sample: Sample, found: Differences, filled: np.ndarray) -> Iterator[FigureBlock]:
    """Yield the means of the classes, beside them their difference if there are two, else in a figure of its own."""
    images, names = sample.images, sample.names
    n_channels = images.values.shape[1]
    at = _shown_channels(found, filled, n_channels)
    channels = [images.channels[c] for c in at]
    means = np.stack([images.values[sample.classes == k].mean(axis=0, dtype=np.float64) for k in range(len(names))])
    two = len(names) == 2
    titles = [f"{names[1]} − {names[0]}"] if two else list(names)
    differences = np.tensordot(contrast_weights(len(names)), means, axes=1)
    shape = thinned(images.values[:1], _TESTED).shape[1:]
    significant = None if found.p_values is None else (found.p_values <= _LEVEL).reshape(-1, *shape)
    columns = [Column(name, mean[at]) for name, mean in zip(names, means, strict=True)]
    changes = [
        Column(title, difference[at], True, None if significant is None else significant[k][at])
        for k, (title, difference) in enumerate(zip(titles, differences, strict=True))
    ]
    counts = ", ".join(f"{name} {n:,}" for name, n in zip(names, np.bincount(sample.classes), strict=True))
    some = (
        f" The {len(at)} of {len(filled)} channels with the clearest differences are shown."
        if len(at) < len(filled)
        else ""
    )
    told = (
        ""
        if significant is None
        else (
            " Inside the black lines it is significant (corrected for all pixels, see below)."
            if significant.any()
            else " No pixel is significant (corrected for all pixels, see below)."
        )
    )
    where = ", ".join(c.title for c in channels)
    what = "Red: more or longer bars there, blue: fewer or shorter ones."
    yield figure_block(
        images_figure([*columns, *changes] if two else columns, channels),
        "Mean persistence image of each class" + (" and their difference" if two else ""),
        f"Means over {sample.description} ({counts}){f'; right: {titles[0]}. {what}{told}' if two else '.'}{some}",
        f"Mean persistence images of {len(names)} classes in {where}.",
    )
    if len(names) > 2:
        yield figure_block(
            images_figure(changes, channels),
            "Differences of class means",
            f"Each class minus the mean of the other classes, over {sample.description}. {what}{told}",
            f"Maps of differences of mean persistence images in {where}.",
        )


def _some_volumes(run: RunData) -> Iterator[FigureBlock]:
    ids = run.column("id")[:_UNLABELLED]
    images = run.images(np.arange(len(ids)))
    at = np.flatnonzero(images.values.any(axis=(0, 2, 3)))[:_CHANNELS]
    if len(at):
        channels = [images.channels[c] for c in at]
        yield figure_block(
            images_figure(
                [Column(str(i).rpartition("/")[2], values[at]) for i, values in zip(ids, images.values, strict=True)],
                channels,
            ),
            "Persistence images of some volumes",
            "The first volumes of the run.",
            f"Persistence images of {len(ids)} volumes in {len(channels)} channels.",
        )


def _profiles(sample: Sample) -> FigureBlock:
    images = sample.images
    means = np.stack([images.vectors[sample.classes == k].mean(axis=0) for k in range(len(sample.names))])
    return figure_block(
        profiles_figure(means, images.vector_centres, images.vector_channels, sample.names),
        "Mean profile of components (all born at 0)",
        "Components of a point cloud are all born at 0, so their persistence image has a single column, shown as a "
        f"curve: the weighted density of bars over their persistence. Means over {sample.description}.",
        f"Line plot of persistence against weighted density, one line for each of {len(sample.names)} classes.",
    )


def _outliers(run: RunData, sample: Sample) -> Iterator[FigureBlock]:
    found = outliers(thinned(sample.images.values, _TESTED), sample.classes)[:_OUTLIERS]
    shown = thumbnails(
        run, [Case(str(sample.ids[i]), f"{sample.names[sample.classes[i]]}, {far:.1f} ×") for i, far in found]
    )
    if shown:
        yield figure_block(
            thumbnails_figure(shown),
            "Scans of the volumes farthest from their class",
            f"Of {sample.description}, those whose persistence images are farthest from the mean of their class, in "
            "multiples of the median distance: look whether they are what they should be. "
            f"{how_shown(shown)}",
            f"Slices of {', '.join(t.id for t in shown)}.",
            scans=[t.id for t in shown],
        )


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
