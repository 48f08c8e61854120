"""Which volumes the figures about classes are made of."""

from dataclasses import dataclass

import numpy as np

from tdaflow.report.run_data import Images, RunData

# Classes that fit on a page, and volumes that fit in memory whatever the size of the run.
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
        Classes that are shown.
    images : Images
        Of the n volumes.
    told : str
        Which volumes these are, for captions.
    """

    ids: np.ndarray
    groups: np.ndarray
    classes: np.ndarray
    names: tuple[str, ...]
    images: Images
    told: str


def labelled_sample(run: RunData, seed: int = 0) -> Sample | None:
    """Draw the volumes that class figures are made of; None if no volume has a label.

    Only training volumes where there is a training split: the eye, too, is to learn nothing from the test volumes. Of
    more than `MOST_CLASSES` classes the largest, of more than `MOST_VOLUMES` volumes a random part.
    """
    labels = run.column("label").astype(np.int64)
    splits = run.column("split")
    usable = labels >= 0
    told = "all labelled volumes"
    if (usable & (splits == "train")).any():
        usable &= splits == "train"
        told = "the training volumes"
    if not usable.any():
        return None
    present, counts = np.unique(labels[usable], return_counts=True)
    if len(present) > MOST_CLASSES:
        present = np.sort(present[np.argsort(-counts, kind="stable")[:MOST_CLASSES]])
        told += f" of the {MOST_CLASSES} largest classes"
        usable &= np.isin(labels, present)
    positions = np.flatnonzero(usable)
    if len(positions) > MOST_VOLUMES:
        rng = np.random.default_rng(seed)
        positions = np.sort(rng.choice(positions, MOST_VOLUMES, replace=False))
        present = np.unique(labels[positions])
        told = f"{MOST_VOLUMES:,} random volumes of {told}"
    return Sample(
        ids=run.column("id")[positions],
        groups=run.column("group")[positions],
        classes=np.searchsorted(present, labels[positions]),
        names=tuple(run.class_names[k] for k in present),
        images=run.images(positions),
        told=told,
    )


def most_typical(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Position of the volume of each class that is nearest to the class mean.

    Parameters
    ----------
    values : float array (n, channel, …)
        Channels count alike: each is divided by its standard deviation.
    classes : int array (n,)

    Returns
    -------
    int array (n_classes,)
    """
    flat = values.reshape(*values.shape[:2], -1).astype(np.float64)
    spread = flat.std(axis=(0, 2), keepdims=True)
    flat = (flat / np.where(spread > 0, spread, 1)).reshape(len(values), -1)
    found = []
    for k in range(int(classes.max()) + 1):
        members = np.flatnonzero(classes == k)
        distances = ((flat[members] - flat[members].mean(axis=0)) ** 2).sum(axis=1)
        found.append(int(members[np.argmin(distances)]))
    return np.array(found)
