"""What a run learnt from its cohort, read back so that other volumes are treated alike."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tdaflow.errors import ConfigError
from tdaflow.store.digests import options_digest
from tdaflow.store.run_folder import RunFolder

# Sections of a configuration that features depend on.
_SECTIONS = ("superpixels", "filtrations", "images", "vectorisations")


@dataclass(frozen=True)
class Reference:
    """Scales, ranges and what else a finished run learnt; its arrays are those of run.json.

    Attributes
    ----------
    name : str
        What it was read from, for messages.
    config : dict
        The configuration of the run.
    scales, ranges : dict
        By filtration, and by channel.
    image_maximum : list of float
        By channel, for ``images.normalise = "dataset-max"``.
    preprocessing : list of dict
        The steps that its volumes went through.
    cohort : dict
        What its volumes were like: `tdaflow.store.integrity.cohort.summary_of`.
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
        """Of all that features depend on."""
        return options_digest(self.scales, self.ranges, self.image_maximum)

    def check(self, config: Mapping[str, Any]) -> None:
        """Refuse a configuration whose features would mean something else.

        Parameters
        ----------
        config : mapping
            A dump of a `tdaflow.config.RunConfig`.

        Raises
        ------
        ConfigError
            Naming the first keys that differ.
        """
        theirs, ours = (
            dict(_flat({s: c.get(s) for s in _SECTIONS})) for c in (json.loads(json.dumps(self.config)), config)
        )
        changed = sorted(key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key))
        if changed:
            raise ConfigError(
                f"{self.name} was made with other settings ({', '.join(changed[:5])}), so its scales and ranges do not "
                "fit; use its configuration, or leave out reference"
            )


def read_reference(path: Path) -> Reference:
    """Read what a finished run learnt.

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
    try:
        stamp = folder.run_json.stat().st_mtime_ns
    except OSError:
        raise ConfigError(
            f'reference = "{path}" is neither "all" nor "train", and no folder of a finished run is there'
        ) from None
    return _read(folder.path, stamp)


@lru_cache(maxsize=8)
def _read(path: Path, _stamp: int) -> Reference:
    state = RunFolder(path).read()
    if state is None or state["state"] != "done":
        raise ConfigError(f"the run in {path} is not finished, so it is no reference; run it to its end first")
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
    """Dotted keys and values of nested tables."""
    if not isinstance(nested, Mapping):
        yield prefix[:-1], list(nested) if isinstance(nested, tuple) else nested
        return
    for name, value in nested.items():
        yield from _flat(value, f"{prefix}{name}.")
