"""CIFAR-10, CIFAR-100 and SVHN from their published files.

Krizhevsky, "Learning multiple layers of features from tiny images" (2009), the binary version; Netzer et al., "Reading
digits in natural images with unsupervised feature learning" (2011), the cropped digits.
"""

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError
from tdaflow.sources.fetch import fetch
from tdaflow.sources.registry import PublishedFile

SIDE = 32
_PIXELS = 3 * SIDE * SIDE

CIFAR_URL = "https://www.cs.toronto.edu/~kriz/"
SVHN_URL = "http://ufldl.stanford.edu/housenumbers/"

PUBLISHED: Mapping[str, PublishedFile] = {
    "cifar-10-binary.tar.gz": PublishedFile(CIFAR_URL + "cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),
    "cifar-100-binary.tar.gz": PublishedFile(CIFAR_URL + "cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"),
    "train_32x32.mat": PublishedFile(SVHN_URL + "train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
    "test_32x32.mat": PublishedFile(SVHN_URL + "test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
}


@dataclass(frozen=True)
class Photographs:
    """Labelled photographs.

    Attributes
    ----------
    images : uint8 (n, 32, 32, 3)
    labels : int64 (n,)
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def read_cifar10(folder: Path, *, download: bool = False) -> tuple[Photographs, Photographs]:
    """Read the training and test images of CIFAR-10.

    Parameters
    ----------
    folder : Path
        Holds ``cifar-10-binary.tar.gz``.
    download : bool
        Fetch it if it is not there.

    Raises
    ------
    InputError
        If the file is missing, is not the published format, or cannot be fetched.
    """
    archive = _present(folder, "cifar-10-binary.tar.gz", download=download)
    parts = [_records(archive, f"data_batch_{number}.bin", 1) for number in range(1, 6)]
    train = Photographs(np.concatenate([p.images for p in parts]), np.concatenate([p.labels for p in parts]))
    return train, _records(archive, "test_batch.bin", 1)


def read_cifar100(folder: Path, *, download: bool = False) -> tuple[Photographs, Photographs]:
    """Read the training and test images of CIFAR-100 with their fine labels; see `read_cifar10`."""
    archive = _present(folder, "cifar-100-binary.tar.gz", download=download)
    return _records(archive, "train.bin", 2), _records(archive, "test.bin", 2)


def read_svhn(folder: Path, *, download: bool = False) -> tuple[Photographs, Photographs]:
    """Read the training and test digits of SVHN, format 2; label 10 of the files is the digit 0. See `read_cifar10`."""
    train, test = (_present(folder, f"{part}_32x32.mat", download=download) for part in ("train", "test"))
    return _digits(train), _digits(test)


def _present(folder: Path, name: str, *, download: bool) -> Path:
    path = Path(folder) / name
    if path.is_file():
        return path
    if not download:
        raise InputError(f"there is no {path}: put {PUBLISHED[name].url} there, or allow the download")
    return fetch(PUBLISHED[name], path)


def _records(archive: Path, name: str, n_labels: int) -> Photographs:
    """Read records of `n_labels` label bytes, the last of which counts, and 3072 pixels: red, green, blue, by rows."""
    try:
        with tarfile.open(archive) as opened:
            member = next((m for m in opened if m.isfile() and Path(m.name).name == name), None)
            stream = opened.extractfile(member) if member is not None else None
            if stream is None:
                raise InputError(f"{archive} holds no {name}: it is not the published binary version")
            raw = np.frombuffer(stream.read(), dtype=np.uint8)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(f"{archive} cannot be read ({error}): download it again") from None
    size = n_labels + _PIXELS
    if raw.size == 0 or raw.size % size:
        raise InputError(f"{name} in {archive} has {raw.size:,} bytes, no multiple of {size}: download it again")
    rows = raw.reshape(-1, size)
    images = rows[:, n_labels:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return Photographs(np.ascontiguousarray(images), rows[:, n_labels - 1].astype(np.int64))


def _digits(path: Path) -> Photographs:
    from scipy.io import loadmat

    try:
        found = loadmat(path, variable_names=["X", "y"])
        images, labels = np.asarray(found["X"]), np.asarray(found["y"]).ravel().astype(np.int64)
    except Exception as error:  # whatever damaged bytes make of a MATLAB file
        raise InputError(f"{path} cannot be read ({type(error).__name__}: {error}): download it again") from None
    if images.ndim != 4 or images.shape[:3] != (SIDE, SIDE, 3) or images.shape[3] != len(labels):
        raise InputError(f"{path} holds images of shape {images.shape} and {len(labels)} labels, not SVHN's format 2")
    return Photographs(np.ascontiguousarray(images.transpose(3, 0, 1, 2)).astype(np.uint8), labels % 10)
