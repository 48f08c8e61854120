"""The state of a run as run.json holds it: counts by stage, outcomes, versions."""

import functools
import platform
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tdaflow import __version__
from tdaflow.store import RunFolder
from tdaflow.store.run_folder import holder

STAGES = ("ingest", "superpixels+persistence", "ranges", "images")
# So many of the slowest volumes are kept.
_SLOWEST = 20
# Packages whose versions can change a result in its last bits.
_RECORDED = ("numpy", "scipy", "numba", "gudhi", "scikit-image", "zarr", "xarray", "dask", "distributed")


@dataclass
class StageCounts:
    """Volumes of one stage: ``done = computed + reused``; ``left`` are neither done, quarantined nor failed.

    Attributes
    ----------
    seconds : float
        From the beginning of its work in this run to the last batch that it finished; of a finished run that was
        started again, those of the run that did the work.
    began, last_batch : float or None
        When these were, in seconds since 1970; None for a stage that has not begun, or has not finished a batch.
    """

    total: int = 0
    done: int = 0
    computed: int = 0
    reused: int = 0
    quarantined: int = 0
    failed: int = 0
    seconds: float = 0.0
    began: float | None = None
    last_batch: float | None = None
    # Seconds that no change of the machine's date disturbs.
    _clock: float = field(default=0.0, repr=False, compare=False)

    def begin(self) -> None:
        """Its work begins now."""
        self.began, self._clock = time.time(), time.perf_counter()

    def batch_finished(self) -> None:
        """A batch has come back, whatever became of it."""
        self.last_batch, self.seconds = time.time(), time.perf_counter() - self._clock

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, with ``left``."""
        numbers = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return {**numbers, "left": self.total - self.done - self.quarantined - self.failed}


@dataclass
class RunState:
    """Everything that run.json says, written as a whole at every stage and, by `Heartbeat`, every few seconds."""

    folder: RunFolder
    config: dict[str, Any]
    state: str = "running"
    digests: dict[str, str] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, StageCounts] = field(default_factory=lambda: {name: StageCounts() for name in STAGES})
    cohort: dict[str, Any] = field(default_factory=dict)
    scales: dict[str, Any] = field(default_factory=dict)
    ranges: dict[str, Any] = field(default_factory=dict)
    learnt_from: dict[str, int] = field(default_factory=dict)
    image_maximum: list[float] = field(default_factory=list)
    images_dtype: str = ""
    n_outside: int = 0
    n_empty: int = 0
    quarantined: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)
    engine: dict[str, Any] = field(default_factory=dict)
    workers: list[dict[str, Any]] = field(default_factory=list)
    reason: str = ""
    began: float = field(default_factory=time.time)
    ended: float | None = None
    _saved: bool = False
    _writing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def finish(self, state: str, reason: str = "") -> None:
        """Write the last word."""
        with self._writing:
            self.state, self.reason, self.ended, self.workers = state, reason, time.time(), []
        self.save()

    def carry_over(self, previous: Mapping[str, Any]) -> None:
        """Keep what an earlier run said of ranges and images; they hold until they are made anew."""
        for name in ("ranges", "image_maximum", "images_dtype", "n_outside", "n_empty"):
            setattr(self, name, previous.get(name, getattr(self, name)))

    def resume(self, previous: Mapping[str, Any]) -> None:
        """Keep all that an earlier run said of its volumes, while others are added to them."""
        self.carry_over(previous)
        for name in ("digests", "source", "cohort", "scales", "outcomes", "quarantined", "learnt_from"):
            setattr(self, name, previous.get(name, getattr(self, name)))

    def reuse_images(self, n_batches: int, n_volumes: int) -> None:
        """Count ranges and images as done by an earlier run."""
        self.stages["ranges"] = StageCounts(total=n_batches, done=n_batches, reused=n_batches)
        self.stages["images"] = StageCounts(total=n_volumes, done=n_volumes, reused=n_volumes)

    def keep_seconds(self, previous: Mapping[str, Any]) -> None:
        """Say of stages that had nothing to do how long an earlier run took for them."""
        told = previous.get("stages", {})
        for name, counts in self.stages.items():
            if counts.computed == 0:
                counts.seconds = told.get(name, {}).get("seconds", 0.0)

    def timed(self, seconds: Mapping[str, float]) -> None:
        """Keep the volumes that took longest, of those so far and these."""
        found = {**self.slowest, **seconds}
        self.slowest = {name: found[name] for name in nlargest(_SLOWEST, found, key=found.__getitem__)}

    @property
    def is_saved(self) -> bool:
        """Whether this run has written run.json."""
        return self._saved

    def record(self) -> dict[str, Any]:
        """What only run.json knows of a finished run, the same whenever and wherever it ran."""
        facts = self.facts()
        kept = ("tdaflow", "versions", "config", "digests", "cohort", "scales", "ranges", "learnt_from", "failed")
        return {name: facts[name] for name in (*kept, "image_maximum", "images_dtype", "n_outside", "n_empty")}

    def save(self) -> None:
        """Write run.json as a whole."""
        with self._writing:
            self._saved = True
            self.folder.write({**self.facts(), "outcomes": self.outcomes})

    def beat(self) -> None:
        """Write run.json without the outcomes, which are 30 MB for 10⁶ volumes; not before `save` nor after `finish`.

        May be called from another thread.
        """
        with self._writing:
            if self._saved and self.ended is None:
                self.folder.write({**self.facts(), "outcomes": {}}, durable=False)

    def facts(self) -> dict[str, Any]:
        """What run.json says, but for the outcomes."""
        # Copies, for another thread may add to these while they are written.
        return {
            "state": self.state,
            "reason": self.reason,
            "holder": holder(self.folder.beat_seconds),
            "began": self.began,
            "ended": self.ended,
            "tdaflow": __version__,
            "versions": versions(),
            "engine": self.engine,
            "workers": self.workers,
            "config": self.config,
            "digests": dict(self.digests),
            "source": self.source,
            "stages": {name: counts.as_dict() for name, counts in self.stages.items()},
            "cohort": self.cohort,
            "scales": self.scales,
            "ranges": self.ranges,
            "learnt_from": self.learnt_from,
            "image_maximum": self.image_maximum,
            "images_dtype": self.images_dtype,
            "n_outside": self.n_outside,
            "n_empty": self.n_empty,
            "quarantined": dict(self.quarantined),
            "failed": dict(self.failed),
        }


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute."""
    found = {"python": platform.python_version()}
    for name in _RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
