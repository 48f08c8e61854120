"""Options of filtrations and vectorisations by name, and values of a wrong type."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from tdaflow import Alpha, Cubical, Gaussian, Persistence, PersistenceImage, PersistenceVectorisation
from tdaflow import SuperpixelPointCloud as Clouds
from tdaflow.errors import InputError
from tdaflow.sources import Phantoms
from tdaflow.vectorisations import Landscape

VOLUMES = np.random.default_rng(0).integers(0, 200, (3, 6, 5, 7), dtype=np.uint8)


def test_options_are_listed_and_set_by_name_on_a_name_as_on_an_instance() -> None:
    for filtration in ("gaussian", Gaussian()):
        estimator = Persistence(filtration)
        assert estimator.get_params()["filtration__sigma"] == 1.0
        assert "filtration__sigma" not in estimator.get_params(deep=False)
        assert estimator.set_params(filtration__sigma=2.0, filtration__direction="superlevel") is estimator
        assert estimator.filtration == Gaussian(sigma=2.0, direction="superlevel")
    assert filtration == Gaussian()  # replaced, not changed
    estimator = PersistenceVectorisation().set_params(vectorisation__n_landscapes=5)
    assert estimator.vectorisation == Landscape(n_landscapes=5)


def test_a_new_filtration_is_set_before_its_options() -> None:
    estimator = Persistence().set_params(filtration__downsample=2, filtration="cubical")
    assert estimator.filtration == Cubical(downsample=2)


def test_estimators_with_options_are_cloned_whole() -> None:
    estimator = Persistence(Cubical(downsample=2)).set_params(filtration__direction="superlevel")
    assert clone(estimator).get_params() == estimator.get_params()
    assert clone(estimator).filtration == Cubical("superlevel", downsample=2)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"filtration__downsampel": 2}, "no option 'downsampel'; did you mean 'downsample'?"),
        ({"filtration__axis": (1, 0, 0)}, "Cubical has no option 'axis'; its options are direction, construction"),
        ({"filtration__downsample": "2"}, "downsample='2' is of type str; it must be an integer"),
        ({"filtration__direction": "up"}, "direction='up' does not exist; use 'sublevel'"),
        ({"filtration": "rips", "filtration__engine": "kernel"}, "filtration='rips' does not exist"),
    ],
)
def test_what_a_filtration_does_not_have_is_said(parameters: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason.replace("?", r"\?")):
        Persistence("cubical").set_params(**parameters)


def test_a_grid_search_finds_options_of_filtrations_and_vectorisations() -> None:
    found = list(Phantoms(n_volumes=16, shape=(15, 15, 15), kinds=("ball", "shell")).volumes())
    steps = Pipeline(
        [
            ("persistence", Persistence("cubical")),
            ("vectors", PersistenceVectorisation("statistics")),
            ("scale", StandardScaler()),
            ("classify", LogisticRegression()),
        ]
    )
    grid = [
        {"persistence__filtration__direction": ["sublevel", "superlevel"], "persistence__filtration__downsample": [2]},
        {"vectors__vectorisation": ["betti"], "vectors__vectorisation__resolution": [4, 8]},
    ]
    search = GridSearchCV(steps, grid, cv=2, error_score="raise").fit(found, [volume.label for volume in found])
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


WRONG: list[Any] = [
    "x", "0.5", -1, 3.5, None, True, [1], {}, (1, 2, 3), np.array([1.0, 4.0]), object(), [], float("nan"), "", [None],
    ("power",), np.zeros((2, 2)), b"x", {1}, [[1, 2], [3, 4]],
]  # fmt: skip


@pytest.mark.parametrize(
    "estimator",
    [
        Clouds(20), Persistence(Alpha()), Persistence("cubical"), Persistence("gaussian"), Persistence("height"),
        PersistenceImage(resolution=3), PersistenceVectorisation(), PersistenceVectorisation("atol"),
        PersistenceVectorisation("silhouette"),
    ],
    ids=repr,
)  # fmt: skip
def test_a_value_of_a_wrong_type_is_an_input_error_that_names_the_parameter(estimator: Any) -> None:
    data: Any = VOLUMES
    if isinstance(estimator, PersistenceImage | PersistenceVectorisation):
        data = Persistence("cubical").transform(VOLUMES)
    elif isinstance(estimator, Persistence) and isinstance(estimator.filtration, Alpha):
        data = Clouds(20, intensity_scale=1.0).transform(VOLUMES)
    for parameter in set(estimator.get_params()) - {"n_jobs"}:
        told = []
        for value in WRONG:
            try:
                clone(estimator).set_params(**{parameter: value}).fit(data).transform(data)
            except InputError as error:
                told.append(str(error))
        assert len(told) >= 5
        assert all(parameter.rpartition("__")[2] in sentence for sentence in told)
