"""From a decision to the scan: coefficients of a linear model → pixels → bars → voxels.

The decision value of a linear model is a constant and a sum over pixels: the pixel's coefficient times the difference
between its value in the volume (or the root of that) and in the mean training volume. A pixel's value is a sum over
bars. So each bar has a share of each pixel's term, in proportion to what it adds to the pixel, and the shares of all
bars and the constant add up to the decision value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tdaflow.diagrams import NO_BARS, Bars
from tdaflow.errors import InputError
from tdaflow.evaluation.model.keep import load_model
from tdaflow.evaluation.model.model import Model
from tdaflow.evaluation.protocol.features import features_of
from tdaflow.evaluation.protocol.members import Member, signed_root
from tdaflow.homology.regions import regional_name
from tdaflow.images import bar_scores, image_of
from tdaflow.pipeline.apply import run_recipe
from tdaflow.pipeline.opened import Run
from tdaflow.pipeline.tasks import ImageRecipe
from tdaflow.pipeline.volume import volume_diagrams
from tdaflow.remote import place
from tdaflow.store.block_names import IMAGE, BlockName

if TYPE_CHECKING:
    import pandas as pd

# Voxel edges that the map is smoothed by.
_SMOOTHING = 1.5
# Loops and cavities that are labelled.
_LABELLED = 10


@dataclass(frozen=True)
class Saliency:
    """Where in a volume the bars lie that speak for a class or against it.

    Attributes
    ----------
    class_name : str
        The class that is spoken for.
    probability : float
        Of that class, by the model.
    decision : float
        Its log-odds before calibration, against the mean of the other classes, mean over the members of the model.
    bars : DataFrame
        One row a bar, the strongest first: ``channel``, ``homology_dimension``, ``birth``, ``death``, ``contribution``
        to the decision, and the voxels (z, y, x) where it is born (``birth_z``, …) and dies (``death_z``, …), NaN for
        a death at no voxel. For superpixels they are the middle of the simplex's points. Contributions are relative to
        the mean training volume: typical bars have little. With a constant and the share of `left_out` they add up to
        the decision. What a volume lacks has no place; the bars nearest to it in the birth–persistence plane have it.
    heat : float64 array (z, y, x)
        In the space of the stored volume: each bar's contribution at one voxel (where a component is born, where a
        loop is filled, where a cavity is filled), smoothed by a Gaussian of `smoothing`. Positive speaks for the class.
    labels : int32 array (z, y, x)
        The strongest loops and cavities, 1 the strongest, 0 elsewhere: what lies within `smoothing` of the voxel where
        the bar is born or of that where it dies. Label k is the k-th row of `labelled`.
    spacing : tuple of 3 float
        In mm along z, y, x.
    smoothing : float
        In mm.
    left_out : tuple of str
        Blocks of features that the model reads and that are no images; their share has no place.
    """

    class_name: str
    probability: float
    decision: float
    bars: "pd.DataFrame"
    heat: np.ndarray
    labels: np.ndarray
    spacing: tuple[float, float, float]
    smoothing: float
    left_out: tuple[str, ...]

    @property
    def labelled(self) -> "pd.DataFrame":
        """The rows of `bars` that have a label."""
        return _labelled(self.bars)


def saliency(
    run: str | Path, volume: str, *, class_name: str | None = None, smoothing: float | None = None
) -> Saliency:
    """Find where in a volume the decision of a run's model lies.

    Parameters
    ----------
    run : path
        Folder of an evaluated run, or of a run that was made by applying one.
    volume : str
        Id of a volume with features. Its diagrams are computed again, so that nothing need be stored for this.
    class_name : str, optional
        By default the class that is predicted.
    smoothing : float, optional
        Standard deviation of the Gaussian over `Saliency.heat`, in mm; 1.5 of the longest edge of a voxel by default.

    Returns
    -------
    Saliency

    Raises
    ------
    InputError
        If there is no model, it is not linear or reads no images, there is no such volume or class, the smoothing is
        not positive, or the volume has other diagrams by now.
    """
    opened = Run(run)
    model = linear_model(opened)
    blocks = _features(opened, volume)
    probabilities = model.predict({name: block[None] for name, block in blocks.items()}).probabilities[0]
    names = model.class_names
    if class_name is not None and class_name not in names:
        raise InputError(f"there is no class {class_name!r}: the classes are {', '.join(names)}")
    explained = int(probabilities.argmax()) if class_name is None else names.index(class_name)
    read = dict.fromkeys(name for member in model.members for name in member.projection.blocks)
    images = [name for name in read if (told := BlockName.parsed(name)) is not None and told.kind == IMAGE]
    if not images:
        raise InputError(f"the model of {opened.folder.path} reads no persistence image, so its bars have no share")
    decision, pixels = _decision(model.members, explained, blocks)
    recipe = run_recipe(opened.folder, images)
    reader = opened.reader(volume)
    diagrams = volume_diagrams(reader, replace(recipe.diagrams, locations=True))[0]
    clouds = {
        step.name: reader.cloud(step.superpixels).positions
        for step in recipe.diagrams.steps
        if step.filtration.takes == "points"
    }
    parts = []
    for number, channel in enumerate(recipe.images.channels):
        found = diagrams.get((regional_name(channel.filtration, channel.region), channel.homology_dimension), NO_BARS)
        if not len(found.pairs):
            continue
        scores = _scores(recipe.images, number, found, pixels[channel.name], blocks[channel.name], volume)
        parts.append(_rows(channel.name, channel.homology_dimension, found, scores, clouds.get(channel.filtration)))
    about = reader.about
    width = _SMOOTHING * max(about.spacing) if smoothing is None else smoothing
    if not width > 0:
        raise InputError(f"smoothing={smoothing!r} must be a positive length in mm")
    bars = _table(parts)
    return Saliency(
        names[explained],
        float(probabilities[explained]),
        decision,
        bars,
        _heat(bars, about.shape, about.spacing, width),
        _labels(_labelled(bars), about.shape, about.spacing, width),
        about.spacing,
        float(width),
        tuple(name for name in read if name not in images),
    )


def linear_model(opened: Run) -> Model:
    """Return the model of a run, or of the run that it is an application of; InputError if none or not linear."""
    path, reference = opened.folder.path, place(opened.config.reference)
    own = (path / "evaluation" / "model").is_dir()
    model = load_model(reference if not own and reference.is_dir() else path)
    if any(member.head is not None for member in model.members):
        raise InputError(
            f"the model of {path} is no linear one ({model.card['model']['classifier']}), so its decisions are no sums "
            "over bars: evaluate again with --classifiers logistic,committee,stacked"
        )
    return model


def _features(opened: Run, volume: str) -> dict[str, np.ndarray]:
    """The feature blocks of one volume."""
    opened.row_of(volume)  # raises with the nearest ids
    found = features_of(opened.folder.path, volume)
    if found is None:
        raise InputError(f"{opened.folder.path} has no features of {volume!r}: run it to its end first")
    return found


def _decision(
    members: Sequence[Member], explained: int, blocks: Mapping[str, np.ndarray]
) -> tuple[float, dict[str, np.ndarray]]:
    """Log-odds of a class against the mean of the others, and what a part of each pixel counts, over all members."""
    decision, pixels = 0.0, {name: np.zeros(len(block)) for name, block in blocks.items()}
    for member in members:
        own = member.projection
        n_classes = len(own.offsets)
        versus = np.full(n_classes, -1.0 / (n_classes - 1))
        versus[explained] = 1.0
        weights = versus @ own.weights / len(members)
        decision += float(versus @ own({name: blocks[name][None] for name in own.blocks})[0]) / len(members)
        values = np.concatenate([blocks[name] for name in own.blocks], dtype=np.float64)
        rooted = signed_root(values) if own.square_root else values
        weights = np.divide(weights * (rooted - own.centre), values, out=np.zeros_like(weights), where=values != 0)
        for name, part in zip(own.blocks, np.split(weights, np.cumsum(own.widths)[:-1]), strict=True):
            pixels[name] += part
    return decision, pixels


def _scores(
    recipe: ImageRecipe, number: int, bars: Bars, pixels: np.ndarray, stored: np.ndarray, volume: str
) -> np.ndarray:
    """What each bar adds to the decision through the image of a channel."""
    channel, normalise = recipe.channels[number], recipe.normalise[number]
    options = recipe.options.with_shape(len(channel.death), len(channel.birth))
    ranges = channel.birth_range, channel.death_range
    image = image_of(options, bars.pairs, *ranges, counts=bars.counts, sigma=channel.sigma, normalise=normalise)
    largest = float(np.abs(image).max())
    if not np.allclose(image.ravel(), stored, rtol=1e-4, atol=1e-6 * largest):
        raise InputError(f"{volume!r} has other diagrams by now than its image {channel.name!r} was made of: run again")
    plain = image_of(replace(options, normalise=None), bars.pairs, *ranges, counts=bars.counts, sigma=channel.sigma)
    divided = largest / float(np.abs(plain).max()) if largest > 0 else 0.0
    field = pixels.reshape(options.shape) * divided
    return bar_scores(field, bars.pairs, *ranges, options=options, sigma=channel.sigma)


def _rows(channel: str, dimension: int, bars: Bars, scores: np.ndarray, positions: np.ndarray | None) -> "pd.DataFrame":
    """The bars of a channel, repeated ones apart, with their places in voxels."""
    import pandas as pd

    assert bars.locations is not None
    places = bars.locations.astype(np.float64)
    if positions is not None:
        corners = np.append(positions, np.full((1, 3), np.nan), axis=0)[bars.locations]
        known = (bars.locations >= 0).sum(axis=2, keepdims=True)
        places = np.divide(
            np.nansum(corners, axis=2), known, out=np.full((*known.shape[:2], 3), np.nan), where=known > 0
        )
    places[(places < 0).any(axis=2)] = np.nan
    table = pd.DataFrame(bars.expanded, columns=["birth", "death"])
    table.insert(0, "channel", channel)
    table.insert(1, "homology_dimension", dimension)
    table["contribution"] = np.repeat(scores, bars.counts)
    for end, name in enumerate(("birth", "death")):
        for axis, letter in enumerate("zyx"):
            table[f"{name}_{letter}"] = places[:, end, axis]
    return table


def _table(parts: "list[pd.DataFrame]") -> "pd.DataFrame":
    import pandas as pd

    columns = ["channel", "homology_dimension", "birth", "death", "contribution"]
    columns += [f"{end}_{axis}" for end in ("birth", "death") for axis in "zyx"]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return table.iloc[np.argsort(-np.abs(table["contribution"].to_numpy()), kind="stable")].reset_index(drop=True)


def _labelled(bars: "pd.DataFrame") -> "pd.DataFrame":
    return bars[bars["homology_dimension"] > 0].head(_LABELLED)


def _ends(bars: "pd.DataFrame", end: str) -> np.ndarray:
    return bars[[f"{end}_{axis}" for axis in "zyx"]].to_numpy(dtype=np.float64)


def _heat(
    bars: "pd.DataFrame", shape: tuple[int, int, int], spacing: tuple[float, float, float], smoothing: float
) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    of_components = (bars["homology_dimension"].to_numpy() == 0)[:, None]
    places = np.where(of_components, _ends(bars, "birth"), _ends(bars, "death"))
    known = ~np.isnan(places).any(axis=1)
    voxels = np.clip(np.rint(places[known]).astype(np.int64), 0, np.array(shape) - 1)
    heat = np.zeros(shape)
    np.add.at(heat, tuple(voxels.T), bars["contribution"].to_numpy()[known])
    smoothed: np.ndarray = gaussian_filter(heat, [smoothing / s for s in spacing], mode="constant")
    return smoothed


def _labels(
    bars: "pd.DataFrame", shape: tuple[int, int, int], spacing: tuple[float, float, float], radius: float
) -> np.ndarray:
    labels = np.zeros(shape, np.int32)
    grid = np.indices(shape)
    # The strongest last: where balls meet it is seen.
    for number in range(len(bars), 0, -1):
        for end in ("birth", "death"):
            place = _ends(bars.iloc[[number - 1]], end)[0]
            apart = sum(((grid[axis] - place[axis]) * spacing[axis]) ** 2 for axis in range(3))
            labels[apart <= radius**2] = number
    return labels
