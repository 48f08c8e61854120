"""Scales and ranges that a finished run learnt from its cohort, for use on other volumes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdaflow.errors import ConfigError
from tdaflow.store.digests import options_digest
from tdaflow.store.run_folder import RunFolder

SECTIONS = ("superpixels", "filtrations", "images", "vectorisations")
"""Sections of a configuration that features depend on."""


@dataclass(frozen=True)
class Reference:
    """Scales, ranges and other values that a finished run learnt, as run.json holds them.

    Attributes
    ----------
    name : str
        Folder of the run, for messages.
    config : dict
        The configuration of the run.
    scales, ranges : dict
        Scales by filtration, ranges by channel.
    image_maximum : list of float
        Largest pixel of each channel, for ``images.normalise = "dataset-max"``.
    preprocessing : list of dict
        Preprocessing steps of its volumes.
    cohort : dict
        Summary of its volumes, from `tdaflow.store.integrity.cohort_summary`.
    """

    name: str
    config: dict[str, Any]
    scales: dict[str, Any]
    ranges: dict[str, Any]
    image_maximum: list[float]
    preprocessing: list[dict[str, Any]]
    cohort: dict[str, Any]

    @property
    def digest(self) -> str:
        """Digest of everything that features depend on."""
        return options_digest(self.scales, self.ranges, self.image_maximum)

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
            dict(_flat({s: c.get(s) for s in SECTIONS})) for c in (json.loads(json.dumps(self.config)), config)
        )
        changed = sorted(key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key))
        if changed:
            raise ConfigError(
                f"{self.name} was made with other settings ({', '.join(changed[:5])}), so its scales and ranges do not "
                "fit; use its configuration, or leave out reference"
            )


def read_reference(path: Path) -> Reference:
    """Read the reference from a finished run.

    Parameters
    ----------
    path : Path
        The folder of a run.

    Raises
    ------
    ConfigError
        If there is no finished run.
    """
    folder = RunFolder(Path(path))
    state = folder.read() if folder.run_json.is_file() else None
    if state is None:
        raise ConfigError(
            f'reference = "{path}" is neither "all" nor "train", and no folder of a finished run is there'
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


def _flat(nested: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values of nested tables."""
    if not isinstance(nested, Mapping):
        yield prefix[:-1], list(nested) if isinstance(nested, tuple) else nested
        return
    for name, value in nested.items():
        yield from _flat(value, f"{prefix}{name}.")
