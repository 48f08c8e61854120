"""Features of a run as an xarray Dataset, and all of them side by side as one labelled matrix."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tdaflow.errors import InputError
from tdaflow.remote import place
from tdaflow.store.block_names import IMAGE, BlockName
from tdaflow.store.column_names import ColumnNames
from tdaflow.store.features import FORMAT, other_format
from tdaflow.store.zarr_layout import noted_in, open_dataset

if TYPE_CHECKING:
    import xarray as xr


def load_features(path: str | Path) -> "xr.Dataset":
    """Open the features of a run.

    Parameters
    ----------
    path : str or Path
        Folder of a finished run, or its ``features.zarr``.

    Returns
    -------
    xarray.Dataset
        ``persistence_image (volume, channel, y, x)``, channels with one column (alpha H0) in
        ``persistence_vector (volume, vector_channel, y)``, vectorisations in ``summary (volume, summary_feature)``;
        read when used. ``volume`` and ``channel`` are indexes: ``.sel(volume="case_07", channel="alpha H2")``. Text is
        NumPy text, every variable has ``long_name`` and ``units``, and ``to_netcdf`` works.

    Raises
    ------
    InputError
        If there is no finished feature store, or one of another version.
    DamagedStore
        If its metadata or coordinates are not as they were written; later, if an image is that is read.

    See Also
    --------
    feature_matrix : all channels and vectorisations as one matrix.
    """
    path = place(path)
    store = path if path.suffix == ".zarr" else path / "features.zarr"
    if not (store / "zarr.json").is_file():
        raise InputError(f"{path} has no features yet; run it to its end")
    data = open_dataset(store, "feature store")
    if noted_in(data.attrs).get("format") != FORMAT:
        raise other_format(store)
    # Variable-width strings come as a dtype that netCDF and many functions do not know.
    text = {
        name: (v.dims, np.array([str(value) for value in v.values], dtype=np.str_), v.attrs)
        for name, v in data.variables.items()
        if v.dtype.kind in "OT"
    }
    return data.assign_coords({**{name: c.compute() for name, c in data.coords.items()}, **text})


def feature_matrix(features: "xr.Dataset") -> "xr.DataArray":
    """Put every channel and vectorisation side by side: one row a volume, H0 included.

    Parameters
    ----------
    features : xarray.Dataset
        From `load_features`, or a part of it chosen by ``sel`` or ``isel`` on ``volume``.

    Returns
    -------
    xarray.DataArray
        ``(volume, feature)`` in the dtype of the images, read when used. The index ``feature`` holds names of letters,
        digits and underscores that are distinct and the same in every run of the same configuration, such as
        ``alpha_H2_p07_b12`` for row 7 (persistence; ``d`` for death) and column 12 (birth); ``channel`` beside it holds
        "alpha H2".
    """
    import xarray as xr

    names, channels, parts = ColumnNames(), [], []
    for block, columns, values in _blocks(features):
        parts.append(values)
        channels += [str(block)] * values.shape[1]
        names.add(block, columns)
    coordinates = {name: c for name, c in features.coords.items() if c.dims == ("volume",)}
    labels = {"feature": names.all(), "channel": ("feature", np.array(channels, dtype=np.str_))}
    matrix = xr.concat(parts, "feature", combine_attrs="drop").transpose("volume", "feature").rename("features")
    return matrix.assign_coords({**coordinates, **labels})


def _blocks(features: "xr.Dataset") -> Iterator[tuple[BlockName, list[str], "xr.DataArray"]]:
    """Every channel and vectorisation: its name, names of its columns, values (volume, feature) without labels."""
    second = "d" if "death" in features or "vector_death" in features else "p"
    for name, prefix in (("persistence_vector", "vector_"), ("persistence_image", "")):
        if name not in features:
            continue
        values = features[name].drop_vars(features[name].coords)
        sizes = values.shape[2:]
        digits = [len(str(n - 1)) for n in sizes]
        columns = [
            "_".join(f"{axis}{k:0{width}}" for axis, k, width in zip(f"{second}b", where, digits, strict=False))
            for where in np.ndindex(*sizes)
        ]
        for position, block in enumerate(_labels(features, prefix)):
            flat = values.isel({f"{prefix}channel": position}).stack(feature=values.dims[2:], create_index=False)
            yield block, columns, flat
    if "summary" in features:
        kinds = features["summary_vectorisation"].values
        blocks = [
            block._replace(kind=str(kind)) for block, kind in zip(_labels(features, "summary_"), kinds, strict=True)
        ]
        terms = features["summary_term"].values
        values = features["summary"].drop_vars(features["summary"].coords).rename(summary_feature="feature")
        for block in dict.fromkeys(blocks):
            here = [i for i, other in enumerate(blocks) if other == block]
            yield block, [str(terms[i]) for i in here], values.isel(feature=here)


def _labels(features: "xr.Dataset", prefix: str) -> Iterator[BlockName]:
    """Names of the channels along an axis."""
    names = (features[f"{prefix}{name}"].values for name in ("filtration", "homology_dimension", "region"))
    for filtration, dimension, region in zip(*names, strict=True):
        yield BlockName(str(filtration), int(dimension), str(region), IMAGE)
