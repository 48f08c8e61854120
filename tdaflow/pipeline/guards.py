"""What is checked around the work: the time a volume takes, that workers see the client's files, the size of regions.

Nothing less than the end of its process ends a compiled loop that never returns to Python. The interpreter's own
watchdog (`faulthandler`) is a thread of C that needs no lock of the interpreter; it writes where every thread was and
leaves the process at once. What it wrote tells the client, which sees only a dead worker, that the limit was why.

A path may lead to other files on another machine. The whole fingerprint of a source is compared, for one file more or
less shifts all that follow, but only once in each process: on ten thousand small files it takes as long as reading a
hundred of them.
"""

import faulthandler
import json
import os
import pickle
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.homology import VolumeFiltration
from tdaflow.homology.regional import FEWEST_POINTS, SHORTEST_EDGE
from tdaflow.homology.regions import inside
from tdaflow.remote import forget_listings
from tdaflow.sources import Source
from tdaflow.store import VolumeTable, options_digest
from tdaflow.superpixels.grid import superpixel_grid

# Deadlines of the volumes at work in this process and where to write what exceeded them, by block; there is one
# interpreter-wide alarm, set to the first.
_deadlines: dict[object, tuple[float, int]] = {}
_lock = threading.Lock()

_STDERR = 2
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)  # Windows has no such flag
_THREAD = re.compile(r"^(?:Current )?[Tt]hread .*$", re.MULTILINE)
_FRAME = re.compile(r'File "(?P<file>[^"]*)", line (?P<line>\d+) in (?P<function>.+)')


@contextmanager
def limit(seconds: float | None, evidence: Path | None = None) -> Iterator[None]:
    """End this process (exit status 1) if the block takes longer.

    Several threads may be in such a block at the same time; the first deadline ends them all.

    Parameters
    ----------
    seconds : float or None
        Longest time that the block may take; None for no limit.
    evidence : Path or None
        File that is there while the block lasts, and stays, with where every thread was, if the limit ends it; see
        `exceeded`. None for standard error.
    """
    if seconds is None:
        yield
        return
    block = object()
    where = _STDERR if evidence is None else os.open(evidence, _APPEND, 0o644)
    with _lock:
        _deadlines[block] = time.monotonic() + seconds, where
        _set_alarm()
    try:
        yield
    finally:
        with _lock:
            del _deadlines[block]
            _set_alarm()
        if evidence is not None:
            os.close(where)
            evidence.unlink(missing_ok=True)


def exceeded(evidence: Path | None, function: str) -> str | None:
    """Whether a time limit ended a process.

    Parameters
    ----------
    evidence : Path or None
        As `limit` was given it.
    function : str
        Name of the function whose thread is asked for, for other threads of the process were at work too.

    Returns
    -------
    str or None
        The innermost line of Python of that thread, such as ``bars (alpha.py:88)``; None if no limit was exceeded.
    """
    if evidence is None:
        return None
    try:
        text = evidence.read_text(errors="replace")
    except FileNotFoundError:
        return None
    if "Timeout (" not in text:
        return None
    stacks = [list(_FRAME.finditer(stack)) for stack in _THREAD.split(text)[1:]]
    for frames in stacks:
        if any(frame["function"] == function for frame in frames):
            return f"{frames[0]['function']} ({Path(frames[0]['file']).name}:{frames[0]['line']})"
    return "an unknown place"


def _set_alarm() -> None:
    if not _deadlines:
        faulthandler.cancel_dump_traceback_later()
        return
    deadline, where = min(_deadlines.values())
    faulthandler.dump_traceback_later(max(deadline - time.monotonic(), 1e-3), exit=True, file=where)


# Sources that this process has seen, with the digest of what it saw.
_seen: set[tuple[bytes, str]] = set()


def remember_source(source: Source, fingerprint: Mapping[str, Any]) -> str:
    """Digest of what this process saw of a source, for the tasks; tasks in this process need not look again."""
    digest = options_digest(fingerprint)
    _seen.add((pickle.dumps(source), digest))
    return digest


def check_same_source(source: Source, digest: str, fingerprint: Mapping[str, Any]) -> None:
    """Refuse a source that is not here what it is on the client.

    Sources without a path are not looked at: each machine makes or downloads their data, and knows their checksum.

    Parameters
    ----------
    source : Source
    digest, fingerprint : str and mapping
        What the client saw: `remember_source`, and the fingerprint itself.

    Raises
    ------
    InputError
        Naming this host, and what is missing or differs.
    """
    if (pickle.dumps(source), digest) in _seen or not _paths(source):
        return
    problem = _change(source, fingerprint)
    if problem is not None:
        shown = " and ".join(str(path) for path in _paths(source, public=True))
        raise InputError(
            f"the worker on {socket.gethostname()} sees another source{f' at {shown}' if shown else ''} than this run "
            f"began with: {problem}; give every worker the same files under the same path, with their times of change"
        )
    _seen.add((pickle.dumps(source), digest))


def check_unchanged(source: Source, fingerprint: Mapping[str, Any]) -> None:
    """Refuse a source that was replaced while it was read: what was read is a mixture of two.

    Raises
    ------
    RunError
        Naming what is missing or differs.
    """
    forget_listings()
    problem = _change(source, fingerprint)
    if problem is not None:
        raise RunError(
            f"the source changed while it was read ({problem}), so what was read of it is not kept; run again when "
            "nothing writes to it any more"
        )


def _change(source: Source, fingerprint: Mapping[str, Any]) -> str | None:
    """What of a source is not as it was told; None if all is."""
    try:
        found = source.fingerprint()
    except InputError as error:
        return str(error)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    # A tuple became a list in the store.
    return None if found == fingerprint else _difference(fingerprint, json.loads(json.dumps(found)))


def _paths(source: Source, *, public: bool = False) -> list[Path]:
    """The options that are paths; if `public`, those that may be shown."""
    options = [field for field in fields(source) if field.repr or not public]  # type: ignore[arg-type]
    values = (getattr(source, field.name) for field in options)
    return [value for value in values if isinstance(value, Path)]


def _difference(told: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    """What of a fingerprint is missing, is there in addition or differs first; None if nothing."""
    for name, value in told.items():
        if name not in found or (found[name] is None and value is not None):
            return f"{name} is not there"
        if isinstance(value, Mapping) and isinstance(found[name], Mapping) and not _is_stamp(value):
            if (inside := _difference(value, found[name])) is not None:
                return inside
        elif found[name] != value:
            changed = "size" if _is_stamp(value) and found[name]["size"] != value["size"] else "time of change"
            return f"{name} differs" + (f" in its {changed}" if _is_stamp(value) else "")
    more = next((name for name in found if name not in told), None)
    return None if more is None else f"{more} is there in addition"


def _is_stamp(value: Any) -> bool:
    return isinstance(value, Mapping) and "mtime_ns" in value


Shape = tuple[int, int, int]


def check_regions(config: RunConfig, rows: VolumeTable) -> None:
    """Look at every distinct shape and spacing of the volumes.

    Raises
    ------
    ConfigError
        With the filtration, the shape, the limit and the remedy. The number of points of SLIC is only known
        approximately; there a block without any point has no bars.
    """
    regional = [name for name, f in config.filtrations.items() if not f.regions.is_whole]
    if not regional:
        return
    table = np.column_stack([rows.shape, rows.spacing])
    for row in np.unique(table, axis=0):
        depth, height, width = (int(n) for n in row[:3])
        for name in regional:
            filtration = config.filtrations[name].filtration()
            if filtration.takes == "points":
                _check_points(config, name, (depth, height, width), (row[3], row[4], row[5]))
            else:
                _check_voxels(config, name, (depth, height, width), filtration)


def _check_points(config: RunConfig, name: str, shape: Shape, spacing: tuple[float, float, float]) -> None:
    options = config.superpixels_of(name)
    positions = superpixel_grid(shape, options.n_superpixels, spacing, options.grid).indices
    for region, box in config.filtrations[name].regions.boxes(shape).items():
        n = int(inside(positions, box).sum())
        if n < FEWEST_POINTS:
            raise ConfigError(
                f"filtrations.{name}: region {region} of a volume of {_sides(shape)} voxels has {n} of about "
                f"{len(positions)} superpixels, fewer than {FEWEST_POINTS}; raise n_superpixels, or set fewer blocks"
            )


def _check_voxels(config: RunConfig, name: str, shape: Shape, filtration: VolumeFiltration) -> None:
    factor = getattr(filtration, "downsample", 1)
    depth, height, width = (-(-n // factor) for n in shape)
    for region, box in config.filtrations[name].regions.boxes((depth, height, width)).items():
        edges = [side.stop - side.start for side in box]
        if min(edges) < SHORTEST_EDGE:
            reduced = f" with downsample = {factor}" if factor > 1 else ""
            raise ConfigError(
                f"filtrations.{name}: region {region} of a volume of {_sides(shape)} voxels{reduced} has "
                f"{_sides(edges)} voxels, below {SHORTEST_EDGE} along an edge; set fewer blocks along that axis, such "
                f"as regions = {{blocks = {_fewer(depth, height, width)}}}"
            )


def _fewer(*edges: int) -> list[int]:
    return [2 if edge >= 2 * SHORTEST_EDGE else 1 for edge in edges]


def _sides(edges: "Shape | list[int]") -> str:
    return " × ".join(map(str, edges))
