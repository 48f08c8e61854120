"""Shape and intensity numbers against solids and samples whose values are known."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import kurtosis, skew

from tdaflow.evaluation.baselines.intensity_numbers import intensity_numbers
from tdaflow.evaluation.baselines.shape_numbers import shape_numbers


def ball(radius, size, spacing=(1, 1, 1)):
    axes = [(np.arange(size) - size // 2) * s for s in spacing]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return z**2 + y**2 + x**2 <= radius**2


def test_a_ball_is_a_ball():
    found = shape_numbers(ball(12, 31))
    assert found["volume_mesh"] == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.03)
    assert found["volume_voxels"] == ball(12, 31).sum()
    # Marching cubes of a binary volume leave facets: their surface is some per cent too large.
    assert found["surface_area"] == pytest.approx(4 * np.pi * 12**2, rel=0.1)
    assert found["sphericity"] == pytest.approx(1, abs=0.1)
    assert found["sphericity"] <= 1
    assert found["maximum_diameter"] == pytest.approx(24, abs=1.1)
    assert found["elongation"] == found["flatness"] == pytest.approx(1)
    # IBSI's axes are 4 standard deviations long, those of a solid ellipsoid 2·√5.
    assert found["volume_density_ellipsoid"] == pytest.approx((5 / 4) ** 1.5, rel=0.01)
    assert (found["euler_number"], found["components"], found["tunnels"], found["cavities"]) == (1, 1, 0, 0)
    assert found["skewness_1"] == pytest.approx(0, abs=1e-9)


def test_a_box_has_its_extents_and_axes():
    mask = np.zeros((12, 14, 30), dtype=bool)
    mask[2:8, 3:13, 4:26] = True
    found = shape_numbers(mask, (2, 1, 0.5))
    assert [found[f"extent_{axis}"] for axis in "zyx"] == [12, 10, 11]
    assert found["volume_voxels"] == 6 * 10 * 22
    assert found["major_axis"] == pytest.approx(4 * np.sqrt((6**2 - 1) / 12 * 4))
    assert found["volume_density_box"] == pytest.approx(1, abs=0.1)


def test_topology_of_a_ring_a_shell_and_two_parts():
    ring = np.zeros((5, 9, 9), dtype=bool)
    ring[1:4, 1:8, 1:8] = True
    ring[:, 3:6, 3:6] = False
    found = shape_numbers(ring)
    assert (found["components"], found["tunnels"], found["cavities"], found["euler_number"]) == (1, 1, 0, 0)
    shell = ball(6, 15) & ~ball(3, 15)
    assert shape_numbers(shell)["cavities"] == 1
    two = np.zeros((5, 5, 11), dtype=bool)
    two[1:4, 1:4, 1:4] = two[1:4, 1:4, 7:10] = True
    assert shape_numbers(two)["components"] == 2


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.02, 0.9), st.floats(0.2, 4))
@example(seed=506, share=0.0234375, factor=3.0)  # all voxels in an oblique plane
def test_numbers_are_finite_and_know_their_units(seed, share, factor):
    mask = np.random.default_rng(seed).random((6, 7, 8)) < share
    found, scaled = shape_numbers(mask), shape_numbers(mask, (factor,) * 3)
    assert len(found) == 38
    assert np.isfinite(list(found.values())).all()
    lengths = ("extent_z", "maximum_diameter", "major_axis", "radius_mean", "depth_mean", "depth_maximum")
    for name, value in found.items():
        power = 3 if name.startswith("volume_") and "density" not in name else 2 if name == "surface_area" else None
        power = 1 if name in lengths else power
        if power is not None:
            assert scaled[name] == pytest.approx(value * factor**power, rel=1e-4)
        elif "density" in name or name in ("sphericity", "flatness", "euler_number"):
            assert scaled[name] == pytest.approx(value, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_masks_without_extent_are_measured_too(n):
    mask = np.zeros((4, 4, 4), dtype=bool)
    mask[1, 1, :n] = True
    found = shape_numbers(mask)
    assert np.isfinite(list(found.values())).all()
    assert found["volume_voxels"] == n


def test_intensity_numbers_are_those_of_the_definitions():
    rng = np.random.default_rng(0)
    voxels = rng.gamma(2.0, 20, (8, 9, 10))
    found = intensity_numbers(voxels, (1, 1, 1), (0, 200), 64)
    assert len(found) == 43
    assert found["mean"] == pytest.approx(voxels.mean())
    assert found["variance"] == pytest.approx(voxels.var())
    assert found["skewness"] == pytest.approx(skew(voxels.ravel()))
    assert found["kurtosis"] == pytest.approx(kurtosis(voxels.ravel()))
    assert found["energy"] == pytest.approx((voxels**2).sum())
    assert found["coefficient_of_variation"] == pytest.approx(voxels.std() / voxels.mean())
    counts = np.histogram(np.clip(voxels, 0, 199.99), 64, (0, 200))[0]
    assert found["histogram_mode"] == counts.argmax() + 1
    assert found["histogram_uniformity"] == pytest.approx(((counts / counts.sum()) ** 2).sum())
    assert found["peak_global"] >= found["peak_local"] - 1e-9
    assert found["peak_global"] < voxels.max()


def test_a_bright_ball_of_a_cubic_centimetre_is_the_peak():
    voxels = np.where(ball(6.5, 25), 100.0, 0.0)
    found = intensity_numbers(voxels, (1, 1, 1), (0, 100), 64)
    assert found["peak_global"] == pytest.approx(100)
    constant = intensity_numbers(np.full((4, 4, 4), 3), (1, 1, 1), (0, 1), 64)
    assert np.isfinite(list(constant.values())).all()
    assert constant["peak_global"] == pytest.approx(3)
