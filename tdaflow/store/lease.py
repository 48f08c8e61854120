"""A lock on an object store: one small object that its holder renews and that others may take when it does not.

It is made by a put that fails if the object is there, renewed and taken over by one that fails if its ETag is another
by then. So of any number of processes that try at the same time one has it.
"""

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tdaflow.atomic import is_running, this_machine
from tdaflow.errors import RunError
from tdaflow.remote import RemotePath

RENEWED = 30.0
"""Seconds between two renewals."""
SILENCE = 3 * RENEWED
"""Seconds after which a lease that nobody renews may be taken."""


class ObjectLease:
    """A lease, held from `acquire` to `release`.

    Parameters
    ----------
    path : RemotePath
        Of its object.

    Attributes
    ----------
    lost : str
        Why it is not held any more although it was not released; empty while it is.
    """

    def __init__(self, path: RemotePath) -> None:
        self.path, self.lost = path, ""
        self._token = uuid.uuid4().hex
        self._etag = ""
        self._held = 0.0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self, timeout: float) -> None:
        """Take the lease, or wait for its holder, which may be silent; `filelock.Timeout` if it is alive.

        Parameters
        ----------
        timeout : float
            Seconds to watch a lease of another process. With at least `SILENCE`, one that is not renewed meanwhile is
            taken; one of a process of this machine that has ended is taken at once.
        """
        began, watched, since = time.monotonic(), "", 0.0
        while True:
            try:
                self._begin(self.path.create(self._text()))
                return
            except FileExistsError:
                pass
            try:
                text, etag = self.path.read_tagged()
            except FileNotFoundError:
                continue
            told = _parsed(text)
            now = time.monotonic()
            if etag != watched:
                watched, since = etag, now
            gone = told.get("machine") == this_machine() and not is_running(int(told.get("pid", 0)))
            # A put that was answered too late and repeated finds its own object.
            if gone or told.get("token") == self._token or now - since > SILENCE:
                try:
                    self._begin(self.path.swap(self._text(), etag))
                    return
                except FileExistsError:
                    continue
            if now - began >= timeout:
                raise Timeout(str(self.path))
            time.sleep(min(1.0, timeout))

    def release(self) -> None:
        """Give the lease back, unless another process has it."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(10.0)
        try:
            if not self.lost and self.path.read_tagged()[1] == self._etag:
                self.path.unlink()
        except OSError:
            pass  # it is given up by itself

    def check(self) -> None:
        """Raise RunError if the lease was lost."""
        if not self.lost and self._held and time.monotonic() - self._held > SILENCE:
            self.lost = f"it could not be renewed for {SILENCE:.0f} s"
        if self.lost:
            raise RunError(
                f"another tdaflow may have taken over {self.path.parent}: {self.path.name} is not held any more "
                f"({self.lost}); this one stops and has committed nothing since"
            )

    def _begin(self, etag: str) -> None:
        self._etag, self._held = etag, time.monotonic()
        self._thread = threading.Thread(target=self._renew, name="tdaflow-lease", daemon=True)
        self._thread.start()

    def _renew(self) -> None:
        while not self._over.wait(RENEWED):
            try:
                self._etag, self._held = self.path.swap(self._text(), self._etag), time.monotonic()
            except (FileExistsError, FileNotFoundError):
                if not self._is_own():
                    self.lost = "another process has taken it"
                    return
            except OSError:
                pass  # tried again; `check` says when it has lasted too long

    def _is_own(self) -> bool:
        """Whether a renewal that was repeated had been made already; then its ETag is the one to go on with."""
        try:
            text, etag = self.path.read_tagged()
        except FileNotFoundError:
            return False
        except OSError:
            return True  # not known; tried again
        if _parsed(text).get("token") != self._token:
            return False
        self._etag, self._held = etag, time.monotonic()
        return True

    def _text(self) -> bytes:
        # A time makes every renewal another object, with another ETag.
        told = {"token": self._token, "machine": this_machine(), "pid": os.getpid(), "renewed": time.time()}
        return json.dumps(told).encode()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes out: wait for the lock of a file, or for a lease."""
    if not isinstance(path, RemotePath):
        with FileLock(path):
            yield
        return
    lease = ObjectLease(path)
    lease.acquire(2 * SILENCE)
    try:
        yield
    finally:
        lease.release()


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
