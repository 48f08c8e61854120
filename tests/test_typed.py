"""Type checkers see the public names through the imports that wait for their first use."""

import subprocess
import sys
from importlib import import_module

import pytest

SCRIPT = """
from tdaflow import Cubical, Run, Volume, distances, open_run, persistence_diagram, superpixel_point_cloud
points = superpixel_point_cloud([[[0.0]]], 8)
reveal_type(points.shape)
reveal_type(persistence_diagram(points)[2])
volume = Volume("a", points, spacing=(1.0, 1.0, 2.0))
reveal_type(persistence_diagram(volume, filtration=Cubical(downsample=2)).dimensions)
reveal_type(distances.distance(points, points, distances.Wasserstein(order=2)))
run: Run = open_run("runs/quickstart")
reveal_type(run.sigma)
run.sigma.append(1)
"""


@pytest.mark.slow
def test_a_script_of_a_few_lines_is_checked(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "mypy", "--python-version", "3.12", "--cache-dir", tmp_path / "cache", "script.py"]
    ended = subprocess.run(list(map(str, command)), cwd=tmp_path, capture_output=True, text=True)
    assert "dict[tuple[str, int], float]" in ended.stdout
    assert 'has no attribute "append"' in ended.stdout
    assert ended.stdout.count("error:") == 1, ended.stdout
    assert 'Revealed type is "Any"' not in ended.stdout


@pytest.mark.parametrize("name", ["", ".store", ".store.integrity", ".config", ".pipeline", ".cluster", ".evaluation"])
def test_every_public_name_is_there(name):
    package = import_module(f"tdaflow{name}")
    assert package.__all__
    for public in package.__all__:
        assert getattr(package, public) is not None
