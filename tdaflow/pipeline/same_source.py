"""Whether a worker reads what the client has seen: a path may lead to other files on another machine.

The whole fingerprint is compared, for one file more or less shifts all that follow, but only once in each process: on
ten thousand small files it takes as long as reading a hundred of them.
"""

import json
import pickle
import socket
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from tdaflow.errors import InputError
from tdaflow.sources import Source
from tdaflow.store import options_digest

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
    try:
        found = source.fingerprint()
    except InputError as error:
        problem: str | None = str(error)
    except OSError as error:
        problem = f"it cannot be read ({error.strerror})"
    else:
        # A tuple became a list in the store.
        same = found == fingerprint
        problem = None if same else _difference(fingerprint, json.loads(json.dumps(found)))
    if problem is not None:
        shown = " and ".join(str(path) for path in _paths(source, public=True))
        raise InputError(
            f"the worker on {socket.gethostname()} sees another source{f' at {shown}' if shown else ''} than this run "
            f"began with: {problem}; give every worker the same files under the same path, with their times of change"
        )
    _seen.add((pickle.dumps(source), digest))


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
