"""What the command line says of a run: what it is made of, where it goes, who works."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """A configuration or data, as typed.

    Attributes
    ----------
    config : str
        A TOML file, the name of a packaged workflow, or data themselves.
    out, data : Path or None
        Folder of the run, and of the source's files; None for what the configuration says.
    cluster : str or None
        What follows ``--cluster``; None for what the configuration says.
    workers : int or None
        Tasks at the same time; None for what the configuration or the cluster says.
    overrides : tuple of str
        Assignments ``section.key=value``; the last one of a key counts.
    """

    config: str
    out: Path | None = None
    data: Path | None = None
    cluster: str | None = None
    workers: int | None = None
    overrides: tuple[str, ...] = ()
