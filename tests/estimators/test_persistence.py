"""`Persistence`: `persistence_diagram` over a list."""

import numpy as np
import pytest
from sklearn.base import clone

from tdaflow import Persistence, PersistenceDiagram, persistence_diagram
from tdaflow.errors import InputError
from tdaflow.homology import Alpha, Cubical
from tdaflow.homology.volume_filtrations.distance import Distance
from tdaflow.sources import Volume

SQUARE = np.array([[0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 2.0]])


def test_the_loop_of_a_square_is_born_at_half_a_side_and_dies_at_half_a_diagonal() -> None:
    [diagram] = Persistence(homology_dimensions=(1,)).fit_transform([SQUARE])
    assert isinstance(diagram, PersistenceDiagram)
    np.testing.assert_allclose(diagram[1], [[1.0, np.sqrt(2.0)]])


@pytest.mark.parametrize("filtration", ["cubical", Cubical(direction="superlevel", downsample=2)])
def test_diagrams_are_the_kernels(filtration: str | Cubical) -> None:
    volumes = [np.random.default_rng(3).normal(size=shape) for shape in ((4, 5, 6), (6, 4, 4))]
    options = {"homology_dimensions": (0, 2), "min_persistence": 0.05, "essential": 9.0}
    diagrams = Persistence(filtration, **options).fit_transform(volumes)
    assert diagrams == [persistence_diagram(volume, filtration=filtration, **options) for volume in volumes]
    assert [d.metadata["filtration"] for d in diagrams] == [
        "cubical-superlevel" if isinstance(filtration, Cubical) else "cubical-sublevel"
    ] * 2


def test_cubical_takes_volumes_of_a_source() -> None:
    voxels = np.random.default_rng(4).normal(size=(4, 4, 4))
    from_volume, from_array = Persistence("cubical").transform([Volume("a", voxels), voxels])
    assert from_volume == from_array


def test_lengths_are_those_of_the_volume_or_else_of_the_parameter() -> None:
    voxels = np.zeros((5, 5, 5))
    voxels[1:4, 1:4, 1:4] = 1
    thick = (3.0, 1.0, 1.0)
    own, given, neither = (
        Persistence("distance", homology_dimensions=(0,), spacing=spacing).transform([sample])[0]
        for spacing, sample in ((None, Volume("a", voxels, thick)), (thick, voxels), (None, voxels))
    )
    assert own == given == persistence_diagram(voxels, filtration=Distance(), homology_dimensions=(0,), spacing=thick)
    assert own != neither


def test_a_filtration_with_options_survives_cloning_and_can_be_searched() -> None:
    estimator = Persistence(Alpha(engine="kernel"))
    assert clone(estimator).filtration == Alpha(engine="kernel")
    assert estimator.set_params(filtration="cubical").filtration == "cubical"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"filtration": "rips"}, "rips"),
        ({"filtration": Cubical}, "instance"),
        ({"homology_dimensions": (-1,)}, "-1"),
        ({"min_persistence": 2.0}, "min_persistence"),
        ({"essential": "forget"}, "forget"),
        ({"essential": np.inf}, "inf"),
        ({"spacing": (1.0, -1.0)}, "spacing"),
    ],
)
def test_bad_parameters_are_refused_in_fit(options: dict, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        Persistence(**options).fit([SQUARE])


def test_a_bad_sample_is_named() -> None:
    with pytest.raises(InputError, match=r"sample 1 of X: .*NaN"):
        Persistence(homology_dimensions=(0,)).fit_transform([SQUARE, SQUARE * np.nan])
