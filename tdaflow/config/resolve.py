"""Find a configuration by what a user names: a TOML file, a packaged workflow, or data themselves."""

import json
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

from tdaflow.config.load import find_config, load_config
from tdaflow.config.model import RunConfig
from tdaflow.config.presets import RENAMED
from tdaflow.config.toml import toml_value
from tdaflow.errors import ConfigError
from tdaflow.packaged import packaged_file, packaged_names
from tdaflow.remote import place
from tdaflow.sources.guess import guess_source


def read_config(
    name: str, data: Path | None = None, overrides: Sequence[str] = (), *, say: Callable[[str], None]
) -> tuple[RunConfig, str]:
    """Return the configuration that a name stands for, and a name for its run.

    Parameters
    ----------
    name : str
        A TOML file, the name of a packaged workflow, or data: a volume store, or a folder or file whose kind is
        recognised by its content.
    data : Path, optional
        Where the files of the source are.
    overrides : sequence of str
        ``section.key=value``.
    say : callable
        Is told as which kind data are read.

    Raises
    ------
    ConfigError, InputError
        If there is nothing of that name, or the configuration is not valid.
    """
    path, config = place(name), find_config(name)
    if config is not None:
        return load_config(config, overrides, data=data), config.stem
    if not path.exists():
        if name in RENAMED:
            raise ConfigError(f"the workflow {name!r} is called {RENAMED[name]!r} now; give that name")
        raise ConfigError(
            f"there is no file {name} and no workflow of that name; workflows are: {', '.join(run_workflows())}"
        )
    if data is not None:
        raise ConfigError(f"{name} are data already: leave out --data, or give a configuration")
    assigned, stem = data_settings(path, say)
    return load_config(None, [*assigned, *overrides]), stem


def data_settings(path: Path, say: Callable[[str], None]) -> tuple[list[str], str]:
    """Return assignments of the section data for a store, folder or file, and a name for the output folder."""
    store = path / "volumes.zarr" if (path / "volumes.zarr").is_dir() else path
    if is_volume_store(store):
        if store != path:
            raise ConfigError(f"{path} is the folder of a run or an ingest: give its volumes with {store}")
        return [f"data.store={toml_value(str(store.resolve()))}"], path.resolve().parent.name
    found = guess_source(path)
    say(f"{found.what}: read as kind {found.kind!r}; options of that kind are set with --set data.OPTION=VALUE")
    # Folders of DICOM files are often named after patients.
    stem = "dicom" if found.kind == "dicom" else path.resolve().name.split(".")[0]
    return [f"data.{name}={toml_value(value)}" for name, value in found.options.items()], stem or "data"


def run_workflows() -> list[str]:
    """Return the names of packaged workflows that are runs, without grids of sweeps and plans of tables."""
    paths = {
        name.removesuffix(".toml"): packaged_file("workflows", name)
        for name in packaged_names("workflows")
        if name.endswith(".toml")
    }
    return [name for name, path in paths.items() if "data" in tomllib.loads(path.read_text(encoding="utf-8"))]


def is_volume_store(path: Path) -> bool:
    """True if a folder is a volume store of tdaflow, intact or damaged; Zarr is not imported."""
    try:
        attributes = json.loads((path / "zarr.json").read_bytes())["attributes"]["tdaflow"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return (path / "table").is_dir() or "n_entries" in attributes
