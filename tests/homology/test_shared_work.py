"""What filtrations of one volume share is computed once, and changes no bar."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.config.presets import PRESETS
from tdaflow.homology.volume_filtrations import (
    Distance,
    Gaussian,
    GaussianLaplacian,
    GradientMagnitude,
    Height,
    LaplacianOfGaussian,
    Radial,
    WeightedHeight,
)
from tdaflow.homology.volume_filtrations.axis import height_along
from tdaflow.homology.volume_filtrations.shared_work import SharedWork, once

KINDS = (Distance, Radial, Height, WeightedHeight, Gaussian, LaplacianOfGaussian, GaussianLaplacian, GradientMagnitude)
FILTRATIONS = [
    kind(direction=direction, **options)
    for kind in KINDS
    for direction in ("sublevel", "superlevel")
    for options in ({}, {"construction": "top"}, {"downsample": 2})
] + [Gaussian(sigma=2), LaplacianOfGaussian(sigma=2), Distance(threshold=3.0), Height(axis=(0, 1, 2))]


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(len(FILTRATIONS))), st.integers(0, 2**32 - 1))
def test_bars_are_the_same_in_any_order(order, seed):
    volume = np.random.default_rng(seed).integers(0, 9, (5, 6, 4))
    work, spacing = SharedWork(), (1.0, 1.5, 2.0)
    for number in order[:12]:
        filtration = FILTRATIONS[number]
        alone = filtration.diagram(volume, (0, 1, 2), spacing=spacing)
        with work.known():
            assert filtration.diagram(volume, (0, 1, 2), spacing=spacing) == alone


def test_both_directions_of_the_preset_smooth_and_measure_once(monkeypatch):
    import scipy.ndimage

    calls = []
    for name in ("gaussian_filter", "distance_transform_edt"):
        original = getattr(scipy.ndimage, name)
        monkeypatch.setattr(
            scipy.ndimage, name, lambda *a, _of=original, _name=name, **k: (calls.append(_name), _of(*a, **k))[1]
        )
    volume, work = np.random.default_rng(0).integers(0, 99, (6, 6, 6)), SharedWork()
    kinds = {kind.kind: kind for kind in KINDS}
    with work.known():
        for name, told in PRESETS["wide"]["filtrations"].items():
            each = told.get("each", {})
            for direction in each.get("direction", ["superlevel"]) if name in kinds else ():
                for sigma in each.get("sigma", [told.get("sigma")]):
                    options = {} if sigma is None else {"sigma": sigma}
                    kinds[name](direction=direction, **options).diagram(volume, (0,))
    # one Gaussian of each σ, and the distances on the two sides of the surface
    assert calls.count("gaussian_filter") <= 3
    assert calls.count("distance_transform_edt") == 2


def test_another_volume_is_another_one():
    work, first = SharedWork(), np.zeros(3)
    with work.known():
        assert once(first, "sum", lambda: first + 1).tolist() == [1, 1, 1]
        assert once(first, "sum", lambda: first + 2).tolist() == [1, 1, 1]
        assert once(first.copy(), "sum", lambda: first + 2).tolist() == [2, 2, 2]
        with pytest.raises(ValueError, match="read-only"):
            once(first, "sum", lambda: first)[0] = 0
    assert once(first, "sum", lambda: first + 3).tolist() == [3, 3, 3]


@settings(max_examples=50, deadline=None)
@given(
    st.tuples(*[st.floats(-2, 2)] * 3).filter(lambda axis: max(map(abs, axis)) > 0.1),
    st.tuples(*[st.floats(0.1, 3)] * 3),
)
def test_a_ramp_is_the_height_of_every_voxel(axis, spacing):
    shape = (3, 4, 5)
    lines = [np.arange(n) * s for n, s in zip(shape, spacing, strict=True)]
    every = np.indices(shape).reshape(3, -1).T * np.array(spacing)
    ramp = height_along(axis, *np.ix_(*lines))
    # the bits are those of the products added up along the last axis
    assert np.array_equal(ramp.ravel(), (every * (np.array(axis) / np.linalg.norm(axis))).sum(axis=1))
