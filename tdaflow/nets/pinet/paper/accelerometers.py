"""Tri-axial accelerometer recordings: USC-HAD and GENEActiv, as Som et al. 2019, section 5.1; BasicMotions of aeon.

USC-HAD (Zhang and Sawchuk, 2012) has one MATLAB file a trial, ``Subject3/a5t2.mat`` for subject 3, activity 5, trial 2.
GENEActiv devices export a CSV file with 100 lines of header. BasicMotions (a smart watch at 10 Hz, four activities)
travels with the package aeon.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError

RATE = 100
FRAME_SECONDS = 10
USC_HAD_TRAIN_SUBJECTS = range(1, 9)
"""The first eight of fourteen, as in Som et al. 2019, section 5.1."""

_TRIAL = re.compile(r"a(\d+)t(\d+)\.mat")
_SUBJECT = re.compile(r"Subject(\d+)")
_HEADER_LINES = 100


@dataclass(frozen=True)
class Frames:
    """Frames of accelerations.

    Attributes
    ----------
    signals : float64 (n, 3, t)
        Along x, y and z, in g.
    labels : int64 (n,)
        Activity, from 0.
    subjects : int64 (n,)
        Frames of a subject belong to one side of a split.
    """

    signals: NDArray[np.float64]
    labels: NDArray[np.int64]
    subjects: NDArray[np.int64]

    def of(self, subjects: Sequence[int]) -> "Frames":
        """Return the frames of some subjects."""
        keep = np.isin(self.subjects, list(subjects))
        return Frames(self.signals[keep], self.labels[keep], self.subjects[keep])


def cut_frames(
    signal: NDArray[np.float64], length: int = RATE * FRAME_SECONDS, step: int | None = None
) -> NDArray[np.float64]:
    """Cut a recording (t, axes) in frames (n, axes, length) that start every `step` rows, by default side by side.

    Rows left over at the end are dropped.
    """
    if len(signal) < length:
        return np.empty((0, signal.shape[1], length))
    windows = np.lib.stride_tricks.sliding_window_view(signal, length, axis=0)
    return np.ascontiguousarray(windows[:: step or length])


def read_basic_motions() -> dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Read BasicMotions from the package aeon.

    Returns
    -------
    dict
        For "train" and "test": accelerations (40, 3, 100) along x, y and z in the recording's unit, and labels (40,) in
        the order of the activities' names. Bagnall et al., "The UEA multivariate time series classification archive,
        2018", arXiv:1811.00075.

    Raises
    ------
    InputError
        If aeon is not installed.
    """
    try:
        from aeon.datasets import load_basic_motions
    except ImportError:
        raise InputError(
            'BasicMotions travels with aeon, which is not installed: pip install "tdaflow[timeseries]"'
        ) from None
    found = {}
    for split in ("train", "test"):
        signals, names = load_basic_motions(split=split)
        # Channels 3 to 5 are the gyroscope.
        _, labels = np.unique(np.asarray(names, dtype=str), return_inverse=True)
        found[split] = np.asarray(signals[:, :3], dtype=np.float64), labels.astype(np.int64)
    return found


def read_usc_had(folder: Path, *, frame: int = RATE * FRAME_SECONDS) -> Frames:
    """Read the frames of all trials under a folder with ``Subject1`` … ``Subject14``.

    Parameters
    ----------
    folder : Path
    frame : int
        Time steps of a frame; the paper has 10 s.

    Raises
    ------
    InputError
        If there is no trial, or one is not a trial of USC-HAD.
    """
    found = list(_usc_had_trials(Path(folder)))
    if not found:
        raise InputError(f"{folder} holds no Subject*/a*t*.mat: unpack USC-HAD.zip of https://sipi.usc.edu/had/ there")
    parts = [(cut_frames(signal, frame), activity, subject) for signal, activity, subject in found]
    counts = [len(frames) for frames, _, _ in parts]
    return Frames(
        np.concatenate([frames for frames, _, _ in parts]),
        np.repeat([activity - 1 for _, activity, _ in parts], counts),
        np.repeat([subject for _, _, subject in parts], counts),
    )


def read_geneactiv(path: Path) -> NDArray[np.float64]:
    """Read accelerations (t, 3) in g from a GENEActiv CSV export.

    Parameters
    ----------
    path : Path
        Its header must say "Measurement Frequency,100 Hz"; each line after it is a time and x, y, z, more columns are
        not read.

    Raises
    ------
    InputError
        If it is no such export, was recorded at another rate, or holds something else than numbers.
    """
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            header = [file.readline() for _ in range(_HEADER_LINES)]
            rate = next((line for line in header if line.startswith("Measurement Frequency")), "")
            if "GENEActiv" not in header[0] or not rate:
                raise InputError(f"{path} is no CSV export of a GENEActiv device: its first lines do not say so")
            hertz = re.search(r"([\d.]+)\s*Hz", rate)
            if hertz is None or float(hertz[1]) != RATE:
                raise InputError(f"{path} was not recorded at {RATE} Hz ({rate.strip()!r}): resample it first")
            values = np.loadtxt(file, delimiter=",", usecols=(1, 2, 3), dtype=np.float64, ndmin=2)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be read ({error}): export it again") from None
    if len(values) == 0 or not np.isfinite(values).all():
        raise InputError(f"{path} holds no accelerations, or some that are not finite: export it again")
    return values


def _usc_had_trials(folder: Path) -> Iterator[tuple[NDArray[np.float64], int, int]]:
    from scipy.io import loadmat

    for path in sorted(folder.glob("Subject*/a*t*.mat")):
        trial, subject = _TRIAL.fullmatch(path.name), _SUBJECT.fullmatch(path.parent.name)
        if trial is None or subject is None:
            continue
        try:
            readings = np.asarray(
                loadmat(path, variable_names=["sensor_readings"])["sensor_readings"], dtype=np.float64
            )
        except Exception as error:  # whatever damaged bytes make of a MATLAB file
            raise InputError(f"{path} cannot be read ({type(error).__name__}: {error}): unpack it again") from None
        if readings.ndim != 2 or readings.shape[1] != 6 or not np.isfinite(readings).all():
            raise InputError(
                f"{path} has readings of shape {readings.shape}, not (t, 6) finite values: unpack it again"
            )
        # Three columns of acceleration come before those of the gyroscope.
        yield readings[:, :3], int(trial[1]), int(subject[1])
