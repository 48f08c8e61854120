"""The state of a run as run.json holds it: counts by stage, outcomes, versions."""

import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tdaflow import __version__
from tdaflow.store import RunFolder
from tdaflow.store.run_folder import holder

STAGES = ("ingest", "superpixels+persistence", "ranges", "images")
# Packages whose versions can change a result in its last bits.
_RECORDED = ("numpy", "scipy", "numba", "gudhi", "scikit-image", "zarr", "xarray", "dask", "distributed")
# Seconds between two writes of run.json while a stage runs.
_HEARTBEAT = 2.0


@dataclass
class StageCounts:
    """Volumes of one stage: ``done = computed + reused``; ``left`` are neither done, quarantined nor failed."""

    total: int = 0
    done: int = 0
    computed: int = 0
    reused: int = 0
    quarantined: int = 0
    failed: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, with ``left``."""
        return {**asdict(self), "left": self.total - self.done - self.quarantined - self.failed}


@dataclass
class RunState:
    """Everything that run.json says, written as a whole at every stage and every few seconds."""

    folder: RunFolder
    config: dict[str, Any]
    state: str = "running"
    digests: dict[str, str] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, StageCounts] = field(default_factory=lambda: {name: StageCounts() for name in STAGES})
    ranges: dict[str, Any] = field(default_factory=dict)
    image_maximum: list[float] = field(default_factory=list)
    n_outside: int = 0
    n_empty: int = 0
    quarantined: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    engine: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    began: float = field(default_factory=time.time)
    ended: float | None = None
    _saved: float = 0.0

    def finish(self, state: str, reason: str = "") -> None:
        """Write the last word."""
        self.state, self.reason, self.ended = state, reason, time.time()
        self.save()

    def carry_over(self, previous: Mapping[str, Any]) -> None:
        """Keep what an earlier run said of ranges and images; they hold until they are made anew."""
        for name in ("ranges", "image_maximum", "n_outside", "n_empty"):
            setattr(self, name, previous.get(name, getattr(self, name)))

    def reuse_images(self, n_batches: int, n_volumes: int) -> None:
        """Count ranges and images as done by an earlier run."""
        self.stages["ranges"] = StageCounts(total=n_batches, done=n_batches, reused=n_batches)
        self.stages["images"] = StageCounts(total=n_volumes, done=n_volumes, reused=n_volumes)

    @property
    def is_saved(self) -> bool:
        """Whether this run has written run.json."""
        return self._saved > 0

    def save(self, *, throttled: bool = False) -> None:
        """Write run.json; a throttled call writes only if the last write is some seconds old."""
        now = time.time()
        if throttled and now - self._saved < _HEARTBEAT:
            return
        self._saved = now
        self.folder.write(
            {
                "state": self.state,
                "reason": self.reason,
                "holder": holder(),
                "began": self.began,
                "ended": self.ended,
                "tdaflow": __version__,
                "versions": versions(),
                "engine": self.engine,
                "config": self.config,
                "digests": self.digests,
                "source": self.source,
                "stages": {name: counts.as_dict() for name, counts in self.stages.items()},
                "ranges": self.ranges,
                "image_maximum": self.image_maximum,
                "n_outside": self.n_outside,
                "n_empty": self.n_empty,
                "quarantined": self.quarantined,
                "failed": self.failed,
                # The outcomes of 10⁶ volumes are 30 MB, too much for every few seconds.
                "outcomes": {} if throttled else self.outcomes,
            }
        )


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute."""
    found = {"python": platform.python_version()}
    for name in _RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
