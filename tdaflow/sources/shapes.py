"""Solids of known topology, as signed distances in units of their own size.

Each solid fits in the unit ball around the origin. Its topology survives sampling on a voxel grid as long as its
thinnest part (wall, tube, hole or gap, ``thinnest``) spans a few voxels, which `tdaflow.sources.phantoms` ensures.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tdaflow.errors import InputError

KINDS = ("ball", "shell", "torus", "linked-rings", "handles-N", "cavities-N")
_COUNTED = re.compile(r"(handles|cavities)-([1-9][0-9]?)")


@dataclass(frozen=True)
class Solid:
    """A solid with its topology.

    Parameters
    ----------
    kind : str
        Its name.
    betti : tuple of 3 int
        Betti numbers (b0, b1, b2) of the solid: components, independent loops, enclosed cavities.
    thinnest : float
        Width of the thinnest wall, tube, hole or gap; the unit is the radius of the enclosing ball.
    distance : callable
        Signed value at points (n, 3) in the same unit, negative inside; its gradient is 1 near the surface.
    """

    kind: str
    betti: tuple[int, int, int]
    thinnest: float
    distance: Callable[[np.ndarray], np.ndarray]


def solid(kind: str) -> Solid:
    """Return the solid called ``kind``.

    Parameters
    ----------
    kind : str
        ``"ball"`` (1, 0, 0); ``"shell"``, a ball with one cavity (1, 0, 1); ``"torus"`` (1, 1, 0);
        ``"linked-rings"``, a Hopf link of two tori (2, 2, 0); ``"handles-N"``, a plate with N holes drilled through it
        (1, N, 0); ``"cavities-N"``, a ball with N cavities (1, 0, N); N from 1 to 99.

    Raises
    ------
    InputError
        For any other name.
    """
    if kind == "ball":
        return Solid(kind, (1, 0, 0), 2.0, lambda p: _norm(p) - 1.0)
    if kind == "shell":
        return Solid(kind, (1, 0, 1), 0.45, lambda p: np.maximum(_norm(p) - 1.0, 0.55 - _norm(p)))
    if kind == "torus":
        return Solid(kind, (1, 1, 0), 0.5, lambda p: _ring(p, 0.72) - 0.28)
    if kind == "linked-rings":
        return Solid(kind, (2, 2, 0), 0.26, _linked_rings)
    counted = _COUNTED.fullmatch(kind)
    if counted is None:
        raise InputError(f"there is no phantom called {kind!r}: choose among {', '.join(KINDS)}, N from 1 to 99")
    n = int(counted[2])
    if counted[1] == "handles":
        return _drilled_plate(kind, n)
    return _ball_with_cavities(kind, n)


def _norm(points: np.ndarray) -> np.ndarray:
    return np.sqrt((points**2).sum(axis=1))


def _ring(points: np.ndarray, radius: float) -> np.ndarray:
    """Return the distance to a circle around the origin in the plane of the last two coordinates."""
    return np.hypot(np.hypot(points[:, 1], points[:, 2]) - radius, points[:, 0])


def _linked_rings(points: np.ndarray) -> np.ndarray:
    """Return the distance to two perpendicular rings of radius 0.56, each through the other's centre."""
    offset = np.array([0.0, 0.0, 0.28])
    first, second = points + offset, (points - offset)[:, [1, 0, 2]]
    return np.minimum(_ring(first, 0.56), _ring(second, 0.56)) - 0.15


def _hole_layout(n: int) -> tuple[float, np.ndarray]:
    """Return the radius a of n equal holes in the unit disc, and their centres (n, 2).

    Centres lie on a circle of radius 1 − 3a with a from (1 − 3a) sin(π/n) = 2a, so that holes, the walls between
    neighbours and the outer wall are all 2a wide.
    """
    if n == 1:
        return 0.3, np.zeros((1, 2))
    sine = np.sin(np.pi / n)
    radius = float(sine / (2 + 3 * sine))
    angles = 2 * np.pi * np.arange(n) / n
    return radius, (1 - 3 * radius) * np.column_stack([np.cos(angles), np.sin(angles)])


def _drilled_plate(kind: str, n: int) -> Solid:
    shrink, half_thickness = 0.95, 0.3  # a disc of radius 0.95 and thickness 0.6 just fits the unit ball
    radius, centres = _hole_layout(n)

    def distance(p: np.ndarray) -> np.ndarray:
        outside = np.maximum(np.hypot(p[:, 1], p[:, 2]) - shrink, np.abs(p[:, 0]) - half_thickness)
        for y, x in shrink * centres:
            outside = np.maximum(outside, shrink * radius - np.hypot(p[:, 1] - y, p[:, 2] - x))
        return outside

    return Solid(kind, (1, n, 0), min(2 * shrink * radius, 2 * half_thickness), distance)


def _ball_with_cavities(kind: str, n: int) -> Solid:
    radius, centres = _hole_layout(n)

    def distance(p: np.ndarray) -> np.ndarray:
        outside = _norm(p) - 1.0
        for y, x in centres:
            outside = np.maximum(outside, radius - _norm(p - np.array([0.0, y, x])))
        return outside

    return Solid(kind, (1, 0, n), 2 * radius, distance)
