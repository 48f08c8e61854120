"""The images of a feature store as one row of pixels a volume, channel after channel."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tdaflow.errors import InputError
from tdaflow.store import ChannelAxes
from tdaflow.store.block_names import BlockName
from tdaflow.store.zarr_layout import member, open_group


def channel_name(channel: ChannelAxes) -> str:
    """Return the name of a channel in features, such as "alpha H1"."""
    return str(BlockName(channel.filtration, channel.homology_dimension, channel.region))


def channel_shape(channel: ChannelAxes) -> tuple[int, int]:
    """Return rows and columns; one column for a vector."""
    return len(channel.death), 1 if channel.vector else len(channel.birth)


def n_pixels(channel: ChannelAxes) -> int:
    """Count the pixels of one image."""
    rows, columns = channel_shape(channel)
    return rows * columns


def chosen_blocks(channels: Sequence[ChannelAxes], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Find the names of the wanted channels, in the order given by `channels`.

    Parameters
    ----------
    channels : sequence of ChannelAxes
    wanted : sequence of str or None
        Filtrations ("alpha"), one homology dimension of one ("alpha/2"), or names ("alpha H2"); None for all.

    Raises
    ------
    InputError
        For a name that no channel has.
    """
    spellings = [{c.filtration, f"{c.filtration}/{c.homology_dimension}", channel_name(c)} for c in channels]
    for name in wanted or ():
        if not any(name in accepted for accepted in spellings):
            known = ", ".join(dict.fromkeys(f"{c.filtration}/{c.homology_dimension}" for c in channels))
            raise InputError(f"the run has no channel {name!r}: choose from {known}, or a filtration")
    return tuple(
        channel_name(c)
        for c, accepted in zip(channels, spellings, strict=True)
        if wanted is None or accepted & set(wanted)
    )


def read_pixels(path: Path, channels: Sequence[ChannelAxes], blocks: Sequence[str], rows: np.ndarray) -> np.ndarray:
    """Read the pixels of some channels and volumes of a finished feature store.

    Parameters
    ----------
    path : Path
        A ``features.zarr``.
    channels : sequence of ChannelAxes
        All channels of the store, in the run's order.
    blocks : sequence of str
        Names of the wanted ones.
    rows : int array
        Positions on the volume axis, ascending.

    Returns
    -------
    float32 (len(rows), pixels)
        Chunks are read one by one, and only those that hold a row.
    """
    group = open_group(path, "feature store")
    wanted = [c for c in channels if channel_name(c) in blocks]
    left = np.cumsum([0, *(n_pixels(c) for c in wanted)])
    found = np.empty((len(rows), left[-1]), dtype=np.float32)
    for name, vector in (("persistence_image", False), ("persistence_vector", True)):
        position_of = {channel_name(c): i for i, c in enumerate(c for c in channels if c.vector is vector)}
        here = [(i, position_of[channel_name(c)]) for i, c in enumerate(wanted) if c.vector is vector]
        if not here:
            continue
        array = member(group, name)
        step = array.chunks[0]
        for chunk in np.unique(rows // step):
            inside = np.flatnonzero(rows // step == chunk)
            values = np.asarray(array[chunk * step : (chunk + 1) * step])[rows[inside] - chunk * step]
            for i, position in here:
                found[inside, left[i] : left[i + 1]] = values[:, position].reshape(len(inside), -1)
    return found


def read_text(path: Path, column: str) -> list[str]:
    """Read one of the text columns ``id``, ``split`` and ``group`` of a feature store."""
    return [str(value) for value in np.asarray(member(open_group(path, "feature store"), column)[...])]


def split_pixels(pixels: np.ndarray, channels: Sequence[ChannelAxes]) -> list[np.ndarray]:
    """Split rows of pixels into channels: one array (n, pixels of the channel) each."""
    return np.split(pixels, np.cumsum([n_pixels(c) for c in channels])[:-1], axis=1)
