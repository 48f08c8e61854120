"""The cubical kernel is compiled once, apart from its users, and for everything it is given."""

import subprocess
import sys

import numpy as np

from tdaflow.homology.cubical_kernel import cubical_persistence, is_compiled, warmup
from tdaflow.homology.cubical_kernel.compiled_cache import stage
from tdaflow.homology.signals import signal_persistence

IMPORT = """
import sys, tdaflow.homology, tdaflow.homology.cubical_kernel, tdaflow.homology.signals
assert not {"numba", "llvmlite", "gudhi"} & set(sys.modules), sorted(sys.modules)
"""


def test_importing_loads_neither_numba_nor_gudhi():
    subprocess.run([sys.executable, "-c", IMPORT], check=True)


def test_warming_up_leaves_everything_compiled():
    assert warmup() > 0
    assert is_compiled()


def test_whatever_the_array_each_function_is_compiled_for_one_signature():
    for shape in ((1,), (9,), (4, 5), (3, 4, 5), (1, 1, 1)):
        values = np.random.default_rng(0).random(shape)
        values.flags.writeable = False
        for array in (values, values.T, values[::-1]):
            cubical_persistence(array, range(array.ndim), "vertices")
            cubical_persistence(array, range(array.ndim), "top", 2)
    signal_persistence(np.asfortranarray(np.ones((3, 4))))
    for module, functions in {
        "paths": ["path_components"],
        "links": ["catalogue"],
        "stars": ["lower_links"],
        "components": ["merge_components", "merge_voids"],
        "loops": ["mark_edges", "number_edges", "follow_edges", "pair_loops"],
    }.items():
        for name in functions:
            assert len(getattr(stage(module), name).nopython_signatures) == 1, name
