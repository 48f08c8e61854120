"""Select the volumes for figures about classes."""

from dataclasses import dataclass

import numpy as np

from tdaflow.report.run_data import Images, RunData

# Most classes on a page, and most volumes in memory, for runs of any size.
MOST_CLASSES = 12
MOST_VOLUMES = 2000


@dataclass(frozen=True)
class Sample:
    """Labelled volumes with their images.

    Attributes
    ----------
    ids, groups : object arrays (n,)
    classes : int array (n,)
        Index into `names`.
    names : tuple of str
        Names of the shown classes.
    images : Images
        Images of the n volumes.
    description : str
        Description of the volumes, for captions.
    """

    ids: np.ndarray
    groups: np.ndarray
    classes: np.ndarray
    names: tuple[str, ...]
    images: Images
    description: str


def labelled_sample(run: RunData, positive: str | None = None, seed: int = 0) -> Sample | None:
    """Draw the volumes for class figures; None if no volume has a label.

    If there is a training split, only its volumes are used, so that a reader learns nothing from test volumes. Of more
    than `MOST_CLASSES` classes the largest are used, of more than `MOST_VOLUMES` volumes a random part. Of two classes
    the one called `positive` is the second.
    """
    labels = run.column("label").astype(np.int64)
    splits = run.column("split")
    usable = labels >= 0
    description = "all labelled volumes"
    if (usable & (splits == "train")).any():
        usable &= splits == "train"
        description = "the training volumes"
    if not usable.any():
        return None
    present, counts = np.unique(labels[usable], return_counts=True)
    if len(present) > MOST_CLASSES:
        present = np.sort(present[np.argsort(-counts, kind="stable")[:MOST_CLASSES]])
        description += f" of the {MOST_CLASSES} largest classes"
        usable &= np.isin(labels, present)
    positions = np.flatnonzero(usable)
    if len(positions) > MOST_VOLUMES:
        rng = np.random.default_rng(seed)
        positions = np.sort(rng.choice(positions, MOST_VOLUMES, replace=False))
        present = np.unique(labels[positions])
        description = f"{MOST_VOLUMES:,} random volumes of {description}"
    if len(present) == 2 and run.class_names[present[0]] == positive:
        present = present[::-1]
    groups = run.column("group")[positions]
    if (groups != "").all():
        description += f" of {len(np.unique(groups)):,} patients"
    return Sample(
        ids=run.column("id")[positions],
        groups=groups,
        classes=(labels[positions][:, None] == present).argmax(axis=1),
        names=tuple(run.class_names[k] for k in present),
        images=run.images(positions),
        description=description,
    )


def outliers(values: np.ndarray, classes: np.ndarray) -> list[tuple[int, float]]:
    """Return the volumes by their distance from the mean of their class, the farthest first.

    Parameters
    ----------
    values : float array (n, channel, …)
        Each channel is divided by its standard deviation, so that all have the same weight.
    classes : int array (n,)

    Returns
    -------
    list of (int, float)
        Position, and distance in multiples of the median distance of the class.
    """
    flat = values.reshape(*values.shape[:2], -1).astype(np.float64)
    spread = flat.std(axis=(0, 2), keepdims=True)
    flat = (flat / np.where(spread > 0, spread, 1)).reshape(len(values), -1)
    far = np.zeros(len(flat))
    for k in np.unique(classes):
        members = np.flatnonzero(classes == k)
        distances = np.sqrt(((flat[members] - flat[members].mean(axis=0)) ** 2).sum(axis=1))
        far[members] = distances / (np.median(distances) or 1.0)
    return [(int(i), float(far[i])) for i in np.argsort(-far, kind="stable") if far[i] > 0]
