"""Arguments that the verbs of a run share: configuration, folders and workers."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """A configuration or data, as typed on the command line.

    Attributes
    ----------
    config : str
        A TOML file, the name of a packaged workflow, or data.
    out, data : Path or None
        Folder of the run, and of the source's files; None for those of the configuration.
    cluster : str or None
        Value of ``--cluster``; None for that of the configuration.
    workers : int or None
        Tasks at the same time; None for the configuration's or the cluster's number.
    overrides : tuple of str
        Assignments ``section.key=value``; the last one of a key counts.
    """

    config: str
    out: Path | None = None
    data: Path | None = None
    cluster: str | None = None
    workers: int | None = None
    overrides: tuple[str, ...] = ()
