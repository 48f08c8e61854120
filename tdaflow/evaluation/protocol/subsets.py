"""Subsets of blocks to choose from: few enough to try all, however many blocks there are."""

from collections.abc import Callable, Hashable, Iterator, Sequence

from tdaflow.homology.regions import WHOLE
from tdaflow.store.block_names import BlockName

ALL_CHANNELS = "all channels"

MOST_SUBSETS = 64
"""A coarser level of subsets is always tried, a finer one only if all of it fits in this number."""

_Key = Callable[[BlockName], Hashable]


def subsets(blocks: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Name the subsets of blocks; the regions of a channel stay together.

    Parameters
    ----------
    blocks : sequence of str
        Names of `tdaflow.store.block_names.BlockName`; others stand for themselves.

    Returns
    -------
    dict
        Name to blocks, small subsets first; of equal subsets only the finest is kept. The levels, from the coarsest:
        all; what is of one kind (images, each vectorisation) and what is in blocks of the volume or in the whole; each
        filtration and each homology dimension; each channel; each kind of each filtration; each kind of each channel.
        Levels are added as long as there are no more than `MOST_SUBSETS` subsets.
    """
    kept: list[dict[str, tuple[str, ...]]] = []
    for level in _levels(blocks):
        if kept and len({members for part in (*kept, level) for members in part.values()}) > MOST_SUBSETS:
            break
        kept.append(level)
    found: dict[tuple[str, ...], str] = {}
    for level in reversed(kept):
        for name, members in level.items():
            found.setdefault(members, name)
    return {name: members for members, name in sorted(found.items(), key=lambda item: len(item[0]))}


def _levels(blocks: Sequence[str]) -> Iterator[dict[str, tuple[str, ...]]]:
    named = {block: BlockName.parsed(block) for block in blocks}
    kinds = {name.kind for name in named.values() if name}
    locations = {_location(name) for name in named.values() if name}

    def level(key: _Key, title: Callable[[BlockName], str]) -> dict[str, tuple[str, ...]]:
        groups: dict[Hashable, list[str]] = {}
        titles: dict[Hashable, str] = {}
        for block, name in named.items():
            if name is not None:
                groups.setdefault(key(name), []).append(block)
                titles[key(name)] = title(name)
        return {titles[k]: tuple(members) for k, members in groups.items()}

    yield {ALL_CHANNELS: tuple(blocks)}
    yield {
        **(level(lambda b: b.kind, lambda b: f"{b.kind}, all channels") if len(kinds) > 1 else {}),
        **(level(_location, lambda b: f"{_location(b)}, all channels") if len(locations) > 1 else {}),
    }
    yield {
        **level(lambda b: b.filtration, lambda b: f"{b.filtration}, all dimensions"),
        **level(lambda b: b.homology_dimension, lambda b: f"H{b.homology_dimension}, all filtrations"),
    }
    alone = {block: (block,) for block, name in named.items() if name is None}
    several = ", all kinds" if len(kinds) > 1 else ""
    yield {**alone, **level(lambda b: b[:2], lambda b: f"{b.filtration} H{b.homology_dimension}{several}")}
    if len(kinds) > 1:
        yield level(lambda b: (b.filtration, b.kind), lambda b: f"{b.filtration} {b.kind}, all dimensions")
        yield level(lambda b: (*b[:2], b.kind), lambda b: str(b._replace(region=WHOLE)))


def _location(name: BlockName) -> str:
    return "whole volume" if name.region == WHOLE else "regions"
