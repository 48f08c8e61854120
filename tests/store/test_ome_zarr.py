"""OME-Zarr images as written: file names, pyramids, labels, metadata."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tdaflow.errors import InputError
from tdaflow.sources.ome_zarr import OmeZarr
from tdaflow.store import ome_zarr
from tdaflow.store.ome_zarr import block_mean, pyramid_strides, safe_file_name, superpixel_labels, write_ome_zarr
from tdaflow.superpixels import SuperpixelOptions, superpixel_grid, superpixels

SPACING = (2.5, 0.5, 0.25)
RNG = np.random.default_rng(0)


def volume(shape=(6, 7, 8), dtype="int16"):
    return (RNG.random(shape) > 0.5) if dtype == "bool" else (RNG.random(shape) * 200).astype(dtype)


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("scan_1-a.B", "scan_1-a.B"),
        ("phantoms/00001", "phantoms%2F00001"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        (".", "%2E"),
        ("", "%"),
        ("a b~c%2F\0\\:*", "a%20b%7Ec%252F%00%5C%3A%2A"),
        ("Größe", "Gr%C3%B6%C3%9Fe"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_ids_become_safe_file_names(identity, name):
    assert safe_file_name(identity) == name


@given(st.text(st.characters(), max_size=300) | st.text("./%~a", max_size=400), st.text("./%~a", max_size=5))
def test_a_safe_file_name_stays_in_its_folder_and_is_no_other_ids(identity, more):
    name = safe_file_name(identity)
    assert 0 < len(name) <= 170
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-%")
    assert not name.startswith(".")
    if more:
        assert safe_file_name(identity + more) != name
        assert safe_file_name(more + identity) != name


def test_the_pyramid_halves_an_axis_while_32_voxels_remain():
    assert pyramid_strides((28, 28, 28)) == [(1, 1, 1)]
    assert pyramid_strides((63, 64, 65)) == [(1, 1, 1), (1, 2, 2)]
    assert pyramid_strides((20, 512, 256)) == [(1, 1, 1), (1, 2, 2), (1, 4, 4), (1, 8, 8), (1, 16, 8)]


def test_block_means_of_a_tiny_volume():
    values = np.array([[[0, 1, 4], [1, 1, 5]], [[0, 0, 4], [0, 0, 6]]], dtype=np.uint8)
    assert block_mean(values, (2, 2, 2)).tolist() == [[[0, 5]]]  # 3/8, and (4 + 5 + 4 + 6)/4 = 4.75
    assert block_mean(values, (1, 2, 1)).tolist() == [[[1, 1, 5]], [[0, 0, 5]]]  # halves up
    assert block_mean(-values.astype(np.int8), (1, 2, 1)).tolist() == [[[0, -1, -4]], [[0, 0, -5]]]
    assert block_mean(values.astype(float), (2, 2, 2)).tolist() == [[[0.375, 4.75]]]
    assert block_mean(values > 0, (2, 2, 2)).tolist() == [[[False, True]]]


@settings(max_examples=50)
@given(
    hnp.arrays(
        st.sampled_from(["int8", "uint8", "int64", "uint64", "int16", "uint32"]),
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=5),
    ),
    st.tuples(*[st.sampled_from([1, 2])] * 3),
)
def test_block_means_of_integers_are_exact(values, step):
    means = block_mean(values, step)
    assert means.dtype == values.dtype
    assert means.shape == tuple(-(-n // s) for n, s in zip(values.shape, step, strict=True))
    for where in np.ndindex(means.shape):
        block = values[tuple(slice(k * s, (k + 1) * s) for k, s in zip(where, step, strict=True))].ravel().tolist()
        assert int(means[where]) == (2 * sum(block) + len(block)) // (2 * len(block))


@pytest.mark.parametrize("grid", ["nearest", "integer-step"])
@pytest.mark.parametrize(("shape", "n"), [((28, 28, 28), 600), ((5, 17, 40), 70), ((4, 4, 4), 64), ((9, 3, 3), 8)])
def test_a_label_is_the_row_of_the_cloud_whose_block_holds_the_voxel(shape, n, grid):
    options = SuperpixelOptions(n, grid=grid)
    labels = superpixel_labels(volume(shape), SPACING, options)
    placed = superpixel_grid(shape, n, SPACING, grid)
    assert labels.shape == shape
    assert labels.dtype == np.min_scalar_type(placed.n_points)
    assert np.array_equal(np.unique(labels), np.arange(1, placed.n_points + 1))
    cloud = superpixels(volume(shape), n, spacing=SPACING, grid=grid)
    assert np.array_equal(labels[tuple(cloud.indices.T)], np.arange(1, len(cloud.points) + 1))
    for axis, edges in enumerate(placed.axis_edges):
        line = np.moveaxis(labels, axis, 0)[:, 0, 0]
        block = np.unique(line, return_inverse=True)[1]
        centre = np.arange(shape[axis]) + 0.5
        assert np.all((edges[block, 0] <= centre) & (centre <= edges[block, 1] + 1e-9))


def test_slic_labels_are_those_of_the_cloud():
    voxels = volume((12, 14, 16), "uint8")
    options = SuperpixelOptions(40, method="slic", intensity="mean")
    labels = superpixel_labels(voxels, SPACING, options)
    cloud = superpixels(voxels, 40, spacing=SPACING, method="slic", intensity="mean")
    assert np.array_equal(np.unique(labels), np.arange(1, len(cloud.points) + 1))
    centroids = np.array([np.argwhere(labels == k).mean(axis=0) for k in range(1, labels.max() + 1)]) * SPACING
    # The cloud rounds centroids to a quarter voxel.
    assert np.all(np.abs(cloud.points[:, :3] - centroids) <= np.array(SPACING) / 8 + 1e-9)


def test_more_superpixels_than_voxels_are_refused():
    with pytest.raises(InputError, match="has only 27 voxels"):
        superpixel_labels(volume((3, 3, 3)), SPACING, SuperpixelOptions(28))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint64", "float16", "float64", ">i4"])
def test_what_is_written_reads_back_the_same(tmp_path, dtype):
    voxels = volume(dtype=dtype)
    write_ome_zarr(tmp_path / "a.ome.zarr", voxels, (0.1, 1 / 3, 7.0), name="a")
    source = OmeZarr(tmp_path / "a.ome.zarr")
    (read,) = source.volumes()
    assert source.describe().notes == ()
    assert read.voxels.dtype == voxels.dtype.newbyteorder("=")
    assert np.array_equal(read.voxels, voxels)
    assert read.spacing == (0.1, 1 / 3, 7.0)
    assert (read.facts["translation"], read.facts["unit_assumed"]) == ([0, 0, 0], None)


def test_coarse_levels_have_their_own_spacing_and_place(tmp_path):
    voxels = volume((20, 65, 130), "float32")
    labels = superpixel_labels(voxels, SPACING, SuperpixelOptions(50))
    path = tmp_path / "a.ome.zarr"
    write_ome_zarr(path, voxels, SPACING, name="a", labels=labels)
    first, second = (next(OmeZarr(path, level=level).volumes()) for level in (1, 2))
    assert np.allclose(first.voxels[0, 3, 5], voxels[0, 6:8, 10:12].mean())
    assert np.allclose(first.voxels[:, 32], voxels[:, 64].reshape(20, 65, 2).mean(axis=2))
    assert (first.voxels.shape, first.spacing) == ((20, 33, 65), (2.5, 1, 0.5))
    assert (second.voxels.shape, second.spacing) == ((20, 33, 33), (2.5, 1, 1))
    # The centre of the first coarse voxel: the middle of the voxels 0 and 1, and of 0 to 3.
    assert first.facts["translation"] == [0, 0.25, 0.125]
    assert second.facts["translation"] == [0, 0.25, 0.375]
    group = zarr.open_group(path, mode="r")
    for level, (z, y, x) in enumerate(pyramid_strides(voxels.shape)):
        assert np.array_equal(group[f"labels/superpixels/{level}"][...], labels[::z, ::y, ::x])
    told = [group["labels/superpixels"].attrs["ome"]["multiscales"][0], group.attrs["ome"]["multiscales"][0]]
    assert told[0]["datasets"] == told[1]["datasets"]
    with pytest.raises(ValueError, match="checksum"):
        _flip(path / "0" / "c" / "0" / "0" / "0", group["0"])


def _flip(chunk: Path, array: zarr.Array) -> None:
    raw = bytearray(chunk.read_bytes())
    raw[-1] ^= 1
    chunk.write_bytes(raw)
    array[...]


def test_large_volumes_are_halved_slab_by_slab_to_the_same_result():
    voxels = volume((131, 5, 6))
    assert np.array_equal(ome_zarr._halved(voxels, (2, 1, 2)), block_mean(voxels, (2, 1, 2)))


def test_the_metadata_are_those_of_the_specification(tmp_path):
    path = tmp_path / "a.ome.zarr"
    write_ome_zarr(path, volume(), SPACING, name="p/1", labels=np.ones((6, 7, 8), np.uint8), attributes={"volume": "1"})
    image = json.loads((path / "zarr.json").read_text())
    assert (image["zarr_format"], image["attributes"]["ome"]["version"]) == (3, "0.5")
    assert image["attributes"]["tdaflow"] == {"volume": "1"}
    (scales,) = image["attributes"]["ome"]["multiscales"]
    assert scales["name"] == "p/1"
    assert scales["axes"] == [{"name": axis, "type": "space", "unit": "millimeter"} for axis in "zyx"]
    assert scales["datasets"] == [
        {
            "path": "0",
            "coordinateTransformations": [
                {"type": "scale", "scale": [2.5, 0.5, 0.25]},
                {"type": "translation", "translation": [0.0, 0.0, 0.0]},
            ],
        }
    ]
    array = json.loads((path / "0" / "zarr.json").read_text())
    assert array["dimension_names"] == ["z", "y", "x"]
    assert [codec["name"] for codec in array["codecs"]] == ["bytes", "zstd", "crc32c"]
    parent = json.loads((path / "labels" / "zarr.json").read_text())
    assert parent["attributes"] == {"ome": {"version": "0.5", "labels": ["superpixels"]}}
    label = json.loads((path / "labels" / "superpixels" / "zarr.json").read_text())["attributes"]["ome"]
    assert label["image-label"] == {"source": {"image": "../../"}}
    assert label["version"] == "0.5"


def test_a_public_validator_finds_nothing_wrong(tmp_path):
    yaozarrs = pytest.importorskip("yaozarrs")
    path = tmp_path / "a.ome.zarr"
    voxels = volume((20, 65, 130), "uint8")
    labels = superpixel_labels(voxels, SPACING, SuperpixelOptions(50))
    write_ome_zarr(path, voxels, SPACING, name="a", labels=labels)
    for part in (path, path / "labels", path / "labels" / "superpixels"):
        found = yaozarrs.validate_zarr_store(str(part))
        assert found.ome_metadata().version == "0.5"


def test_an_image_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.ome.zarr"
    whole = ome_zarr.write_blocks

    def killed(group, number, values):
        if group.path.endswith("superpixels"):
            raise OSError("disk full")
        whole(group, number, values)

    monkeypatch.setattr(ome_zarr, "write_blocks", killed)
    labels = np.ones((6, 7, 8), np.uint8)
    with pytest.raises(OSError, match="disk full"):
        write_ome_zarr(path, volume(), SPACING, name="a", labels=labels)
    assert list(tmp_path.iterdir()) == []
    # A process that is killed cannot clean up; the next that writes this image does.
    monkeypatch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)
    with pytest.raises(OSError, match="disk full"):
        write_ome_zarr(path, volume(), SPACING, name="a", labels=labels)
    assert [entry.name[:5] for entry in tmp_path.iterdir()] == [".tmp-"]
    monkeypatch.undo()
    write_ome_zarr(path, volume(), SPACING, name="a", labels=labels)
    assert list(tmp_path.iterdir()) == [path]


def test_an_image_is_replaced_only_when_asked(tmp_path):
    path = tmp_path / "a.ome.zarr"
    old, new = volume(), volume((5, 5, 5))
    write_ome_zarr(path, old, SPACING, name="a", labels=np.ones((6, 7, 8), np.uint8))
    with pytest.raises(FileExistsError):
        write_ome_zarr(path, new, SPACING, name="a")
    assert np.array_equal(next(OmeZarr(path).volumes()).voxels, old)
    write_ome_zarr(path, new, SPACING, name="a", overwrite=True)
    assert np.array_equal(next(OmeZarr(path).volumes()).voxels, new)
    assert not (path / "labels").exists()
    assert list(tmp_path.iterdir()) == [path]
