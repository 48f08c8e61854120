"""Exact persistence of the cubical filtration of signals, images and volumes.

Rooms, in the order data passes them: ``grid`` (an array with a border), ``links`` (a discrete gradient on every
possible neighbourhood) and ``stars`` (which one each voxel has), ``components`` (H₀, and by duality H₂), ``loops``
(H₁); ``paths`` for signals; ``kernel`` joins them. Bit tricks, sorting and union-find are the alpha kernel's. The
compiled stages are imported, and compiled once per user, on first use (``compiled_cache``); importing this package
costs nothing.
"""

from tdaflow.homology.cubical_kernel.compiled_cache import is_compiled
from tdaflow.homology.cubical_kernel.grid import UnsupportedVolume
from tdaflow.homology.cubical_kernel.kernel import (
    ALGORITHM_VERSION,
    cubical_persistence,
    located_cubical_persistence,
    warmup,
)

__all__ = [
    "ALGORITHM_VERSION",
    "UnsupportedVolume",
    "cubical_persistence",
    "is_compiled",
    "located_cubical_persistence",
    "warmup",
]
