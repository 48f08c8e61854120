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


# What works on arrays and stores; errors of input are found without it.
WORKING = {"zarr", "scipy", "dask", "xarray", "pandas"}


def loaded_by_verb(*arguments: object) -> set[str]:
    """Top-level modules that are loaded after a command line ended."""
    code = f"import sys; sys.argv = {['tdaflow', *map(str, arguments)]}\nfrom tdaflow.__main__ import main\n"
    return loaded_by(f"{code}try: main()\nexcept SystemExit: pass")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "missing.toml"],
        ["status", "nowhere"],
        ["report", "nowhere"],
        ["evaluate", "nowhere"],
        ["apply", "nowhere", "nowhere", "--out", "x"],
        ["try", "nowhere"],
        ["pinet", "predict", "nowhere", "nowhere", "--out", "x"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_is_missing_is_said_before_anything_is_imported_that_works_on_it(arguments):
    assert not loaded_by_verb(*arguments) & (HEAVY | WORKING | {"numpy"})


@pytest.mark.parametrize(
    "option", [["--set", "imags.epsilon=1"], ["--set", "images.epsilon=2"], ["--cluster", "thread"]], ids=" ".join
)
def test_a_wrong_option_is_said_before_anything_is_imported_that_computes(option, tmp_path):
    assert not loaded_by_verb("run", "quickstart", "--out", tmp_path, *option) & (HEAVY | WORKING)


def test_what_a_run_its_resumption_and_its_status_load(tdaflow, config, tmp_path):
    run = ["run", config(), "--out", tmp_path / "run", "--cluster", "sync"]
    assert not loaded_by_verb(*run) & {"distributed", "sklearn", "pandas", "gudhi"}
    assert not loaded_by_verb(*run) & (HEAVY | WORKING - {"zarr"})
    assert not loaded_by_verb("status", tmp_path / "run") & (HEAVY | WORKING | {"numpy"})


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
