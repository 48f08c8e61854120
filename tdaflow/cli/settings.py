"""From what was typed to a validated configuration and a folder."""

from pathlib import Path

from tdaflow.config import RunConfig, load_config
from tdaflow.errors import ConfigError, InputError
from tdaflow.packaged import packaged_file, packaged_names

# The option of each kind of source that --data fills.
_DATA_OPTION = {
    "medmnist": "data_dir",
    **dict.fromkeys(("arrays", "images", "nifti", "manifest", "dicom", "ome-zarr"), "path"),
}


def read_settings(name: str, data: Path | None, overrides: list[str]) -> tuple[RunConfig, Path]:
    """Load a configuration by path or by the name of a packaged workflow; also return the default output folder."""
    path = Path(name)
    if not path.is_file():
        try:
            path = packaged_file("workflows", path.name)
        except InputError:
            raise ConfigError(
                f"there is no file {name} and no workflow of that name; workflows are: "
                + ", ".join(n.removesuffix(".toml") for n in packaged_names("workflows"))
            ) from None
    config = load_config(path, overrides, data=data, data_option=_DATA_OPTION)
    return config, Path("runs") / path.stem


def count_workers(config: RunConfig, workers: int | None) -> int | None:
    """Workers from the command line, else from the configuration."""
    return workers if workers is not None else config.run.workers
