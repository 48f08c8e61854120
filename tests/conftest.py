"""Fixtures shared by all rooms."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real volumes; tests that ask for it are skipped where there is none."""
    root = os.environ.get("TDAFLOW_DATA")
    if not root or not Path(root).is_dir():
        if os.environ.get("TDAFLOW_REQUIRE_DATA"):
            pytest.fail("TDAFLOW_REQUIRE_DATA is set, but TDAFLOW_DATA is no folder")
        pytest.skip("set TDAFLOW_DATA to the folder of real volumes")
    return Path(root)
