"""The alpha filtration finds the topology of shapes that everybody knows."""

import numpy as np
import pytest
from homology_oracles import in_r4

from tdaflow.homology import persistence_diagram

ALL = (0, 1, 2, 3)


def alpha(points):
    return persistence_diagram(points, homology_dimensions=ALL)


class TestKnownShapes:
    """Prominent bars (longer than a fifth of the shape's radius) are its Betti numbers."""

    @staticmethod
    def prominent(points, shortest):
        diagram = alpha(in_r4(points))
        return [int(np.sum(np.ptp(diagram[k], axis=1) > shortest)) for k in ALL]

    def test_shell_has_one_cavity(self):
        z, t = np.linspace(-1, 1, 200), np.pi * (1 + np.sqrt(5)) * np.arange(200)
        sphere = 10 * np.column_stack([z, np.sqrt(1 - z**2) * np.cos(t), np.sqrt(1 - z**2) * np.sin(t)])
        assert self.prominent(sphere, 2) == [0, 0, 1, 0]
        assert alpha(in_r4(sphere))[2][:, 1].max() == pytest.approx(10, rel=1e-3)

    def test_ring_has_one_loop(self):
        t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        assert self.prominent(np.column_stack([10 * np.cos(t), 10 * np.sin(t)]), 2) == [0, 1, 0, 0]

    def test_torus_has_two_loops_and_one_cavity(self):
        u, v = (a.ravel() for a in np.meshgrid(*[np.linspace(0, 2 * np.pi, n, endpoint=False) for n in (48, 24)]))
        torus = np.column_stack([(10 + 4 * np.cos(v)) * np.cos(u), (10 + 4 * np.cos(v)) * np.sin(u), 4 * np.sin(v)])
        assert self.prominent(torus, 2) == [0, 2, 1, 0]

    def test_two_linked_rings_are_two_pieces_with_a_loop_each(self):
        t = np.linspace(0, 2 * np.pi, 80, endpoint=False)
        flat = np.column_stack([10 * np.cos(t), 10 * np.sin(t), 0 * t])
        rings = np.concatenate([flat, flat[:, [0, 2, 1]] + [10, 0, 0]])
        assert self.prominent(rings, 2)[:2] == [1, 2]

    def test_three_sphere_needs_four_dimensions(self):
        points = np.random.default_rng(0).normal(size=(600, 4))
        points *= 10 / np.linalg.norm(points, axis=1, keepdims=True)
        assert self.prominent(points, 3) == [0, 0, 0, 1]

    def test_the_projective_plane_shows_that_homology_is_over_z2(self):
        # Half of a sphere: opposite points are one point of the projective plane.
        z, t = np.linspace(0.001, 1, 200), np.pi * (1 + np.sqrt(5)) * np.arange(200)
        x, y = np.sqrt(1 - z**2) * np.cos(t), np.sqrt(1 - z**2) * np.sin(t)
        plane = 10 * np.column_stack([x * y, x * z, y**2 - z**2, 2 * y * z])
        diagram = alpha(plane)
        assert [int(np.sum(np.ptp(diagram[k], axis=1) > 2)) for k in (1, 2)] == [1, 1]
