"""Labelled signals and images of an experiment, in training, validation and test samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.nets.pinet.paper.accelerometers import (
    FRAME_SECONDS,
    RATE,
    USC_HAD_TRAIN_SUBJECTS,
    cut_frames,
    read_basic_motions,
    read_usc_had,
)
from tdaflow.nets.pinet.paper.config import DataOptions
from tdaflow.nets.pinet.paper.photographs import read_cifar10, read_cifar100, read_svhn
from tdaflow.sources.medmnist import MedMNIST3D
from tdaflow.sources.volume import Volume

# Every fifth sample of a class validates where the data set has no validation split.
_VALIDATION = 5


@dataclass(frozen=True)
class Samples:
    """Samples of one split.

    Attributes
    ----------
    inputs : array
        Signals (n, 3, t) in their own unit, images (n, height, width, channels), or what a classifier takes (n, …).
    labels : int64 (n,)
    images : array (n, …) or None
        Persistence images beside them.
    """

    inputs: np.ndarray
    labels: np.ndarray
    images: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class PaperData:
    """Samples of an experiment.

    Attributes
    ----------
    title : str
        Name and form of the data.
    channels : tuple of str
        Axes of a signal or colours of an image.
    train, val, test : Samples
    """

    title: str
    channels: tuple[str, ...]
    train: Samples
    val: Samples
    test: Samples

    def parts(self) -> dict[str, Samples]:
        """Return the splits by name."""
        return {"train": self.train, "val": self.val, "test": self.test}


def read_data(options: DataOptions) -> PaperData:
    """Read the data that the options name; InputError if they are missing or damaged."""
    if options.kind == "basic-motions":
        data = _basic_motions(options)
    elif options.kind == "usc-had":
        data = _usc_had(options)
    elif options.kind == "medmnist-slices":
        data = _medmnist_slices(options)
    else:
        data = _photographs(options)
    for name, part in data.parts().items():
        if len(part) < 2:
            raise InputError(f"{data.title} has {len(part)} samples in the split {name}: two or more are needed")
    return data


def _basic_motions(options: DataOptions) -> PaperData:
    recordings = read_basic_motions()
    (signals, labels), test = recordings["train"], recordings["test"]
    of_val = _validation(labels)
    frame = options.frame or signals.shape[2]
    parts = [
        _frames(signals[~of_val], labels[~of_val], frame, options.step or frame),
        _frames(signals[of_val], labels[of_val], frame, frame),
        _frames(*test, frame, frame),
    ]
    title = f"BasicMotions, accelerometer, frames of {frame} steps at 10 Hz"
    return PaperData(title, ("x", "y", "z"), *(_limited(part, options.limit) for part in parts))


def _usc_had(options: DataOptions) -> PaperData:
    if options.path is None:
        raise InputError("USC-HAD is read from a folder: give it with --data")
    found = read_usc_had(options.path, frame=options.frame or RATE * FRAME_SECONDS)
    # The last of the training subjects validates.
    subjects = list(USC_HAD_TRAIN_SUBJECTS)
    split = {"train": subjects[:-1], "val": subjects[-1:], "test": sorted({*found.subjects.tolist()} - {*subjects})}
    parts = [found.of(of) for of in split.values()]
    return PaperData(
        "USC-HAD", ("x", "y", "z"), *(_limited(Samples(p.signals, p.labels), options.limit) for p in parts)
    )


def _medmnist_slices(options: DataOptions) -> PaperData:
    source = MedMNIST3D(options.name, data_dir=options.path, limit=options.limit)
    found: dict[str, list[tuple[np.ndarray, Any]]] = {"train": [], "val": [], "test": []}
    for volume in source.volumes():
        assert isinstance(volume, Volume)
        found[str(volume.split)].append((_middle_slices(np.asarray(volume.voxels)), volume.label))
    parts = [
        Samples(np.stack([image for image, _ in listed]), np.array([label for _, label in listed], dtype=np.int64))
        for listed in found.values()
    ]
    return PaperData(f"middle slices of {options.name}", ("axial", "coronal", "sagittal"), *parts)


def _middle_slices(voxels: np.ndarray) -> np.ndarray:
    """Take the middle axial, coronal and sagittal slice of a cube as three channels, uint8 (side, side, 3)."""
    middle = len(voxels) // 2
    return np.stack([voxels[middle], voxels[:, middle], voxels[:, :, middle]], axis=-1)


def _photographs(options: DataOptions) -> PaperData:
    if options.path is None:
        raise InputError(f"{options.kind} is read from a folder: give it with --data")
    read = {"cifar10": read_cifar10, "cifar100": read_cifar100, "svhn": read_svhn}[options.kind]
    train, test = read(options.path)
    of_val = _validation(train.labels)
    parts = [
        Samples(train.images[~of_val], train.labels[~of_val]),
        Samples(train.images[of_val], train.labels[of_val]),
        Samples(test.images, test.labels),
    ]
    return PaperData(options.kind.upper(), ("red", "green", "blue"), *(_limited(part, options.limit) for part in parts))


def _validation(labels: np.ndarray) -> np.ndarray:
    """Choose the samples that validate, bool (n,): the last of every five of a class."""
    chosen = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        chosen[np.flatnonzero(labels == label)[_VALIDATION - 1 :: _VALIDATION]] = True
    return chosen


def _frames(signals: np.ndarray, labels: np.ndarray, frame: int, step: int) -> Samples:
    cut = [cut_frames(signal.T, frame, step) for signal in signals]
    return Samples(np.concatenate(cut), np.repeat(labels, [len(frames) for frames in cut]))


def _limited(part: Samples, limit: int | None) -> Samples:
    """Keep `limit` samples, evenly spread so that every class stays."""
    if limit is None or limit >= len(part):
        return part
    rows: Sequence[int] = np.linspace(0, len(part) - 1, limit).astype(int).tolist()
    return Samples(part.inputs[rows], part.labels[rows])
