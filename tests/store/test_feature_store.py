"""The feature store: unwritten is NaN, zero is zero, xarray reads it, and its name means that it is whole."""

import warnings

import numpy as np
import pytest
import xarray as xr
import zarr

from tdaflow.errors import InputError
from tdaflow.store import FeatureStore


def test_what_was_never_written_reads_as_nan_and_is_known_to_be_missing(feature_store):
    store = feature_store(3)
    group = zarr.open_group(store.path, mode="r")
    assert np.isnan(group["persistence_image"][...]).all()
    assert np.isnan(group["persistence_vector"][...]).all()
    assert (group["n_bars"][...] == -1).all()
    assert not store.is_written(0)


def test_images_of_zeros_are_written_like_any_other(feature_store, chunk_of_features):
    store = feature_store(3)
    store.write(0, chunk_of_features(3, 0.0))
    assert store.is_written(0)
    assert (zarr.open_group(store.path, mode="r")["persistence_image"][...] == 0).all()


@pytest.mark.parametrize("missing", ["persistence_image", "persistence_vector", "n_bars", "vector_n_outside"])
def test_a_chunk_without_one_of_its_arrays_is_not_written(feature_store, chunk_of_features, missing):
    store = feature_store(3)
    store.write(0, chunk_of_features(3, 1.0))
    for file in (store.path / missing / "c").rglob("*"):
        if file.is_file():
            file.unlink()
    assert not store.is_written(0)
    assert not store.is_intact()


def test_the_store_takes_its_name_only_when_every_chunk_is_there(
    feature_store, chunk_of_features, tmp_path, monkeypatch
):
    monkeypatch.setattr("tdaflow.store.features.CHUNK_BYTES", 2 * 4 * (4 + 2 * 4 * 5))  # two volumes a chunk
    store = feature_store(5)
    assert store.chunks() == [(0, 2), (2, 4), (4, 5)]
    store.write(0, chunk_of_features(2, 1.0))
    store.write(4, chunk_of_features(1, 3.0))
    assert [store.is_written(left) for left, _ in store.chunks()] == [True, False, True]
    with pytest.raises(InputError, match="1 unwritten chunk;"):
        store.finish(tmp_path / "features.zarr")
    assert not (tmp_path / "features.zarr").exists()
    store.write(2, chunk_of_features(2, 2.0))
    (store.path / "persistence_image" / "c" / "0.partial").touch()  # of a writer that was killed
    store.finish(tmp_path / "features.zarr")
    assert list((tmp_path / "features.zarr").rglob("*.partial")) == []
    finished = FeatureStore(tmp_path / "features.zarr")
    assert finished.attributes["complete"] is True
    pixels = zarr.open_group(finished.path, mode="r")["persistence_image"][:, 0, 0, 0]
    assert pixels.tolist() == [1, 1, 2, 2, 3]


def test_a_store_killed_while_it_is_made_leaves_nothing_under_its_name(feature_store, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def dies(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr("tdaflow.store.features.write_column", dies)
    with pytest.raises(Killed):
        feature_store(3, path=tmp_path / "working")
    assert not (tmp_path / "working").exists()


def test_a_store_killed_while_it_is_deleted_leaves_nothing_under_its_name(feature_store, monkeypatch):
    store = feature_store(3)
    monkeypatch.setattr("tdaflow.atomic.shutil.rmtree", lambda *_, **__: None)
    FeatureStore.remove(store.path)
    assert not store.path.exists()
    FeatureStore.remove(store.path)  # nothing there is nothing to do


@pytest.mark.parametrize("array", ["persistence_image", "persistence_vector", "n_bars", "sigma", "id"])
def test_a_flipped_byte_never_reads_back_as_features(feature_store, chunk_of_features, flip_byte, tmp_path, array):
    store = feature_store(3)
    store.write(0, chunk_of_features(3, 1.0))
    store.finish(tmp_path / "features.zarr")
    assert flip_byte(tmp_path / "features.zarr" / array) == 1
    with pytest.raises(Exception, match=r"(?i)checksum|crc"):
        zarr.open_group(tmp_path / "features.zarr", mode="r")[array][...]


def test_intact_means_that_every_byte_of_the_images_was_read(feature_store, chunk_of_features, flip_byte):
    store = feature_store(3)
    store.write(0, chunk_of_features(3, 1.0))
    assert store.is_intact()
    flip_byte(store.path / "persistence_image")
    assert not store.is_intact()


def test_totals_count_bars_outside_and_images_without_bars(feature_store, chunk_of_features):
    store = feature_store(3)
    store.write(0, chunk_of_features(3, 1.0))
    assert store.totals() == (3 * (1 + 2 + 2), 3 * 2)


def test_xarray_opens_the_store_without_a_single_warning(feature_store, chunk_of_features, tmp_path):
    store = feature_store(3)
    store.write(0, chunk_of_features(3, 2.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.finish(tmp_path / "features.zarr")
        dataset = xr.open_zarr(tmp_path / "features.zarr").load()
    image = dataset["persistence_image"]
    assert image.dims == ("volume", "channel", "y", "x")
    assert image.dtype == np.float32
    assert (image == 2).all()
    assert image["id"].values.tolist() == ["Ünïcode-肺", "b", "c"]
    assert image["label"].values.tolist() == [-1, 0, 1]
    assert dataset["label"].dtype == np.int64
    assert image["split"].values.tolist() == ["train"] * 3
    assert image["filtration"].values.tolist() == ["alpha", "alpha"]
    assert image["homology_dimension"].values.tolist() == [1, 2]
    assert image["region"].values.tolist() == ["whole", "whole"]
    assert dataset["persistence_vector"].dims == ("volume", "vector_channel", "y")
    assert dataset["persistence_vector"]["vector_homology_dimension"].values.tolist() == [0]
    assert dataset["sigma"].values.tolist() == [0.5, 0.5]
    assert dataset["birth"].dims == ("channel", "x")
    assert dataset["persistence"].dims == ("channel", "y")
    assert dataset["persistence_range"].values.tolist() == [[0, 2], [0, 2]]
    assert dataset.sel(volume="b", channel="alpha H2")["persistence_image"].shape == (4, 5)


def test_another_folder_is_not_taken_for_a_feature_store(tmp_path):
    with pytest.raises(InputError, match="no feature store at"):
        FeatureStore(tmp_path / "nowhere")
    zarr.create_group(tmp_path / "foreign", zarr_format=3)
    with pytest.raises(InputError, match="not a feature store of format 2"):
        FeatureStore(tmp_path / "foreign")
