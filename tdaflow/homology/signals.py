"""Persistence of many signals at once."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.errors import InputError
from tdaflow.homology.checks import as_float64


def signal_persistence(
    signals: ArrayLike, *, essential: Literal["cap", "drop"] = "cap"
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Compute H₀ of the sublevel sets of each signal: its minima, each until it meets a deeper one.

    The bars are those of `persistence_diagram(signal, filtration="cubical", homology_dimensions=(0,))`; for those of
    superlevel sets pass the negated signals.

    Parameters
    ----------
    signals : array_like, shape (n_signals, t), t ≥ 1
        Finite values of any real dtype, taken as float64. Not modified.
    essential : "cap" or "drop"
        The deepest minimum, which never dies, ends at its signal's largest value ("cap") or is left out.

    Returns
    -------
    bars : (m, 2) float64
        (birth, death) with birth < death, signal after signal; within a signal in an order that only its values fix,
        a capped essential bar first.
    offsets : (n_signals + 1,) int64
        The bars of signal i are ``bars[offsets[i]:offsets[i + 1]]``.

    Raises
    ------
    InputError
        For another shape, NaN or infinite values, signals of no values, or an unknown ``essential``.

    Notes
    -----
    One walk with a stack, linear in the size of the input, on one core and without the GIL.
    """
    if essential not in ("cap", "drop"):
        raise InputError(f"essential={essential!r} does not exist for signals; use 'cap' or 'drop'")
    shape = np.shape(signals)
    if len(shape) != 2:
        raise InputError(f"signals must have shape (n_signals, t), got {shape}; pass one signal as signal[None, :]")
    if shape[0] == 0 and shape[1] > 0:
        return np.empty((0, 2)), np.zeros(1, np.int64)
    values = np.ascontiguousarray(as_float64(signals, "signals", "mend or leave out these signals"))
    # Compiled on import, so imported when it is wanted.
    from tdaflow.homology.cubical_kernel.compiled_cache import stage

    bars = np.empty((shape[0] * ((shape[1] + 1) // 2), 2))
    offsets = np.empty(shape[0] + 1, np.int64)
    stage("paths").path_components(values, essential == "cap", bars, offsets)
    return bars[: offsets[-1]].copy(), offsets
