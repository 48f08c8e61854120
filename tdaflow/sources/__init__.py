"""Sources: readers of data sets of 3D volumes.

A source is a frozen dataclass: its fields are its options (so that a configuration can be validated into one), and it
has the methods of `Source` and, for runs that grow with their data, of `Growing`; its class attribute ``location``
names the option that ``--data`` fills. To add a format, write a module and a line in `SOURCES`; import a library that
only that format needs inside its methods.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tdaflow.errors import ConfigError, UnknownOption, did_you_mean, first_invalid
from tdaflow.sources.arrays import Arrays
from tdaflow.sources.dataset import Dataset
from tdaflow.sources.dicom import Dicom
from tdaflow.sources.folder import ImageFolder, Nifti
from tdaflow.sources.images import is_image, volume_from
from tdaflow.sources.manifest import Manifest
from tdaflow.sources.medmnist import MedMNIST3D
from tdaflow.sources.ome_zarr import OmeZarr
from tdaflow.sources.paths import absolute_options
from tdaflow.sources.phantoms import Phantom, Phantoms, phantom
from tdaflow.sources.registry import medmnist3d_entry, medmnist3d_registry
from tdaflow.sources.volume import Growing, Member, Rejected, Source, SourceInfo, Volume, check_voxels

SOURCES: dict[str, type] = {
    "medmnist": MedMNIST3D,
    "arrays": Arrays,
    "phantoms": Phantoms,
    "nifti": Nifti,
    "images": ImageFolder,
    "manifest": Manifest,
    "dataset": Dataset,
    "ome-zarr": OmeZarr,
    "dicom": Dicom,
}

__all__ = [
    "SOURCES",
    "Arrays",
    "Dataset",
    "Dicom",
    "Growing",
    "ImageFolder",
    "Manifest",
    "MedMNIST3D",
    "Member",
    "Nifti",
    "Phantom",
    "Phantoms",
    "Rejected",
    "Source",
    "SourceInfo",
    "Volume",
    "check_voxels",
    "is_image",
    "medmnist3d_entry",
    "medmnist3d_registry",
    "open_source",
    "phantom",
    "volume_from",
]


def open_source(options: Mapping[str, Any] | Source) -> Source:
    """Build a source from plain options.

    Parameters
    ----------
    options : mapping or Source
        ``kind`` (a key of `SOURCES`) and the fields of that dataclass, as TOML or a command line gives them: lists for
        tuples, strings for paths and numbers. Relative paths are resolved against the working folder. A source is
        returned unchanged.

    Returns
    -------
    Source
        With its options checked; no file has been opened yet.

    Raises
    ------
    ConfigError
        For an unknown kind, an unknown or missing option, or an option of the wrong type or value, such as an address
        for a path.
    """
    if not isinstance(options, Mapping):
        return options
    given = dict(options)
    kind = given.pop("kind", None)
    if kind is None:
        raise ConfigError(f"data.kind is not given: choose one of {', '.join(SOURCES)}")
    if kind not in SOURCES:
        raise ConfigError(f"there is no source of kind {kind!r}; {did_you_mean(kind, SOURCES)}")
    fields = [field.name for field in dataclasses.fields(SOURCES[kind])]
    for name in given:
        if name not in fields:
            others = [other for other, cls in SOURCES.items() if name in {f.name for f in dataclasses.fields(cls)}]
            if others:
                known = f"it is one of the kind{'s' * (len(others) > 1)} {', '.join(others)}"
                raise ConfigError(f"the {kind} source has no option {name!r}; {known}")
            raise UnknownOption(f"the {kind} source", name, fields)
    from pydantic import TypeAdapter, ValidationError

    try:
        source: Source = TypeAdapter(SOURCES[kind]).validate_python(absolute_options(given, SOURCES[kind]))
    except ValidationError as error:
        wrong = first_invalid(error)
        if wrong.is_missing and wrong.key in fields:
            raise ConfigError(f"the {kind} source needs the option {wrong.key!r}") from error
        about = f"{wrong.key}={wrong.given!r} of the {kind} source is wrong: " if wrong.key else ""
        raise ConfigError(about + wrong.what) from error
    return source
