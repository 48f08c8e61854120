"""Work that several filtrations of one volume share: smoothing, distances, masks, values of either direction."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = TypeVar("Array", bound=np.ndarray)

# Filtrations with work in common follow each other in a configuration; each array held is as large as the volume.
_HELD = 4


class SharedWork:
    """The arrays computed last from a volume, to be found again by the filtrations that come after."""

    def __init__(self) -> None:
        self._found: OrderedDict[Hashable, tuple[NDArray[Any], NDArray[Any]]] = OrderedDict()

    @contextmanager
    def known(self) -> Iterator[None]:
        """Let `once` look up here within the block. The volumes it is asked for must not change meanwhile."""
        token = _known.set(self)
        try:
            yield
        finally:
            _known.reset(token)

    def once(self, volume: NDArray[Any], key: Hashable, compute: Callable[[], Array]) -> Array:
        """See `once`."""
        place = id(volume), key
        if place not in self._found:
            found = compute()
            found.flags.writeable = False
            # The volume is kept, so that no other gets its id.
            self._found[place] = volume, found
            if len(self._found) > _HELD:
                self._found.popitem(last=False)
        self._found.move_to_end(place)
        return self._found[place][1]  # type: ignore[return-value]


_known: ContextVar[SharedWork | None] = ContextVar("shared_work", default=None)


def once(volume: NDArray[Any], key: Hashable, compute: Callable[[], Array]) -> Array:
    """Compute an array from a volume or, within `SharedWork.known`, look it up there; read-only then.

    Parameters
    ----------
    volume : array
    key : hashable
        What is computed, and all options it depends on.
    compute : callable
        Returns a new array.
    """
    work = _known.get()
    return compute() if work is None else work.once(volume, key, compute)
