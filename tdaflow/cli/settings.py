"""Turn a request into a validated configuration and a folder."""

from pathlib import Path

from tdaflow.cli.request import Request
from tdaflow.cluster import ClusterSpec, read_spec
from tdaflow.config import RunConfig
from tdaflow.config.resolve import read_config
from tdaflow.progress import Console


def read_settings(request: Request) -> tuple[RunConfig, Path]:
    """Read the configuration of a request, and the folder of its run, which need not exist.

    CONFIG is a TOML file, the name of a packaged workflow, or data: a volume store, or a folder or file whose kind is
    recognised by its content and printed on stderr.
    """
    config, stem = read_config(request.config, request.data, request.overrides, say=say)
    return config, request.out or Path("runs") / stem


def read_cluster(request: Request, config: RunConfig) -> ClusterSpec:
    """Return where tasks run: as the command line says, else as the configuration does."""
    workers = request.workers if request.workers is not None else config.run.workers
    return read_spec(request.cluster or config.run.cluster, workers)


def say(text: str) -> None:
    """Print one line on stderr."""
    Console(stderr=True, soft_wrap=True).print(text)
