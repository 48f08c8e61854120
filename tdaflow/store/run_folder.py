"""A run is a folder: run.json, volumes.zarr, diagrams.zarr, features.zarr, and a lock held by the client."""

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tdaflow.atomic import PREFIX, temporary_path, write_whole
from tdaflow.errors import ConfigError, InputError

FORMAT = 2


class RunFolder:
    """Paths and state of one run.

    Parameters
    ----------
    path : Path
        The folder; made by `create`.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @property
    def run_json(self) -> Path:
        """Record of the run: configuration, versions, outcome of every volume, σ, timings."""
        return self.path / "run.json"

    @property
    def log(self) -> Path:
        """Log of the run, a time on every line."""
        return self.path / "run.log"

    @property
    def volumes(self) -> Path:
        """The run's own volume store."""
        return self.path / "volumes.zarr"

    @property
    def volumes_in_progress(self) -> Path:
        """The unfinished volume store."""
        return self.path / ".volumes.zarr.in-progress"

    @property
    def diagrams(self) -> Path:
        """The diagram store."""
        return self.path / "diagrams.zarr"

    @property
    def features(self) -> Path:
        """The finished feature store."""
        return self.path / "features.zarr"

    @property
    def features_in_progress(self) -> Path:
        """The unfinished feature store."""
        return self.path / ".features.zarr.in-progress"

    @property
    def _lock(self) -> Path:
        return self.path / ".lock"

    def create(self) -> None:
        """Create the folder; ConfigError if it cannot be used."""
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"the output {self.path} is a file; give a folder with --out")
        try:
            foreign = self.path.is_dir() and not self.run_json.exists() and not self._holds_only_ours()
        except OSError as error:
            raise ConfigError(
                f"the output folder {self.path} cannot be read ({error.strerror}); give another with --out"
            ) from None
        if foreign:
            raise ConfigError(
                f"the output folder {self.path} holds files but no run.json, so it is no run of tdaflow; "
                "give an empty or new folder with --out"
            )
        self._refuse_links()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe = temporary_path(self.path / "probe")
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ConfigError(
                f"the output folder {self.path} is not writable ({error.strerror}); give another with --out"
            ) from None

    def _holds_only_ours(self) -> bool:
        """Return True if all files are of `tdaflow ingest`, or of a run that ended before it wrote run.json."""
        ours = {self._lock.name, self.log.name, self.volumes.name}
        return all(entry.name in ours or entry.name.startswith(PREFIX) for entry in self.path.iterdir())

    def _refuse_links(self) -> None:
        """Refuse symbolic links where a run writes: a worker could follow them out of the folder."""
        unfinished = (self.volumes_in_progress, self.features_in_progress)
        written = [self._lock, self.log, self.diagrams, *unfinished]
        written += [Path(here, name) for store in unfinished for here, names, _ in os.walk(store) for name in names]
        for path in written:
            if path.is_symlink():
                raise ConfigError(
                    f"{path} is a link, and tdaflow writes inside its run folder only; put there what it points to, "
                    "or give another folder with --out"
                )

    def read(self) -> dict[str, Any] | None:
        """Return the state in run.json; None if the run has not begun."""
        try:
            state: dict[str, Any] = json.loads(self.run_json.read_text())
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:
            raise InputError(f"{self.run_json} cannot be read ({error}); restore it or start in a new folder") from None
        if state.get("format") != FORMAT:
            raise InputError(
                f"{self.run_json} has format {state.get('format')}, this tdaflow reads {FORMAT}: "
                "run again with this version, in another folder"
            )
        return state

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace run.json in one step."""
        write_whole(self.run_json, json.dumps({"format": FORMAT, **state}, indent=1, allow_nan=True) + "\n")

    @contextmanager
    def locked(self) -> Iterator[str | None]:
        """Hold the run's lock; yield a sentence if it was taken over from a process that is gone.

        The operating system releases the lock when its holder ends, so a run can be resumed after SIGKILL.
        """
        lock = FileLock(self._lock)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            owner = (self.read() or {}).get("holder", {})
            raise ConfigError(
                f"another tdaflow (host {owner.get('host', '?')}, pid {owner.get('pid', '?')}) runs in {self.path}; "
                "wait for it to end or give another folder with --out"
            ) from None
        try:
            previous = self.read()
            taken_over = None
            if previous and previous.get("state") == "running":
                gone = previous.get("holder", {})
                taken_over = f"taken over from pid {gone.get('pid')} on {gone.get('host')}, which is gone"
            yield taken_over
        finally:
            lock.release()

    def is_locked(self) -> bool:
        """Return True if a process on this machine holds the lock now."""
        lock = FileLock(self._lock)
        try:
            with lock.acquire(timeout=0):
                return False
        except Timeout:
            return True
        except OSError:
            return False


def holder() -> dict[str, Any]:
    """Return host and number of this process and the time, for run.json."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "heartbeat": time.time()}
