"""Published facts about the MedMNIST3D data sets, read from ``data/medmnist3d.toml``."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from tdaflow.errors import InputError
from tdaflow.packaged import packaged_file


@dataclass(frozen=True)
class PublishedFile:
    """URL and MD5 checksum of a published file."""

    url: str
    md5: str


@dataclass(frozen=True)
class DatasetEntry:
    """One data set of the registry.

    Parameters
    ----------
    name : str
        Key in the registry and stem of the file, such as ``"organmnist3d"``.
    title : str
        Name as published, such as ``"OrganMNIST3D"``.
    modality, task, licence : str
        As published.
    class_names : tuple of str
        In the order of the integer labels.
    splits : mapping of str to int
        Number of volumes in train, val and test.
    files : mapping of int to PublishedFile
        By edge length of the cubic volumes in voxels.
    """

    name: str
    title: str
    modality: str
    task: str
    licence: str
    class_names: tuple[str, ...]
    splits: Mapping[str, int]
    files: Mapping[int, PublishedFile]


@lru_cache(maxsize=1)
def medmnist3d_registry() -> Mapping[str, DatasetEntry]:
    """Return all data sets of the registry by name."""
    table = tomllib.loads(packaged_file("data", "medmnist3d.toml").read_text(encoding="utf-8"))
    return {
        name: DatasetEntry(
            name=name,
            title=entry["title"],
            modality=entry["modality"],
            task=entry["task"],
            licence=entry["licence"],
            class_names=tuple(entry["class_names"]),
            splits=entry["splits"],
            files={int(size): PublishedFile(**file) for size, file in entry["files"].items()},
        )
        for name, entry in table.items()
    }


def medmnist3d_entry(name: str) -> DatasetEntry:
    """Return one data set of the registry.

    Raises
    ------
    InputError
        If the name is unknown; the message lists the known ones.
    """
    registry = medmnist3d_registry()
    if name not in registry:
        raise InputError(f"there is no MedMNIST3D set called {name!r}: choose one of {', '.join(registry)}")
    return registry[name]
