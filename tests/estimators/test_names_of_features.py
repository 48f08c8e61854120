"""Names of features through scikit-learn's compositions: real, distinct, and beside the rows they belong to."""

from typing import Any

import numpy as np
import pytest
from sklearn import config_context
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline, make_union

from tdaflow import Persistence, PersistenceImage, PersistenceVectorisation, SuperpixelPointCloud
from tdaflow.errors import InputError
from tdaflow.vectorisations import VECTORISATIONS, Atol

VOLUMES = np.random.default_rng(0).integers(0, 255, (6, 6, 6, 6))


def images(filtration: str = "cubical") -> Pipeline:
    return make_pipeline(Persistence(filtration), PersistenceImage(resolution=3, quantiles=(0, 1)))


def clouds(n_superpixels: int) -> Pipeline:
    return make_pipeline(SuperpixelPointCloud(n_superpixels), Persistence(), PersistenceImage(resolution=2))


def test_a_pipeline_has_the_names_of_its_last_step() -> None:
    pipeline = clouds(30).fit(VOLUMES)
    assert pipeline.get_feature_names_out().tolist() == pipeline[-1].get_feature_names_out().tolist()
    assert pipeline[:-1].get_feature_names_out().tolist() == ["persistence_diagram"]
    assert pipeline[:1].get_feature_names_out().tolist() == ["superpixel_point_cloud"]


@pytest.mark.parametrize(
    "parts",
    [[clouds(30), clouds(40)], [images(), images("gradient")], [images(), clouds(30)], [images(), images()]],
    ids=["two-alpha", "cubical-gradient", "cubical-alpha", "alike"],
)
def test_a_union_has_distinct_names_which_say_what_a_column_is(parts: list[Any]) -> None:
    union = make_union(*parts).set_output(transform="pandas")
    frame = union.fit_transform(VOLUMES)
    names = union.get_feature_names_out().tolist()
    assert list(frame.columns) == names
    assert len(set(names)) == len(names)
    fitted = [part.get_feature_names_out() for _, part in union.transformer_list]
    assert names == [f"pipeline-{i}__{name}" for i, of_part in enumerate(fitted, 1) for name in of_part]


def frame_of_a_table() -> Any:
    pandas = pytest.importorskip("pandas")
    scans = np.empty(len(VOLUMES), dtype=object)
    for i, volume in enumerate(VOLUMES):
        scans[i] = volume
    table = pandas.DataFrame({"scan": scans, "age": np.arange(6.0) * 10, "row": range(6)})
    return table.iloc[[4, 0, 5, 2, 1, 3]]


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_features_stand_beside_the_columns_of_their_row(output: str) -> None:
    shuffled = frame_of_a_table()
    columns = ColumnTransformer([("topology", images(), "scan"), ("rest", "passthrough", ["age", "row"])])
    columns.set_output(transform=output).fit(shuffled)
    names = columns.get_feature_names_out().tolist()
    assert names[0] == "topology__cubical-sublevel_h0_y0_x0"
    assert names[-2:] == ["rest__age", "rest__row"]
    found = np.asarray(columns.transform(shuffled), dtype=np.float64)
    expected = images().fit(list(shuffled["scan"])).transform(VOLUMES)
    assert found.shape == (6, len(names))
    for row in found:
        np.testing.assert_array_equal(row[:-2], expected[int(row[-1])])
        assert row[-2] == 10 * row[-1]


def test_a_series_keeps_its_index_and_a_frame_is_refused_with_the_remedy() -> None:
    shuffled = frame_of_a_table()
    diagrams = Persistence("cubical").transform(shuffled["scan"])
    assert diagrams.index.tolist() == [4, 0, 5, 2, 1, 3]
    assert list(diagrams) == Persistence("cubical").transform(list(VOLUMES[[4, 0, 5, 2, 1, 3]]))
    clouds = SuperpixelPointCloud(30).fit_transform(shuffled["scan"])
    assert clouds.index.tolist() == [4, 0, 5, 2, 1, 3]
    with pytest.raises(InputError, match=r"X\['scan'\].* not as \['scan'\]"):
        Persistence("cubical").transform(shuffled[["scan"]])


def test_lists_stay_lists_whatever_output_is_asked_for() -> None:
    with config_context(transform_output="pandas"):
        assert isinstance(Persistence("cubical").fit_transform(VOLUMES), list)
        assert isinstance(SuperpixelPointCloud(30).fit_transform(VOLUMES), list)
        assert images().fit_transform(VOLUMES).columns[0] == "cubical-sublevel_h0_y0_x0"


@pytest.mark.parametrize("kind", VECTORISATIONS)
def test_every_number_of_a_vectorisation_has_a_name(kind: str) -> None:
    pipeline = make_pipeline(Persistence("cubical"), PersistenceVectorisation(kind)).fit(VOLUMES)
    names = pipeline.get_feature_names_out().tolist()
    assert len(set(names)) == len(names) == pipeline.transform(VOLUMES).shape[1]
    third = len(names) // 3
    assert all(name.startswith(f"cubical-sublevel_h{i // third}_{kind}_") for i, name in enumerate(names))
    assert not any(" " in name for name in names)


def test_names_of_vectors_say_what_and_where() -> None:
    diagrams = Persistence("cubical", homology_dimensions=(1,)).transform(VOLUMES)
    for kind, first, last in (
        ("landscape", "1_t0", "3_t31"),
        ("betti", "t0", "t31"),
        ("statistics", "count", "range_of_persistence"),
        (Atol(n_centres=3), "centre_1", "centre_3"),
    ):
        names = PersistenceVectorisation(kind).fit(diagrams).get_feature_names_out()
        word = kind if isinstance(kind, str) else "atol"
        assert (names[0], names[-1]) == tuple(f"cubical-sublevel_h1_{word}_{end}" for end in (first, last))
