"""What an import costs, and which room may know which."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "distributed", "matplotlib", "gudhi", "numba", "medmnist", "pydicom", "nibabel", "skimage", "sklearn"}


def loaded_by(code: str) -> set[str]:
    """Top-level modules that are loaded after some code ran in a fresh interpreter."""
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*{{n.partition('.')[0] for n in sys.modules}})"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(shown.stdout.splitlines()[-1].split())


def test_importing_tdaflow_loads_nothing_beside_itself():
    assert not loaded_by("import tdaflow") & (HEAVY | {"numpy", "zarr", "dask", "pydantic", "typer"})


@pytest.mark.parametrize(
    "code",
    [
        "import tdaflow.cli",
        "import tdaflow.cli.run, tdaflow.cli.plan, tdaflow.cli.status",
        "import tdaflow.pipeline, tdaflow.cluster",
        "from tdaflow import superpixel_point_cloud, persistence_diagram, persistence_image, sigma_from_epsilon",
    ],
)
def test_no_import_loads_a_heavy_library_or_a_readers(code):
    assert not loaded_by(code) & HEAVY


def test_the_command_line_answers_before_it_loads_the_pipeline():
    assert not loaded_by("import tdaflow.cli") & {"numpy", "zarr", "dask", "xarray", "pydantic"}


def test_no_room_imports_from_a_room_above_it():
    root = Path(__file__).parents[2]
    checked = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
