"""Memory that a process frees and keeps."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import numpy as np
from tdaflow.nets.allocator import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "keep" else None
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * 4096
start = resident()
block = np.ones(25_000_000)
del block
print(kept, resident() - start)
"""


def grown(how: str) -> tuple[str, int]:
    """What the function said, and by how many bytes a process stays larger after freeing 200 MB."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    said, size = done.stdout.split()
    return said, int(size)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_process_that_keeps_memory_stays_as_large_as_it_was():
    said, size = grown("keep")
    if said == "False":
        pytest.skip("another C library than glibc")
    assert size > 150_000_000
    assert grown("usual")[1] < 50_000_000
