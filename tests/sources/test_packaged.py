"""Packaged files are found in a checkout and in an installed wheel."""

import tomllib
from pathlib import Path
from typing import get_args

import pytest

import tdaflow
from tdaflow import packaged
from tdaflow.errors import InputError
from tdaflow.packaged import packaged_file, packaged_folder, packaged_names


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package folder laid out as in an installed wheel."""
    for name in ("quickstart.toml", "cluster.yaml", ".keep"):
        path = tmp_path / "site" / "tdaflow" / "_packaged" / "workflows" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setattr(packaged, "files", lambda package: tmp_path / "site" / package)
    return tmp_path / "site" / "tdaflow"


def test_a_wheel_keeps_them_inside_the_package(installed):
    assert packaged_folder("workflows") == installed / "_packaged" / "workflows"
    assert packaged_names("workflows") == ("cluster.yaml", "quickstart.toml")


def test_the_suffix_may_be_left_out(installed):
    assert packaged_file("workflows", "quickstart") == packaged_file("workflows", "quickstart.toml")
    assert packaged_file("workflows", "cluster").name == "cluster.yaml"


def test_a_missing_name_lists_what_there_is(installed):
    for name in ("slowstart", "../workflows/quickstart", ".keep", ""):
        with pytest.raises(InputError, match=r"no file .*: choose one of cluster\.yaml, quickstart\.toml"):
            packaged_file("workflows", name)


def test_a_missing_folder_is_an_error(installed):
    with pytest.raises(InputError, match=r"'cluster' is missing .* reinstall"):
        packaged_folder("cluster")
    with pytest.raises(InputError, match="no packaged folder is called 'docs'"):
        packaged_folder("docs")


def test_a_wheel_gets_every_folder():
    # Of a checkout; .ci/full builds the wheel, installs it and runs from it.
    root = Path(__file__).parents[2]
    built = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    wanted = {folder: f"tdaflow/_packaged/{folder}" for folder in get_args(packaged.Folder)}
    assert built["force-include"] == wanted
    assert all((root / folder).is_dir() for folder in wanted)


def test_here_the_registry_is_found():
    assert packaged_file("data", "medmnist3d").is_file()
    assert Path(tdaflow.__file__).parent in (
        packaged_folder("data").parents[1],
        packaged_folder("data").parent / "tdaflow",
    )
