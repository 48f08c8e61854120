"""Weights of bars in a persistence image, as functions of birth and persistence."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.errors import InputError

Weight = str | tuple[str, float] | Callable[[NDArray[np.float64], NDArray[np.float64]], ArrayLike]

_NAMES = ("gaussian", "linear", "arctan", "constant")
_POWER = re.compile(r"\s*power\s*\(\s*([^()\s]+)\s*\)\s*")


def parsed_weight(weight: Any) -> Weight:
    """Return a weight in its canonical form: a name, ("power", n) or the callable.

    Parameters
    ----------
    weight : "gaussian", "linear", "arctan", "constant", ("power", n), "power(n)" or callable
        n ≥ 0.

    Raises
    ------
    InputError
        For anything else.
    """
    if callable(weight) or (isinstance(weight, str) and weight in _NAMES):
        return weight
    exponent = None
    if isinstance(weight, str) and (match := _POWER.fullmatch(weight)):
        exponent = match[1]
    elif isinstance(weight, tuple | list) and len(weight) == 2 and weight[0] == "power":
        exponent = weight[1]
    try:
        n = float(exponent)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        n = np.nan
    if not (np.isfinite(n) and n >= 0):
        raise InputError(
            f"weight is {weight!r}; use {', '.join(map(repr, _NAMES))}, 'power(n)' with n ≥ 0, or a function of "
            f"(birth, persistence)."
        )
    return ("power", n)


def bar_weights(
    weight: Weight, birth: NDArray[np.float64], persistence: NDArray[np.float64], sigma: float
) -> NDArray[np.float64]:
    """Compute the weights of bars.

    Parameters
    ----------
    weight : str, ("power", n) or callable
        - "gaussian": exp(−p²/2σ²), Definition 1 of Zhu et al. 2024 (long bars count *less*);
        - "linear": p, and "power(n)": pⁿ (Adams et al., JMLR 18 (2017), vanish on the diagonal);
        - "arctan": arctan(p) (Kusano et al., ICML 2016, with C = p = 1), p in the diagram's units;
        - "constant": 1;
        - a callable of (birth, persistence), both float64 (n,), giving (n,) finite numbers or one.
    birth, persistence : float64 (n,)
        Persistence ≥ 0.
    sigma : float
        Standard deviation of the image's Gaussian; only "gaussian" uses it.

    Returns
    -------
    float64 (n,)

    Raises
    ------
    InputError
        For an unknown weight, and for a callable that returns another shape or numbers that are not finite.
    """
    weight = parsed_weight(weight)
    if callable(weight):
        try:
            values = np.broadcast_to(np.asarray(weight(birth, persistence), dtype=np.float64), birth.shape)
        except ValueError as error:
            raise InputError(
                f"the weight function must return one number a bar ({len(birth)}), it gave something else ({error})."
            ) from error
    elif weight == "gaussian":
        with np.errstate(over="ignore", under="ignore"):  # to weight 0
            return np.exp(-0.5 * np.square(persistence / sigma))
    elif weight == "linear":
        values = persistence
    elif weight == "arctan":
        return np.arctan(persistence)
    elif weight == "constant":
        return np.ones_like(persistence)
    else:
        with np.errstate(over="ignore", under="ignore"):
            values = np.power(persistence, weight[1])
    if not np.isfinite(values).all():
        raise InputError(f"the weight {weight!r} gave numbers that are not finite; choose one that stays finite.")
    return values
