"""Find the file that a user names: a TOML file, or a workflow that comes with tdaflow."""

import os
import tomllib
from contextlib import suppress
from pathlib import Path

from tdaflow.config.presets import RENAMED
from tdaflow.errors import ConfigError, InputError
from tdaflow.packaged import packaged_file, packaged_names
from tdaflow.remote import is_address, place


def find_config(name: str) -> Path | None:
    """Path of a TOML file, or of the packaged workflow of that name; None if there is neither.

    A bare name means the workflow even if a folder is called so: results are often kept under its name.
    """
    if is_address(name):
        return None
    path = Path(name)
    if path.suffix == ".toml" and path.is_file():
        return path
    if os.sep not in name or not path.exists():
        for given in (name.removeprefix("workflows/"), path.name):
            with suppress(InputError):
                return packaged_file("workflows", given)
    return None


def config_or_data(name: str) -> tuple[Path | None, Path]:
    """Return the configuration of a name, None if it stands for data, and the name as a path.

    Raises
    ------
    ConfigError
        If there is nothing of that name.
    """
    path, config = place(name), find_config(name)
    if config is None and not path.exists():
        if name in RENAMED:
            raise ConfigError(f"the workflow {name!r} is called {RENAMED[name]!r} now; give that name")
        raise ConfigError(
            f"there is no file {name} and no workflow of that name; workflows are: {', '.join(run_workflows())}"
        )
    return config, path


def run_workflows() -> list[str]:
    """Return the names of packaged workflows that are runs, without grids of sweeps and plans of tables."""
    paths = {
        name.removesuffix(".toml"): packaged_file("workflows", name)
        for name in packaged_names("workflows")
        if name.endswith(".toml")
    }
    return [name for name, path in paths.items() if "data" in tomllib.loads(path.read_text(encoding="utf-8"))]
