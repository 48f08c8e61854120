"""A run equals the public functions called by hand, volume by volume."""

import numpy as np
import pytest
import xarray as xr

import tdaflow
from tdaflow.errors import InputError
from tdaflow.extents import cohort_bounds, intensity_extent, on_edges, robust_bounds, typical
from tdaflow.homology import Cubical
from tdaflow.images import outside_count
from tdaflow.store import DiagramStore, FeatureStore, RunFolder

GREY = 0.1  # mm a grey level
CHANNELS = [("alpha", k) for k in range(3)] + [("sublevel", k) for k in range(3)]


@pytest.fixture(scope="module")
def by_hand(volumes):
    """Diagrams of the small data set from the public functions: one mapping a volume."""
    diagrams = []
    for voxels in volumes:
        alpha = tdaflow.persistence_diagram(tdaflow.superpixel_point_cloud(voxels, 60, intensity_scale=GREY))
        sublevel = tdaflow.persistence_diagram(voxels, filtration=Cubical())
        diagrams.append({(n, k): d[k] for n, d in (("alpha", alpha), ("sublevel", sublevel)) for k in range(3)})
    return diagrams


def bounds(diagrams, channel, rows, column, quantiles):
    """Low and high end of the births or deaths of most of these volumes; their extremes for the quantiles (0, 1)."""
    ends = np.array([robust_bounds(diagrams[row][channel][:, column], quantiles) for row in rows])
    if quantiles == (0, 1):
        return ends[:, 0].min(), ends[:, 1].max()
    return cohort_bounds(*on_edges(ends, np.ptp(ends, axis=1, keepdims=True)).T)


@pytest.mark.parametrize("reference", ["all", "train"])
@pytest.mark.parametrize("quantiles", [(0.01, 0.99), (0.1, 0.9), (0, 1)], ids=str)
def test_ranges_are_the_bounds_of_most_volumes_and_sigma_follows_from_epsilon(
    sync, settings, by_hand, reference, quantiles
):
    images = {"plane": "birth-death", "constant_birth": "image", "epsilon": 0.8, "quantiles": quantiles}
    state = sync(settings(reference=reference, superpixels={"intensity_scale": GREY}, images=images))
    rows = [i for i in range(12) if reference == "all" or i % 3 != 2]
    for name, k in CHANNELS:
        births, deaths = (bounds(by_hand, (name, k), rows, column, quantiles) for column in (0, 1))
        found = state.ranges[f"{name}/{k}"]
        assert tuple(found["observed_birth_range"]) == births
        assert tuple(found["observed_death_range"]) == deaths
        assert found["n_bars"] == sum(len(by_hand[row][name, k]) for row in rows)
        assert found["sigma"] == tdaflow.sigma_from_epsilon(0.8, births, deaths, 8)


@pytest.mark.parametrize(
    "images",
    [
        {"plane": "birth-death", "weight": "gaussian"},
        {"plane": "birth-persistence", "weight": "linear", "resolution": [5, 9]},
        {"plane": "birth-persistence", "weight": "power(2)", "sampling": "integral", "normalise": "sum"},
        {"plane": "birth-death", "weight": "constant", "normalise": "max", "outside": "drop", "quantiles": [0, 1]},
        {"plane": "birth-persistence", "weight": "arctan", "outside": "clip", "quantiles": [0.1, 0.9]},
    ],
    ids=lambda images: "-".join(map(str, images.values())),
)
def test_every_image_is_persistence_image_of_the_volumes_diagram(sync, settings, folder, by_hand, images):
    state = sync(settings(superpixels={"intensity_scale": GREY}, images={**images, "dtype": "float64"}))
    dataset = xr.open_zarr(folder.features).load()
    normalise = images.get("normalise")
    shown = []
    for array, prefix in (("persistence_image", ""), ("persistence_vector", "vector_")):
        channels = list(
            zip(
                dataset[f"{prefix}filtration"].values.tolist(),
                dataset[f"{prefix}homology_dimension"].values.tolist(),
                strict=True,
            )
        )
        shown += channels
        for c, (name, k) in enumerate(channels):
            second = "death" if images["plane"] == "birth-death" else "persistence"
            births, seconds = (tuple(dataset[f"{prefix}{a}_range"].values[c]) for a in ("birth", second))
            assert state.ranges[f"{name}/{k}"]["birth_range"] == list(births)
            for row, diagrams in enumerate(by_hand):
                got = dataset[array].values[row, c]
                columns = 1 if prefix else got.shape[1]
                expected = tdaflow.persistence_image(
                    diagrams[name, k],
                    birth_range=births,
                    death_range=seconds,
                    sigma=float(dataset[f"{prefix}sigma"].values[c]),
                    resolution=(got.shape[0], columns),
                    normalise=normalise,
                    **{o: images[o] for o in ("plane", "weight", "sampling", "outside") if o in images},
                )
                np.testing.assert_array_equal(got.reshape(expected.shape), expected)
                assert dataset[f"{prefix}n_bars"].values[row, c] == len(diagrams[name, k])
                n_outside = outside_count(diagrams[name, k], births, seconds, images["plane"])
                assert dataset[f"{prefix}n_outside"].values[row, c] == n_outside
    assert sorted(shown) == CHANNELS
    n_outside = int(dataset["n_outside"].values.sum() + dataset["vector_n_outside"].values.sum())
    assert state.n_outside == n_outside
    assert (n_outside > 0) == (images.get("quantiles") != [0, 1])


def test_pixel_centres_lie_where_the_images_are_sampled(sync, settings, folder):
    sync(settings(images={"resolution": [4, 6]}))
    dataset = xr.open_zarr(folder.features).load()
    for axis, n in (("birth", 6), ("persistence", 4)):
        for centres, (low, high) in zip(dataset[axis].values, dataset[f"{axis}_range"].values, strict=True):
            np.testing.assert_allclose(centres, low + (np.arange(n) + 0.5) * (high - low) / n, rtol=1e-14)


def test_a_constant_birth_is_a_vector_or_a_whole_image_as_wished(sync, settings, folder, tmp_path, read_features):
    sync(settings())
    as_vector = read_features(folder)
    assert as_vector["persistence_vector"].shape == (12, 1, 8)
    assert as_vector["persistence_image"].shape == (12, 5, 8, 8)
    other = RunFolder(tmp_path / "other")
    sync(settings(images={"constant_birth": "image"}), folder=other)
    as_image = read_features(other)
    assert "persistence_vector" not in as_image
    assert as_image["persistence_image"].shape == (12, 6, 8, 8)
    np.testing.assert_array_equal(as_image["persistence_image"][:, 1:], as_vector["persistence_image"])


def test_the_typical_largest_pixel_of_a_volume_is_one_under_dataset_max(
    sync, settings, folder, tmp_path, read_features
):
    plain = RunFolder(tmp_path / "plain")
    sync(settings(images={"dtype": "float64"}), folder=plain)
    state = sync(settings(images={"dtype": "float64", "normalise": "dataset-max"}))
    raw, scaled = read_features(plain)["persistence_image"], read_features(folder)["persistence_image"]
    maxima = [typical(largest) for largest in raw.max(axis=(2, 3)).T]
    np.testing.assert_array_equal(scaled, raw / np.array(maxima)[:, None, None])
    assert state.image_maximum[1:] == maxima


def test_dataset_max_looks_at_the_reference_volumes_alone_as_the_ranges_do(sync, settings, folder, read_features):
    sync(settings(reference="train", images={"dtype": "float64", "normalise": "dataset-max"}))
    features = read_features(folder)
    train = features["split"] == "train"
    largest = features["persistence_image"][train].max(axis=(2, 3))
    np.testing.assert_allclose([typical(of_channel) for of_channel in largest.T], np.ones(5), rtol=1e-12)


def test_volumes_without_bars_give_images_of_zeros_and_are_counted(
    sync, save_stack, settings, tmp_path, read_features, folder
):
    ramp = np.broadcast_to(np.arange(14, dtype=np.uint8)[:, None, None], (14, 14, 14))
    stack = np.stack([ramp, ramp[::-1]])  # sublevel sets of a ramp are slabs: no loops, no voids
    config = settings(data=save_stack(tmp_path / "data", stack), filtrations={"sublevel": {"kind": "cubical"}})
    state = sync(config)
    features = read_features(folder)
    assert features["n_bars"].tolist() == [[1, 0, 0], [1, 0, 0]]  # the essential component, capped
    assert (features["persistence_image"][:, 1:] == 0).all()
    assert state.n_empty == 4
    assert state.ranges["sublevel/1"]["n_bars"] == 0


def test_labels_splits_and_classes_travel_with_the_images(sync, settings, folder):
    sync(settings())
    dataset = xr.open_zarr(folder.features)
    assert dataset["id"].values.tolist() == [f"v{i}" for i in range(12)]
    assert dataset["label"].values.tolist() == [i % 2 for i in range(12)]
    assert dataset["split"].values.tolist() == ["test" if i % 3 == 2 else "train" for i in range(12)]
    assert dataset["class_name"].values.tolist() == [str(i % 2) for i in range(12)]


def test_volumes_of_unequal_shape_and_type_run_too(sync, settings, folder, tmp_path, volumes, read_features):
    (tmp_path / "cases").mkdir()
    for i, cut in enumerate((14, 12, 14)):
        np.save(tmp_path / "cases" / f"c{i}.npy", volumes[i, :cut].astype(np.float32 if i == 2 else np.uint8))
    sync(settings(data={"kind": "arrays", "path": str(tmp_path / "cases")}))
    assert read_features(folder)["id"].tolist() == ["c0", "c1", "c2"]


def test_volumes_of_one_shape_and_two_types_run_too(sync, settings, folder, tmp_path, volumes, read_features):
    (tmp_path / "cases").mkdir()
    for i, kind in enumerate((np.uint8, np.int16)):
        np.save(tmp_path / "cases" / f"c{i}.npy", volumes[i].astype(kind))
    sync(settings(data={"kind": "arrays", "path": str(tmp_path / "cases")}))
    assert read_features(folder)["id"].tolist() == ["c0", "c1"]


def test_an_ingested_store_serves_as_the_source_of_another_run(sync, settings, folder, tmp_path, assert_same_features):
    sync(settings())
    other = RunFolder(tmp_path / "other")
    sync(settings(data={"store": str(folder.volumes)}), folder=other)
    assert_same_features(folder, other)
    assert not other.volumes.exists()


@pytest.mark.parametrize("reference", ["all", "train"])
def test_one_scale_makes_the_typical_extent_of_the_reference_volumes_as_long_as_their_edge(
    sync, settings, save_stack, tmp_path, volumes, folder, assert_same_features, reference
):
    data = save_stack(tmp_path / "half", (volumes // 2).astype(np.uint8))
    state = sync(settings(data=data, reference=reference))
    rows = [i for i in range(12) if reference == "all" or i % 3 != 2]
    extents = [intensity_extent(volumes[i] // 2).width for i in rows]
    told = state.scales["alpha"]
    assert told["mode"] == "cohort"
    assert told["number"] == max(volumes.shape[1:]) / typical(extents)
    assert (told["edge"], told["extent"], told["n_volumes"]) == (14, typical(extents), len(rows))
    other = RunFolder(tmp_path / "other")
    explicit = {"superpixels": {"intensity_scale": told["number"]}, "reference": reference}
    assert sync(settings(data=data, **explicit), folder=other).scales == {}
    assert_same_features(folder, other)


def test_volumes_of_units_of_their_own_get_scales_of_their_own(sync, settings, save_stack, tmp_path, volumes, folder):
    units = np.array([2.0**k for k in range(12)])[:, None, None, None]
    state = sync(settings(data=save_stack(tmp_path / "units", volumes * units)))
    assert state.scales["alpha"]["mode"] == "volume"
    clouds = [tdaflow.superpixel_point_cloud(v, 60, intensity_scale="volume") for v in volumes * units]
    for cloud, found in zip(clouds, DiagramStore(folder.diagrams).read_rows(range(12)), strict=True):
        assert found["alpha", 1] == tdaflow.persistence_diagram(cloud).bars[1]


@pytest.mark.parametrize("wanted", ["auto", "cohort", "volume"])
def test_what_was_learnt_and_why_is_one_line_and_stands_with_the_features(
    sync, settings, folder, observer, wanted, volumes
):
    state = sync(settings(superpixels={"intensity_scale": wanted}))
    (line,) = [m for m in observer.messages if "intensity scale" in m]
    assert line.startswith("intensity scale of alpha: ")
    assert ("; choose with --set superpixels.intensity_scale=" in line) == (wanted == "auto")
    assert state.scales["alpha"]["mode"] == ("volume" if wanted == "volume" else "cohort")
    assert folder.read()["scales"] == state.scales
    stored = FeatureStore(folder.features).attributes
    assert stored["scales"] == state.scales
    assert stored["reference"] == "all"


@pytest.mark.parametrize("unit", [1e-21, 1e25])
def test_units_that_float32_does_not_hold_are_stored_as_float64(
    sync, settings, save_stack, tmp_path, volumes, folder, observer, read_features, unit
):
    cubical = {"filtrations": {"sublevel": {"kind": "cubical"}}, "images": {"sampling": "centre"}}
    state = sync(settings(data=save_stack(tmp_path / "data", volumes * unit), **cubical))
    (line,) = [m for m in observer.messages if "float64" in m]
    assert line == "images are stored as float64: float32 does not hold pixels of their size"
    assert folder.read()["images_dtype"] == state.images_dtype == "float64"
    images = read_features(folder)["persistence_image"]
    assert images.dtype == np.float64
    assert np.isfinite(images).all()
    assert (images.max(axis=(2, 3)) > 0).all()


def test_usual_units_are_float32_and_nothing_is_said(sync, settings, folder, observer, read_features):
    assert sync(settings()).images_dtype == "float32"
    assert read_features(folder)["persistence_image"].dtype == np.float32
    assert not [m for m in observer.messages if "float" in m]


def test_units_that_no_float_holds_are_refused_before_there_are_features(
    sync, settings, save_stack, tmp_path, volumes, folder
):
    config = settings(
        data=save_stack(tmp_path / "data", volumes * 1e200), filtrations={"sublevel": {"kind": "cubical"}}
    )
    with pytest.raises(InputError, match=r"the images of sublevel H0 would have pixels of about .* no float64 holds"):
        sync(config)
    assert not folder.features.exists()
    assert not folder.features_in_progress.exists()
