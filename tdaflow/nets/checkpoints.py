"""Checkpoints of a training: written whole, read without unpickling code."""

import time
from pathlib import Path
from typing import Any

import torch

from tdaflow.atomic import written_whole
from tdaflow.errors import InputError, RunError

FORMAT = 2


class Checkpoints:
    """One file that a training goes on from.

    Parameters
    ----------
    path : Path
    fingerprint : str
        What is trained: data, network, schedule, seed. A file with another one is not used, and replaced.
    seconds : float
        Least time between two writes; the last epoch is always written.
    """

    def __init__(self, path: Path, fingerprint: str, *, seconds: float = 60.0) -> None:
        self.path, self.fingerprint, self._seconds = Path(path), fingerprint, seconds
        self._written = time.monotonic()

    def read(self) -> dict[str, Any] | None:
        """Return the state of the last write, on the CPU; None if there is none of this training.

        After the last epoch it holds no more than ``best`` and ``history``. InputError if the file is damaged.
        """
        if not self.path.exists():
            return None
        try:
            found: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
            if found["format"] != FORMAT or found["fingerprint"] != self.fingerprint:
                return None
            state: dict[str, Any] = found["state"]
        except Exception as error:  # whatever damaged bytes make of a zip and a restricted pickle
            raise InputError(
                f"the checkpoint {self.path} cannot be read ({type(error).__name__}): delete it to train anew"
            ) from None
        return state

    def write(self, state: dict[str, Any], *, last: bool = False) -> None:
        """Replace the file as a whole; RunError if it cannot be written."""
        if not last and time.monotonic() - self._written < self._seconds:
            return
        kept = {name: state[name] for name in ("best", "history")} if last else state
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(self.path) as temporary:
                torch.save({"format": FORMAT, "fingerprint": self.fingerprint, "state": kept}, temporary)
        except (OSError, RuntimeError) as error:
            raise RunError(
                f"the checkpoint {self.path} cannot be written ({error}): make room, then run again"
            ) from None
        self._written = time.monotonic()
