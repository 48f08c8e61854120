"""Exact persistence of the alpha filtration of lattice points in R⁴.

Rooms, in the order data passes them: ``lattice`` (integers from coordinates, and the arithmetic that is exact for
them), ``order`` (insertion order), ``predicates``, ``cavity`` and ``delaunay``, ``faces``, ``values``, ``sorting``,
``persistence`` (with ``bits``); ``complex`` and ``kernel`` join them in one ``arena``. The compiled stages are
imported, and compiled once per user, on first use (``compiled_cache``); importing this package costs nothing.
"""

from tdaflow.compiled_cache import cache_directory
from tdaflow.homology.alpha_kernel.compiled_cache import is_compiled
from tdaflow.homology.alpha_kernel.kernel import (
    ALGORITHM_VERSION,
    alpha_persistence,
    located_alpha_persistence,
    warmup,
)
from tdaflow.homology.alpha_kernel.lattice import UnsupportedCloud

__all__ = [
    "ALGORITHM_VERSION",
    "UnsupportedCloud",
    "alpha_persistence",
    "cache_directory",
    "is_compiled",
    "located_alpha_persistence",
    "warmup",
]
