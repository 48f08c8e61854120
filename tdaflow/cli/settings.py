"""Turn a request into a validated configuration and a folder."""

import json
import tomllib
from pathlib import Path

from rich.console import Console

from tdaflow.cli.request import Request
from tdaflow.cluster import ClusterSpec, read_spec
from tdaflow.config import RunConfig, find_config, load_config
from tdaflow.config.presets import RENAMED
from tdaflow.errors import ConfigError
from tdaflow.packaged import packaged_file, packaged_names
from tdaflow.sources.guess import guess_source


def read_settings(request: Request) -> tuple[RunConfig, Path]:
    """Read the configuration of a request, and the folder of its run, which need not exist.

    CONFIG is a TOML file, the name of a packaged workflow, or data: a volume store, or a folder or file whose kind is
    recognised by its content and printed on stderr.
    """
    config, stem = _read(request.config, request.data, list(request.overrides))
    return config, request.out or Path("runs") / stem


def read_cluster(request: Request, config: RunConfig) -> ClusterSpec:
    """Return where tasks run: as the command line says, else as the configuration does."""
    workers = request.workers if request.workers is not None else config.run.workers
    return read_spec(request.cluster or config.run.cluster, workers)


def _read(name: str, data: Path | None, overrides: list[str]) -> tuple[RunConfig, str]:
    """Return the configuration, and a name for its run."""
    path, config = Path(name), find_config(name)
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
    assigned, stem = _data_settings(path)
    return load_config(None, [*assigned, *overrides]), stem


def _data_settings(path: Path) -> tuple[list[str], str]:
    """Return assignments of the section data, and a name for the output folder."""
    store = path / "volumes.zarr" if (path / "volumes.zarr").is_dir() else path
    if is_volume_store(store):
        if store != path:
            raise ConfigError(f"{path} is the folder of a run or an ingest: give its volumes with {store}")
        return [f"data.store={_toml(store.resolve())}"], path.resolve().parent.name
    found = guess_source(path)
    say(f"{found.what}: read as kind {found.kind!r}; options of that kind are set with --set data.OPTION=VALUE")
    # Folders of DICOM files are often named after patients.
    stem = "dicom" if found.kind == "dicom" else path.resolve().name.split(".")[0]
    return [f'data.kind="{found.kind}"', f"data.path={_toml(found.path)}"], stem or "data"


def run_workflows() -> list[str]:
    """Names of the packaged workflows that are runs, without grids of sweeps and plans of tables."""
    paths = {name.removesuffix(".toml"): packaged_file("workflows", name) for name in packaged_names("workflows")}
    return [name for name, path in paths.items() if "data" in tomllib.loads(path.read_text(encoding="utf-8"))]


def is_volume_store(path: Path) -> bool:
    """True if a folder is a volume store of tdaflow, intact or damaged; Zarr is not imported."""
    try:
        attributes = json.loads((path / "zarr.json").read_bytes())["attributes"]["tdaflow"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return (path / "table").is_dir() or "n_entries" in attributes


def say(text: str) -> None:
    """Print one line on stderr."""
    Console(stderr=True, soft_wrap=True).print(text, highlight=False, markup=False)


def _toml(path: Path) -> str:
    # JSON's escapes are TOML's, as long as other characters stay as they are.
    return json.dumps(str(path), ensure_ascii=False)
