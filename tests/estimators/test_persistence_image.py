"""`PersistenceImage`: ranges and σ from the training diagrams, one grid for all images."""

import math

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from tdaflow import PersistenceDiagram, PersistenceImage, persistence_image
from tdaflow.diagrams import RangeRecord, resolve_ranges
from tdaflow.errors import InputError
from tdaflow.extents import typical

ALPHA = {"filtration": "alpha"}


def diagram(h0: list, h1: list, name: str = "alpha") -> PersistenceDiagram:
    return PersistenceDiagram({0: h0, 1: h1}, metadata={"filtration": name})


TRAIN = [diagram([[0, 1], [0, 3]], [[1, 2]]), diagram([[0, 5]], [[2, 6], [3, 4]]), diagram([], [])]
# Births of H1 from 1 to 3, persistences from 1 to 4; births of H0 are 0, persistences from 1 to 5.
FAR = diagram([[0, 9], [0, 2]], [[1, 2], [2, 3], [8, 9], [2, 20]])


def test_fit_learns_ranges_and_sigma_of_every_homology_dimension() -> None:
    image = PersistenceImage(epsilon=0.9, resolution=(6, 4), quantiles=(0, 1)).fit(TRAIN)
    assert (image.filtration_, image.homology_dimensions_) == ("alpha", (0, 1))
    assert image.birth_range_[1] == (1.0, 3.0)
    assert image.death_range_ == {0: (1.0, 5.0), 1: (1.0, 4.0)}
    assert image.ranges_[0].observed_birth_range == (0.0, 0.0)
    assert [image.ranges_[k].n_bars for k in (0, 1)] == [3, 3]
    # Δx = 2/4, Δy = 3/6; alpha H0's one column is as wide as its rows are high, 4/6.
    log = -2 * math.log(0.9)
    assert image.sigma_ == pytest.approx({0: math.sqrt(2 * (4 / 6) ** 2 / log), 1: math.sqrt(0.5 / log)}, rel=1e-15)


def test_the_second_axis_is_death_in_the_birth_death_plane() -> None:
    assert PersistenceImage(plane="birth-death", quantiles=(0, 1)).fit(TRAIN).death_range_ == {
        0: (1.0, 5.0),
        1: (2.0, 6.0),
    }


def test_images_are_the_kernels_and_the_table_is_the_images_row_by_row() -> None:
    options = {"weight": "power(2)", "plane": "birth-death", "sampling": "integral", "outside": "clip"}
    estimator = PersistenceImage(0.8, (5, 3), normalise="max", dtype="float64", **options).fit(TRAIN)
    images = estimator.images([FAR, TRAIN[2]])
    assert {k: image.shape for k, image in images.items()} == {0: (2, 5, 1), 1: (2, 5, 3)}
    for k in (0, 1):
        expected = persistence_image(
            FAR[k],
            birth_range=estimator.birth_range_[k],
            death_range=estimator.death_range_[k],
            sigma=estimator.sigma_[k],
            resolution=estimator.shape_[k],
            normalise="max",
            **options,
        )
        np.testing.assert_array_equal(images[k][0], expected)
        assert not images[k][1].any()  # a diagram without bars
    table = estimator.transform([FAR, TRAIN[2]])
    assert table.dtype == np.float64
    assert PersistenceImage().fit(TRAIN).transform([FAR]).dtype == np.float32
    np.testing.assert_array_equal(table[0], np.concatenate([images[0][0].ravel(), images[1][0].ravel()]))


def test_columns_are_named_by_filtration_homology_dimension_row_and_column() -> None:
    estimator = PersistenceImage(resolution=2).fit(TRAIN)
    expected = ["alpha_h0_y0", "alpha_h0_y1", "alpha_h1_y0_x0", "alpha_h1_y0_x1", "alpha_h1_y1_x0", "alpha_h1_y1_x1"]
    assert estimator.get_feature_names_out().tolist() == expected
    with pytest.raises(NotFittedError):
        PersistenceImage().get_feature_names_out()
    unnamed = PersistenceImage(resolution=1).fit([PersistenceDiagram({2: [[1, 2]]})])
    assert unnamed.get_feature_names_out().tolist() == ["h2_y0"]


def test_a_data_frame_carries_these_names() -> None:
    pytest.importorskip("pandas")
    estimator = PersistenceImage(resolution=3).set_output(transform="pandas")
    frame = estimator.fit_transform(TRAIN)
    assert list(frame.columns) == estimator.get_feature_names_out().tolist()
    np.testing.assert_array_equal(frame.to_numpy(), estimator.set_output(transform="default").transform(TRAIN))


def test_constant_births_may_be_drawn_as_an_image() -> None:
    estimator = PersistenceImage(resolution=4, constant_birth="image", quantiles=(0, 1)).fit(TRAIN)
    assert estimator.shape_ == {0: (4, 4), 1: (4, 4)}
    assert estimator.birth_range_[0] == (-2.0, 2.0)  # pixels as wide as the other axis's, around 0


def test_the_filtration_decides_on_one_column_not_the_data() -> None:
    same_births = [diagram([[0, 1], [0, 3]], [[0, 1]], "cubical-sublevel")]
    assert PersistenceImage(resolution=4).fit(same_births).shape_ == {0: (4, 4), 1: (4, 4)}


def test_dimensions_can_be_chosen_and_a_dimension_without_bars_gives_zeros() -> None:
    empty = [PersistenceDiagram({0: [[0, 1]], 1: [[1, 3]], 2: []}, metadata=ALPHA)]
    estimator = PersistenceImage(resolution=3, homology_dimensions=(2, 1)).fit(empty)
    assert estimator.homology_dimensions_ == (1, 2)
    assert estimator.ranges_[2].n_bars == 0
    assert not estimator.images(empty)[2].any()


def test_bars_outside_the_training_ranges_are_counted_and_of_extremes_no_training_bars_are() -> None:
    estimator = PersistenceImage(quantiles=(0, 1)).fit(TRAIN)
    np.testing.assert_array_equal(estimator.outside_counts([FAR, *TRAIN]), [[1, 2], [0, 0], [0, 0], [0, 0]])


def test_dataset_max_divides_by_the_typical_largest_pixel_of_a_training_image() -> None:
    plain = PersistenceImage(resolution=8, quantiles=(0, 1)).fit(TRAIN)
    divided = PersistenceImage(resolution=8, normalise="dataset-max", quantiles=(0, 1)).fit(TRAIN)
    for k, images in divided.images(TRAIN).items():
        assert divided.image_maximum_[k] == typical(plain.images(TRAIN)[k].max(axis=(1, 2)))
        assert typical(images.max(axis=(1, 2))) == pytest.approx(1.0, rel=1e-6)
    strong = diagram([[0, 5]] * 9, [[2, 6]] * 9)
    assert divided.images([strong])[1].max() > 1
    assert not hasattr(divided.set_params(normalise=None).fit(TRAIN), "image_maximum_")


def test_dataset_max_of_empty_diagrams_divides_by_nothing() -> None:
    assert not PersistenceImage(normalise="dataset-max").fit_transform([TRAIN[2]]).any()


def test_quantile_ranges_leave_out_an_outlier() -> None:
    bars = [[0.0, 1 + i / 1000] for i in range(999)] + [[0.0, 1000.0]]
    robust = PersistenceImage(quantiles=(0, 0.99)).fit([PersistenceDiagram({1: bars}, metadata=ALPHA)])
    assert robust.death_range_[1][1] < 2.1
    assert robust.outside_counts([PersistenceDiagram({1: bars}, metadata=ALPHA)])[0, 0] >= 1


def test_ranges_are_the_typical_ranges_of_the_training_diagrams() -> None:
    train = [diagram([[0, 1], [0, 2]], [[i, 2 * i + 1], [i + 1, 2 * i + 5]]) for i in range(6)]
    wild = diagram([[0, 1e9]], [[-1e9, 1e9]])
    record = RangeRecord.from_diagrams([*train, wild], (0, 1), "alpha")
    estimator = PersistenceImage(resolution=4).fit([*train, wild])
    assert estimator.ranges_[1] == resolve_ranges(record, ("alpha", 1), resolution=4)
    assert 0 <= estimator.birth_range_[1][0] < estimator.birth_range_[1][1] <= 6
    assert PersistenceImage(quantiles=(0, 1)).fit([*train, wild]).birth_range_[1] == (-1e9, 6)


@pytest.mark.parametrize("unit", [1e-21, 1e25])
def test_a_unit_that_float32_does_not_hold_gives_float64(unit: float) -> None:
    scaled = [PersistenceDiagram({k: d[k] * unit for k in (0, 1)}, metadata=ALPHA) for d in TRAIN]
    table = PersistenceImage(resolution=8, sampling="centre").fit_transform(scaled)
    assert table.dtype == np.float64
    assert np.isfinite(table).all()
    assert table[:2].any(axis=1).all()
    assert PersistenceImage(resolution=8).fit_transform(scaled).dtype == np.float32


def test_a_unit_that_no_float_holds_is_refused() -> None:
    scaled = [PersistenceDiagram({k: d[k] * 1e200 for k in (0, 1)}, metadata=ALPHA) for d in TRAIN]
    with pytest.raises(InputError, match=r"the images of alpha H0 would have pixels of about .* no float64 holds"):
        PersistenceImage(resolution=8).fit_transform(scaled)


def test_a_parameter_set_after_fit_waits_for_the_next_fit() -> None:
    estimator = PersistenceImage(resolution=4).fit(TRAIN)
    before = estimator.transform(TRAIN)
    estimator.set_params(resolution=7, weight="constant", plane="birth-death")
    np.testing.assert_array_equal(estimator.transform(TRAIN), before)
    assert estimator.fit_transform(TRAIN).shape == (3, 7 + 49)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"epsilon": 1.0}, "epsilon"),
        ({"resolution": 0}, "resolution"),
        ({"weight": "quadratic"}, "weight"),
        ({"plane": "birth-lifetime"}, "plane"),
        ({"sampling": "corner"}, "sampling"),
        ({"normalise": "none"}, "normalise"),
        ({"outside": "ignore"}, "outside"),
        ({"quantiles": (0.9, 0.1)}, "quantiles"),
        ({"quantiles": None}, "quantiles"),
        ({"dtype": "float16"}, "dtype"),
        ({"homology_dimensions": ()}, "homology_dimensions"),
        ({"homology_dimensions": (1, 1)}, "each once"),
        ({"homology_dimensions": (2,)}, r"sample 0 of X has no homology dimension 2, only \[0, 1\]"),
        ({"constant_birth": "column"}, "constant_birth"),
    ],
)
def test_bad_parameters_are_refused_in_fit(options: dict, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        PersistenceImage(**options).fit(TRAIN)


def test_diagrams_that_do_not_belong_together_are_refused() -> None:
    other = diagram([[0, 1]], [], "cubical-sublevel")
    with pytest.raises(InputError, match="different scales"):
        PersistenceImage().fit([TRAIN[0], other])
    fitted = PersistenceImage().fit(TRAIN)
    with pytest.raises(InputError, match="fitted on 'alpha'"):
        fitted.transform([other])
    with pytest.raises(InputError, match="sample 1 of X has no homology dimension 1"):
        fitted.transform([TRAIN[0], PersistenceDiagram({0: []}, metadata=ALPHA)])
    with pytest.raises(InputError, match="sample 0 of X is a ndarray"):
        fitted.transform([np.zeros((3, 2))])
