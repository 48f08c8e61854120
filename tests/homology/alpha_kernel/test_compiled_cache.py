"""Importing compiles nothing; what is compiled is private, shared by processes, and survives an unwritable home."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tdaflow.homology.alpha_kernel import cache_directory, is_compiled, warmup

IMPORT = """
import sys, tdaflow, tdaflow.homology, tdaflow.homology.alpha_kernel as kernel
assert not {"numba", "llvmlite", "gudhi"} & set(sys.modules), sorted(sys.modules)
"""
BARS = """
import sys
import numpy as np
from tdaflow.homology.alpha_kernel import alpha_persistence, cache_directory
bars, _ = alpha_persistence(np.random.default_rng(0).integers(0, 9, (40, 4)).astype(float))
assert "gudhi" not in sys.modules
print(sum(float(b.sum()) for b in bars.values()), cache_directory())
"""


def python(code, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process):
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err
    return out


def test_importing_loads_neither_numba_nor_gudhi():
    finished(python(IMPORT))


def test_warming_up_leaves_everything_compiled():
    assert warmup() > 0
    assert is_compiled()


def test_each_function_is_compiled_for_one_signature():
    from tdaflow.homology.alpha_kernel.compiled_cache import stage

    warmup()
    for module, functions in {
        "delaunay": ["triangulate"],
        "faces": ["tetrahedra_of_cells", "cells_containing", "triangles_of_tetrahedra", "edges_of_triangles"],
        "values": ["cell_spheres", "tetrahedron_values", "triangle_values", "edge_values"],
        "sorting": ["sort_by_value"],
        "persistence": ["merge_components", "merge_voids", "reduce_columns", "collect_bars", "collect_pairs"],
    }.items():
        for name in functions:
            assert len(getattr(stage(module), name).nopython_signatures) == 1, name


@pytest.mark.skipif("NUMBA_CACHE_DIR" in os.environ, reason="the user has chosen a directory")
def test_the_cache_is_private():
    warmup()
    directory = cache_directory()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert any(directory.rglob("*.nbi"))


def test_numba_keeps_its_own_directory():
    warmup()
    from numba import config

    assert str(cache_directory()) != config.CACHE_DIR or "NUMBA_CACHE_DIR" in os.environ


def test_a_home_that_cannot_be_written_uses_a_private_temporary_directory(tmp_path):
    """A file in the way stands for a read-only home, which a privileged user could write all the same."""
    home = tmp_path / "cache"
    home.write_text("")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    code = "from tdaflow.homology.alpha_kernel import cache_directory as d; print(d())"
    environment = {"XDG_CACHE_HOME": str(home), "TMPDIR": str(temporary)}
    environment |= {"HOME": str(home), "NUMBA_CACHE_DIR": ""}
    directory = Path(finished(python(code, **environment)).strip())
    assert directory.is_relative_to(temporary)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    # A directory that others could have put there is not trusted.
    directory.parent.chmod(0o777)
    again = Path(finished(python(code, **environment)).strip())
    assert stat.S_IMODE(again.parent.stat().st_mode) == 0o700


def test_several_processes_start_at_once():
    warmup()
    outputs = {finished(process) for process in [python(BARS) for _ in range(3)]}
    assert len(outputs) == 1
