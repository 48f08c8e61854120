"""Scales and ranges that a finished run, or several sites together, learnt from a cohort, for use on other volumes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tdaflow.errors import ConfigError
from tdaflow.remote import place
from tdaflow.store.digests import options_digest
from tdaflow.store.run_folder import RunFolder
from tdaflow.store.sites import Joint, read_site_file

SECTIONS = ("superpixels", "filtrations", "images", "vectorisations")
"""Sections of a configuration that features depend on."""


@dataclass(frozen=True)
class Reference:
    """Scales, ranges and other values that a finished run or several sites learnt, as run.json holds them.

    Attributes
    ----------
    name : str
        Folder of the run, or file of the sites, for messages.
    config : dict
        The configuration of the run.
    scales, ranges : dict
        Scales by filtration, ranges by channel. Ranges that sites have not learnt together yet are empty.
    image_maximum : list of float
        Largest pixel of each channel, for ``images.normalise = "dataset-max"``.
    preprocessing : list of dict
        Preprocessing steps of its volumes.
    cohort : dict
        Summary of its volumes, from `tdaflow.store.integrity.cohort_summary`; of sites there is none.
    learnt_from : "all" or "train"
    sites : tuple of int
        Volumes of each site; empty for a run.
    """

    name: str
    config: dict[str, Any]
    scales: dict[str, Any]
    ranges: dict[str, Any]
    image_maximum: list[float]
    preprocessing: list[dict[str, Any]]
    cohort: dict[str, Any] = field(default_factory=dict)
    learnt_from: str = "all"
    sites: tuple[int, ...] = ()

    @property
    def digest(self) -> str:
        """Digest of everything that features depend on."""
        return options_digest(self.scales, self.ranges, self.image_maximum)

    @property
    def diagrams_digest(self) -> str:
        """Digest of what diagrams depend on; those of a site stay when the ranges of all sites come to the scales."""
        return options_digest(self.scales) if self.sites else self.digest

    def check(self, config: Mapping[str, Any]) -> None:
        """Refuse a configuration whose features would not be comparable.

        Parameters
        ----------
        config : mapping
            A dump of a `tdaflow.config.RunConfig`.

        Raises
        ------
        ConfigError
            If settings differ; names the first of them.
        """
        theirs, ours = (
            dict(flat({s: c.get(s) for s in SECTIONS})) for c in (json.loads(json.dumps(self.config)), config)
        )
        changed = sorted(key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key))
        if changed:
            raise ConfigError(
                f"{self.name} was made with other settings ({', '.join(changed[:5])}), so its scales and ranges do not "
                "fit; use its configuration, or leave out reference"
            )


def read_reference(path: Path) -> Reference:
    """Read the reference from a finished run, or from the file of several sites.

    Parameters
    ----------
    path : Path
        The folder of a run, or a file that ``tdaflow reference --merge`` wrote.

    Raises
    ------
    ConfigError
        If there is neither.
    """
    if place(path).is_file() and place(path).suffix == ".json":
        joint = read_site_file(place(path), Joint)
        told = joint.model_dump(exclude_none=True)
        return Reference(
            str(path), told["config"], told["scales"], told["ranges"], [], told["preprocessing"],
            learnt_from=joint.learnt_from, sites=tuple(site.n_volumes for site in joint.sites),
        )  # fmt: skip
    folder = RunFolder(place(path))
    state = folder.read() if folder.run_json.is_file() else None
    if state is None:
        raise ConfigError(
            f'reference = "{path}" is neither "all" nor "train", and no folder of a finished run is there, nor '
            "a file of `tdaflow reference`"
        )
    if state["state"] != "done":
        raise ConfigError(f"the run in {path} is not finished, so it is no reference; run it to its end first")
    options = state["source"].get("options", {})
    if options.get("kind") == "Dicom" and "canonical" not in options:
        raise ConfigError(
            f"the run in {path} is of an older version, which left DICOM volumes in the axes of their scanner, and "
            "this one turns them to RAS: run it again with --restart-from volumes"
        )
    return Reference(
        name=str(path),
        config=state["config"],
        scales=state["scales"],
        ranges=state["ranges"],
        image_maximum=state["image_maximum"],
        preprocessing=list(state["source"].get("preprocessing", [])),
        cohort=state.get("cohort", {}),
    )


def flat(nested: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values of nested tables."""
    if not isinstance(nested, Mapping):
        yield prefix[:-1], list(nested) if isinstance(nested, tuple) else nested
        return
    for name, value in nested.items():
        yield from flat(value, f"{prefix}{name}.")
