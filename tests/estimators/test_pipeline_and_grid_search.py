"""The estimators inside scikit-learn's own machinery, on generated volumes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_union
from sklearn.preprocessing import StandardScaler

from tdaflow import Persistence, PersistenceImage, SuperpixelPointCloud
from tdaflow.homology import Cubical
from tdaflow.sources import Phantoms


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    found = list(Phantoms(n_volumes=24, shape=(16, 16, 16), kinds=("ball", "shell")).volumes())
    return np.stack([volume.voxels for volume in found]), np.array([volume.label for volume in found])


def pipeline(**options: Any) -> Pipeline:
    return Pipeline(
        [
            ("cloud", SuperpixelPointCloud(60)),
            ("diagram", Persistence()),
            ("image", PersistenceImage(resolution=6)),
            ("scale", StandardScaler()),
            ("classify", LogisticRegression()),
        ],
        **options,
    )


def test_a_grid_search_reaches_every_step(data: tuple[np.ndarray, np.ndarray]) -> None:
    grid = {
        "image__epsilon": [0.5, 0.95],
        "image__resolution": [4, (5, 3)],
        "image__weight": ["linear", ("power", 2)],
        "cloud__space_weight": [0.9],
        "diagram__homology_dimensions": [(2,)],
    }
    search = GridSearchCV(pipeline(), grid, cv=2, error_score="raise").fit(*data)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(search.cv_results_["params"]) == 8
    rows, columns = (4, 4) if search.best_params_["image__resolution"] == 4 else (5, 3)
    assert search.best_estimator_["classify"].n_features_in_ == rows * columns


def test_the_filtration_itself_can_be_searched(data: tuple[np.ndarray, np.ndarray]) -> None:
    steps = Pipeline(pipeline().steps[1:])
    grid = {"diagram__filtration": ["cubical", Cubical("superlevel"), Cubical("superlevel", downsample=2)]}
    search = GridSearchCV(steps, grid, cv=2, error_score="raise").fit(*data)
    assert search.best_score_ > 0.8  # a shell has a cavity


def test_a_list_of_volumes_of_unequal_shapes_is_searched_alike(data: tuple[np.ndarray, np.ndarray]) -> None:
    volumes, labels = data
    unequal = [volume[: 14 + i % 3] for i, volume in enumerate(volumes)]
    search = GridSearchCV(pipeline(), {"image__epsilon": [0.5, 0.9]}, cv=2, error_score="raise").fit(unequal, labels)
    assert search.predict(unequal).shape == labels.shape


class CountingPersistence(Persistence):
    """Persistence that counts its diagrams."""

    computed = 0

    def transform(self, X: Any) -> Any:
        type(self).computed += len(X)
        return super().transform(X)


def test_a_cached_pipeline_computes_a_diagram_once_a_fold_not_once_an_epsilon(
    data: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    volumes, labels = data
    grid = {"image__epsilon": [0.3, 0.6, 0.9]}
    plain = GridSearchCV(pipeline(), grid, cv=2, refit=False).fit(volumes, labels)
    CountingPersistence.computed = 0
    cached = pipeline(memory=str(tmp_path)).set_params(diagram=CountingPersistence())
    searched = GridSearchCV(cached, grid, cv=2, refit=False).fit(volumes, labels)
    # Of each fold: its training volumes once; its test volumes for each ε, as Pipeline caches what it fits.
    assert CountingPersistence.computed == 2 * (12 + 3 * 12)
    np.testing.assert_array_equal(searched.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])


def test_set_output_of_a_pipeline_reaches_the_images(data: tuple[np.ndarray, np.ndarray]) -> None:
    pytest.importorskip("pandas")
    tables = Pipeline(pipeline().steps[:-1]).set_output(transform="pandas")
    frame = tables.fit_transform(data[0])
    assert list(frame.columns) == tables["image"].get_feature_names_out().tolist()
    with config_context(transform_output="pandas"):
        assert isinstance(pipeline()[:2].fit_transform(data[0]), list)


def test_filtrations_stand_side_by_side_in_a_union(data: tuple[np.ndarray, np.ndarray]) -> None:
    images = PersistenceImage(resolution=3, homology_dimensions=(1, 2))
    parts = [
        Pipeline([("cloud", SuperpixelPointCloud(60)), ("diagram", Persistence()), ("image", images)]),
        Pipeline([("diagram", Persistence("cubical")), ("image", images)]),
    ]
    table = make_union(*parts).fit_transform(data[0])
    np.testing.assert_array_equal(table, np.hstack([part.fit_transform(data[0]) for part in parts]))
