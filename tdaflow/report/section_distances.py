"""Section on the distances of `tdaflow distances`: an embedding of the volumes, and the nearest ones of some."""

from pathlib import Path

import numpy as np
import xarray as xr

from tdaflow.errors import TdaflowError
from tdaflow.pipeline.distances import FOLDER
from tdaflow.report.blocks import FigureBlock, Section, TableBlock, figure_block
from tdaflow.report.figures_topology import embedding_figure
from tdaflow.report.run_data import RunData
from tdaflow.report.sample import MOST_CLASSES, MOST_VOLUMES
from tdaflow.report.style import short
from tdaflow.store.zarr_layout import open_dataset

_NEAREST = 3
_CASES = 12


def distances_section(run: RunData) -> Section | None:
    """Build the section; None if no distances were computed."""
    paths = sorted((run.folder.path / FOLDER).glob("[!.]*.zarr"))
    if not paths:
        return None
    section = Section("distances", "Distances between diagrams")
    section.paragraphs.append(
        "Each point is a volume; volumes with similar diagrams lie close together. The plane is the best one by "
        "classical scaling and keeps only the part of the distances that its axes state. Test volumes are left out "
        "where there is a training split."
    )
    for path in paths:
        try:
            matrix = _of_training(open_dataset(path, "distances").distance)
        except (TdaflowError, OSError, ValueError, KeyError, AttributeError) as error:
            section.notes.append(
                f"{path.name} cannot be read ({type(error).__name__}); delete it and run `tdaflow distances RUN` again."
            )
            continue
        if len(matrix) > 2:
            section.items += list(_shown(run, path, matrix))
    return section


def embedded(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Embed a matrix of distances in the plane by classical scaling (Torgerson 1952).

    Parameters
    ----------
    distances : float array (n, n), symmetric

    Returns
    -------
    points : float array (n, 2)
        Each axis points to where its largest coordinate is positive.
    shares : float array (2,)
        Of the sum of the absolute eigenvalues, what each axis keeps.
    """
    squared = distances**2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None] + squared.mean()
    values, vectors = np.linalg.eigh(-0.5 * centred)
    first = [-1, -2]
    points = vectors[:, first] * np.sqrt(np.maximum(values[first], 0))
    farthest = np.abs(points).argmax(axis=0)
    total = np.abs(values).sum() or 1.0
    return points * np.where(points[farthest, [0, 1]] < 0, -1, 1), np.maximum(values[first], 0) / total


def _of_training(matrix: xr.DataArray, seed: int = 0) -> xr.DataArray:
    train = np.array([str(split) == "train" for split in matrix.split.values])
    positions = np.flatnonzero(train) if train.any() else np.arange(len(train))
    if len(positions) > MOST_VOLUMES:
        positions = np.sort(np.random.default_rng(seed).choice(positions, MOST_VOLUMES, replace=False))
    return matrix.isel(volume=positions, other=positions).load()


def _shown(run: RunData, path: Path, matrix: xr.DataArray) -> tuple[FigureBlock, TableBlock]:
    distances, labels = matrix.values, matrix.label.values.astype(int)
    present, counts = np.unique(labels[labels >= 0], return_counts=True)
    largest = np.sort(present[np.argsort(-counts, kind="stable")[:MOST_CLASSES]])
    shown = np.isin(labels, largest)
    names = [run.class_names[k] for k in largest] + ([] if shown.all() else ["other, or no label"])
    classes = np.where(shown, np.searchsorted(largest, labels), len(largest))
    points, shares = embedded(distances)
    order = np.argsort(distances + np.diag(np.full(len(distances), np.inf)), axis=1, kind="stable")
    told = ""
    if len(present) > 1:
        known = labels >= 0
        same = (labels[order[:, 0]] == labels)[known].mean()
        told = (
            f" The nearest other volume has the same class for {same:.0%} of the volumes; "
            f"always naming the largest class would be right for {counts.max() / counts.sum():.0%}."
        )
    what = path.stem.replace("-", " ")
    figure = figure_block(
        embedding_figure(points, classes, names, shares),
        f"Volumes by their distances: {what}",
        f"{len(points):,} volumes.{told}",
        f"Scatter plot of {len(points)} volumes by their {what} distances.",
    )
    return figure, _nearest(run, matrix, order, what)


def _nearest(run: RunData, matrix: xr.DataArray, order: np.ndarray, what: str) -> TableBlock:
    """The volumes farthest from all others first: they are the ones to look at."""
    distances, labels = matrix.values, matrix.label.values.astype(int)
    ids = [str(name) for name in matrix.volume.values]

    def cell(at: int, to: int | None = None) -> str:
        name = short(ids[at].rpartition("/")[2], 28)
        label = f" ({short(run.class_names[labels[at]], 14)})" if labels[at] >= 0 else ""
        return f"{name}{label}" + ("" if to is None else f": {distances[to, at]:.3g}")

    alone = np.argsort(-distances[np.arange(len(ids)), order[:, 0]], kind="stable")[:_CASES]
    near = min(_NEAREST, len(ids) - 1)
    rows = [[cell(at), *(cell(other, at) for other in order[at, :near])] for at in alone.tolist()]
    header = ("volume", *(("nearest", "second", "third")[:near]))
    return TableBlock(f"The volumes farthest from their nearest neighbour: {what}", header, rows, numeric=9)
