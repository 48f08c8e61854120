"""A run is a folder: run.json, volumes.zarr, diagrams.zarr, features.zarr, and a lock held by the client."""

import errno
import json
import os
import socket
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, LeaseCompromise, SoftFileLease, Timeout

from tdaflow.atomic import PREFIX, is_running, temporary_path, this_machine, write_whole
from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.remote import RemotePath, place
from tdaflow.store.lease import RENEWED, SILENCE, ObjectLease, locked
from tdaflow.store.manifest import OTHER, seal_holds, sealed, unsealed

FORMAT = 2
WAITING = "waiting"
"""State of a shard that waits for the volumes of the others."""
# How old the last sign of life of a process on another machine may be.
_SILENCE = 60.0
# As long a process of this machine may be stopped; afterwards its number may be another's.
_STOPPED = 3600.0
# What a file system without locks answers: Lustre mounted without them, FUSE, some NFS.
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)


# What tables and folders of images are called whatever they hold.
_GENERIC = {
    "arrays", "cohort", "data", "dataset", "dicom", "files", "images", "imagestr", "index", "input", "labels", "list",
    "manifest", "medmnist", "nifti", "ome-zarr", "participants", "scans", "stack", "table", "train", "volumes",
}  # fmt: skip


class DamagedRun(InputError):
    """A run.json that is lost, or not as it was written."""


def cohort_name(state: Mapping[str, Any], path: Path) -> str:
    """Return what a reader calls the volumes of a run: `data.name`, else the name of the source.

    A source that is called what it is, such as ``manifest.csv`` or ``images``, is called as the folder of the run.
    """
    given = state.get("config", {}).get("data", {}).get("name")
    source = str((state.get("source") or {}).get("source") or "")
    return str(given or (source if source and source.casefold() not in _GENERIC else path.resolve().name))


class RunFolder:
    """Paths and state of one run.

    Parameters
    ----------
    path : Path
        The folder; made by `create`.
    shard : str
        Name of a part of the work that is done apart from the others in the same folder: it has a state, a log and a
        lock of its own there.
    """

    def __init__(self, path: Path, shard: str = "") -> None:
        self.path, self.shard = place(path), shard
        self._lost: LeaseCompromise | None = None
        self._object_lease: ObjectLease | None = None

    @property
    def run_json(self) -> Path:
        """Record of the run: configuration, versions, outcome of every volume, σ, timings."""
        return self.shards / f"{self.shard}.json" if self.shard else self.path / "run.json"

    @property
    def shards(self) -> Path:
        """Where the states, logs and locks of shards are."""
        return self.path / "shards"

    @property
    def log(self) -> Path:
        """Log of the run, a time on every line."""
        return self.shards / f"{self.shard}.log" if self.shard else self.path / "run.log"

    @property
    def logs(self) -> Path:
        """Folder of the logs of jobs that workers were in, which schedulers write on disks only."""
        if isinstance(self.path, RemotePath):
            return Path("tdaflow-logs", *self.path.parts[1:]).absolute()
        return self.path / "logs"

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
        return self.shards / f".{self.shard}.lock" if self.shard else self.path / ".lock"

    @property
    def _lease(self) -> Path:
        return self.shards / f".{self.shard}.lease" if self.shard else self.path / ".lease"

    @property
    def beat_seconds(self) -> float:
        """How often its client says that it lives: in run.json, seldom where every word is a request."""
        return RENEWED if isinstance(self.path, RemotePath) else 2.0

    def create(self) -> None:
        """Create the folder; ConfigError if it cannot be used."""
        if self.shard and isinstance(self.path, RemotePath):
            raise ConfigError(
                f"--shard needs a folder that all shards share, and {self.path} is on an object store: leave --shard "
                "out, and give more workers with --cluster"
            )
        try:
            if self.path.exists() and not self.path.is_dir():
                raise ConfigError(f"the output {self.path} is a file; give a folder with --out")
            foreign = self.path.is_dir() and not self._is_ours({entry.name for entry in self.path.iterdir()})
        except OSError as error:
            raise ConfigError(
                f"the output folder {self.path} cannot be read ({error.strerror}){_credentials(self.path)}; "
                "give another with --out"
            ) from None
        if foreign:
            raise ConfigError(
                f"the output folder {self.path} holds files but no run.json, so it is no run of tdaflow; "
                "give an empty or new folder with --out"
            )
        self._refuse_links()
        try:
            (self.shards if self.shard else self.path).mkdir(parents=True, exist_ok=True)
            probe = temporary_path(self.path / "probe")  # on an object store also the first word with it
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ConfigError(
                f"the output folder {self.path} is not writable ({error.strerror}){_credentials(self.path)}; "
                "give another with --out"
            ) from None

    def _is_ours(self, names: Collection[str]) -> bool:
        """Return True if a folder of these names is a run, or of `tdaflow ingest`, or of a run without run.json.

        It looks once: another shard may write here at the same time.
        """
        if not {RunFolder(self.path).run_json.name, self.shards.name}.isdisjoint(names):
            return True
        written = (self._lock, self._lease, self.log, self.logs, self.volumes, self.volumes_in_progress)
        ours = {path.name for path in written}
        if self.volumes.name in names:
            ours |= {self.diagrams.name, self.features.name, self.features_in_progress.name}
        return all(name in ours or name.startswith(PREFIX) for name in names)

    def _refuse_links(self) -> None:
        """Refuse symbolic links where a run writes: a worker could follow them out of the folder."""
        if isinstance(self.path, RemotePath):
            return
        unfinished = (self.volumes_in_progress, self.features_in_progress)
        written = [self._lock, self._lease, self.log, self.logs, self.diagrams, *unfinished]
        written += [Path(here, name) for store in unfinished for here, names, _ in os.walk(store) for name in names]
        for path in written:
            if path.is_symlink():
                raise ConfigError(
                    f"{path} is a link, and tdaflow writes inside its run folder only; put there what it points to, "
                    "or give another folder with --out"
                )

    def read(self) -> dict[str, Any] | None:
        """Return the state in run.json; None if the run has not begun.

        Raises
        ------
        DamagedRun
            If it is not as it was written, or is lost though there are results.
        InputError
            If it cannot be read or is of another format.
        """
        try:
            text = self.run_json.read_bytes()
            if seal_holds(text) is False:
                raise ValueError(OTHER)
            state: dict[str, Any] = unsealed(dict(json.loads(text)))
        except FileNotFoundError:
            # Shards have made what is there before there is a run.json.
            if self.shards.is_dir() or not (self.diagrams.is_dir() or self.features.is_dir()):
                return None
            raise self._damaged("it is lost, though there are results") from None
        except (ValueError, TypeError) as error:
            raise self._damaged(error) from None
        except OSError as error:
            raise InputError(f"{self.run_json} cannot be read ({error.strerror}){_credentials(self.path)}") from None
        if state.get("format") != FORMAT:
            raise InputError(
                f"{self.run_json} has format {state.get('format')}, this tdaflow reads {FORMAT}: "
                "run again with this version, in another folder"
            )
        return state

    def _damaged(self, why: object) -> DamagedRun:
        return DamagedRun(
            f"{self.run_json} is damaged ({why}); run the same `tdaflow run` again, or `tdaflow check {self.path} "
            "--repair`: the stores tell what it said"
        )

    def write(self, state: Mapping[str, Any], *, durable: bool = True) -> None:
        """Replace run.json in one step; RunError if another process has taken the run over.

        Parameters
        ----------
        state : mapping
        durable : bool
            If False, a power failure may bring the former run.json back.
        """
        self.check_held()
        document = {"format": FORMAT, **state}
        write_whole(self.run_json, sealed(document, document, indent=1), durable=durable)

    @contextmanager
    def locked(self) -> Iterator[str | None]:
        """Hold the run's lock; yield a sentence if it was taken over from a process that is gone.

        The operating system releases the lock when its holder ends, so a run can be resumed after SIGKILL. Where the
        file system has no locks the folder is leased: a file that its holder touches every 20 s and that another may
        take when it was not touched for a minute; on an object store, `tdaflow.store.lease.ObjectLease`.

        Raises
        ------
        ConfigError
            If another process is at work in the folder.
        """
        lock = self._acquired()
        try:
            previous = self._last_word()
            taken_over = None
            if previous and previous.get("state") == "running":
                gone = previous.get("holder", {})
                taken_over = f"taken over from pid {gone.get('pid')} on {gone.get('host')}, which is gone"
            yield taken_over
        finally:
            lock.release()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Wait until no other shard makes or finishes what all of them share."""
        with locked(self.shards / ".shared.lock"):
            yield

    def states_of_shards(self) -> dict[str, dict[str, Any]]:
        """Return what each shard says of itself, by name."""
        found = {path.stem: RunFolder(self.path, path.stem).read() for path in sorted(self.shards.glob("*.json"))}
        return {name: state for name, state in found.items() if state is not None}

    def check_held(self) -> None:
        """Raise RunError if the folder was leased and another process has taken it over."""
        if self._object_lease is not None:
            self._object_lease.check()
        if self._lost is not None:
            raise RunError(
                f"another tdaflow has taken over {self.path}, since this one could not touch {self._lost.lock_file} "
                f"for {_SILENCE:.0f} s ({self._lost.reason}); this one stops and has committed nothing since"
            )

    def _acquired(self) -> BaseFileLock | ObjectLease:
        """The lock, or a lease where the file system has none."""
        self._lost = self._object_lease = None
        lock: BaseFileLock | ObjectLease
        wait = 0.0
        try:
            if isinstance(self._lease, RemotePath):
                lock = self._object_lease = ObjectLease(self._lease)
                # One that nobody renews is watched for its whole time; also one of a process that was stopped here.
                told = (self._last_word() or {}).get("holder", {})
                wait = 0.0 if time.time() - told.get("heartbeat", 0.0) < SILENCE else SILENCE + 5
            else:
                lock = FileLock(self._lock, fallback_to_soft=False)
                lock.acquire(timeout=0)
                return lock
        except Timeout:
            pass
        except (OSError, NotImplementedError) as error:
            if getattr(error, "errno", errno.ENOSYS) not in _NO_LOCKS:
                raise
            # A lease is held by the process, not by the thread that asked for it.
            lock = SoftFileLease(
                self._lease, lease_duration=_SILENCE, on_compromise=self._compromised, thread_local=False
            )
            # One that nobody touches is watched for its whole time: clocks of two machines need not agree.
            wait = 0.0 if self._seems_alive() else _SILENCE + 5
        try:
            lock.acquire(timeout=wait)
        except Timeout:
            owner = (self._last_word() or {}).get("holder", {})
            raise ConfigError(
                f"another tdaflow (host {owner.get('host', '?')}, pid {owner.get('pid', '?')}) runs in {self.path}; "
                "wait for it to end or give another folder with --out"
            ) from None
        return lock

    def _seems_alive(self) -> bool:
        state = self._last_word()
        return bool(state and state.get("state") == "running" and is_alive(state))

    def _last_word(self) -> dict[str, Any] | None:
        try:
            return self.read()
        except DamagedRun:
            return None

    def _compromised(self, lost: LeaseCompromise) -> None:
        self._lost = lost


def is_alive(state: Mapping[str, Any]) -> bool:
    """Return True if the process that writes run.json is there.

    No lock is asked for: asking for it would hold it for a moment, and on another machine or a read-only file system it
    says nothing.

    Parameters
    ----------
    state : mapping
        As `RunFolder.read` returns it.
    """
    told = state["holder"]
    age = time.time() - told["heartbeat"]
    if told.get("machine") == this_machine():
        return age < _STOPPED and is_running(told["pid"])
    return age < max(_SILENCE, 3 * told.get("every", 0.0))


def _credentials(path: Path) -> str:
    """What else may be wrong where a place cannot be used."""
    if not isinstance(path, RemotePath) or path.bucket.startswith("memory:"):
        return ""
    names = {"s3:": "AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL", "gs:": "GOOGLE_SERVICE_ACCOUNT"}
    told = names.get(path.parts[0], "AZURE_STORAGE_ACCOUNT_NAME")
    return f": is there such a bucket, and are its credentials in the environment ({told} …)?"


def is_at_work(state: Mapping[str, Any]) -> bool:
    """Return True if a run or a shard works or waits for others to do so."""
    return state["state"] in ("running", WAITING) and is_alive(state)


def holder(every: float = 2.0) -> dict[str, Any]:
    """Return host and number of this process and the time, for run.json, which is written `every` so many seconds."""
    process = {"pid": os.getpid(), "host": socket.gethostname(), "machine": this_machine()}
    return {**process, "heartbeat": time.time(), "every": every}
