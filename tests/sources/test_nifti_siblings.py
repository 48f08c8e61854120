"""MetaImage, NRRD and single NumPy arrays in a folder of images."""

import numpy as np
import pytest

from tdaflow.sources import ImageFolder, Rejected, Volume

sitk = pytest.importorskip("SimpleITK")
pytest.importorskip("nibabel")

VOXELS = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)  # (z, y, x)


def image(voxels=VOXELS, **vector):
    made = sitk.GetImageFromArray(voxels, **vector)
    if made.GetDimension() == 3:
        made.SetSpacing((1.0, 2.0, 3.0))
        made.SetOrigin((5.0, 6.0, 7.0))
    return made


@pytest.fixture
def save(tmp_path):
    def write(name, made=None, compress=False, replace=()):
        path = tmp_path / name
        sitk.WriteImage(image() if made is None else made, str(tmp_path / name.lower()), compress)
        (tmp_path / name.lower()).rename(path)
        data = path.read_bytes()
        for old, new in replace:
            assert old in data
            data = data.replace(old, new)
        path.write_bytes(data)
        return path

    return write


def only(path, **options):
    [item] = ImageFolder(path, **options).volumes()
    return item


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nrrd", "A.MHA"])
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "f4", "f8"])
def test_voxels_spacing_and_orientation(save, name, compress, dtype):
    path = save(name, image(VOXELS.astype(dtype)), compress)
    stored, item = only(path, canonical=False), only(path)
    assert isinstance(item, Volume)
    assert np.array_equal(stored.voxels, VOXELS)
    # ITK's axes run to the left and to posterior, so the canonical volume is turned round x and y.
    assert np.array_equal(item.voxels, VOXELS[:, ::-1, ::-1])
    assert item.voxels.dtype == np.dtype(dtype)
    assert item.spacing == (3.0, 2.0, 1.0)
    assert stored.facts["affine"] == [[-1, 0, 0, -5], [0, -2, 0, -6], [0, 0, 3, 7], [0, 0, 0, 1]]
    assert (item.facts["orientation_stored"], item.facts["orientation"]) == ("LPS", "RAS")
    assert ImageFolder(path).describe().shape == (2, 3, 4)


def test_the_same_image_as_nifti_is_the_same_volume(save):
    turned = image()
    turned.SetDirection((0, 0, 1, 1, 0, 0, 0, 1, 0))
    volumes = [only(save(name, turned)) for name in ("a.mha", "a.nrrd", "a.nii")]
    for other in volumes[:2]:
        assert np.array_equal(other.voxels, volumes[2].voxels)
        assert other.spacing == pytest.approx(volumes[2].spacing)
        assert np.allclose(other.facts["affine"], volumes[2].facts["affine"])


@pytest.mark.parametrize(
    ("name", "replace"),
    [
        ("a.mha", [(b"TransformMatrix = 1 0 0 0 1 0 0 0 1\n", b"")]),
        ("a.nrrd", [(b"space: left-posterior-superior\n", b"space dimension: 3\n")]),
    ],
)
def test_a_file_that_says_nothing_of_orientation_is_taken_as_stored(save, name, replace):
    if name == "a.mha":
        replace = [*replace, (b"AnatomicalOrientation = RAI\n", b"")]
    item = only(save(name, replace=replace))
    assert np.array_equal(item.voxels, VOXELS)
    assert item.facts["orientation"] is None


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_series_colours_and_slices_are_rejected(save, name):
    series = np.stack([VOXELS, VOXELS + 1])
    path = save(name, image(series, isVector=False))
    assert "volume_index=0" in only(path).reason
    assert np.array_equal(only(path, volume_index=1, canonical=False).voxels, series[1])
    parts = list(ImageFolder(path, split_time=True, canonical=False).volumes())
    assert [np.array_equal(p.voxels, v) for p, v in zip(parts, series, strict=True)] == [True, True]
    assert "components" in only(save(name, image(np.zeros((2, 3, 4, 3), "u1"), isVector=True))).reason
    assert "2D slice of 4×3 voxels" in only(save(name, image(VOXELS[0]))).reason
    assert "a slice of 1×3×4 voxels" in only(save(name, image(VOXELS[:1]))).reason
    nan = np.where(VOXELS == 3, np.nan, VOXELS)
    assert "1 NaN among 24 voxels" in only(save(name, image(nan))).reason


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("a.mha", b"ElementSpacing = 1 2 3", b"ElementSpacing = 1 0 3"),
        ("a.mha", b"ElementSpacing = 1 2 3", b"ElementSpacing = 1 -2 3"),
        ("a.mha", b"ElementSpacing = 1 2 3", b"ElementSpacing = 1 nan 3"),
        ("a.nrrd", b"(0,2,0)", b"(0,0,0)"),
        ("a.nrrd", b"(0,2,0)", b"(0,nan,0)"),
    ],
)
def test_impossible_spacing_is_rejected(save, name, old, new, capfd):
    item = only(save(name, replace=[(old, new)]))
    assert isinstance(item, Rejected)
    assert "spacing is" in item.reason or "header is damaged" in item.reason
    assert "/" not in item.reason.replace("MetaImage", "").replace("NRRD", "")


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
@pytest.mark.parametrize("compress", [False, True])
def test_damaged_data_are_rejected_without_naming_a_path(save, tmp_path, name, compress):
    path = save(name, compress=compress)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    item = only(path)
    assert isinstance(item, Rejected)
    assert str(tmp_path) not in item.reason
    path.write_bytes(whole + b"more") if not compress else path.write_bytes(whole[:-9] + whole[-8:])
    assert "more data than its header" in only(path).reason or "compressed data" in only(path).reason
    path.write_bytes(b"not an image\n")
    assert "is not NRRD" in only(path).reason or "has no end" in only(path).reason


def test_a_flipped_byte_in_a_compressed_metaimage_is_found(save):
    # MetaIO prints a line and goes on with wrong voxels.
    path = save("a.mha", image(np.arange(2000, dtype=np.int32).reshape(10, 10, 20)), True)
    data = bytearray(path.read_bytes())
    data[-30] ^= 0x55
    path.write_bytes(data)
    assert "compressed data are damaged" in only(path).reason


@pytest.mark.parametrize("target", ["../a.raw", "/etc/passwd", "sub\\a.raw", "a%d.raw 1 9 1", "LIST"])
def test_a_header_cannot_reach_out_of_its_folder(save, target):
    path = save("a.mhd", replace=[(b"ElementDataFile = a.raw", f"ElementDataFile = {target}".encode())])
    assert "only a file beside it is read" in only(path).reason or "in several files" in only(path).reason
    nrrd = save("a.nrrd", replace=[(b"encoding: raw\n", f"encoding: raw\ndata file: {target}\n".encode())])
    assert "only a file beside it is read" in only(nrrd).reason or "in several files" in only(nrrd).reason


def test_a_data_file_that_is_a_link_out_of_the_folder_is_refused(save, tmp_path):
    (tmp_path / "d").mkdir()
    path = save("d/a.mhd")
    (tmp_path / "d/a.raw").rename(tmp_path / "elsewhere.raw")
    (tmp_path / "d/a.raw").symlink_to(tmp_path / "elsewhere.raw")
    assert "a link out of its folder" in only(path).reason


def test_single_arrays(tmp_path):
    np.save(tmp_path / "a.npy", VOXELS.astype(">i2"))
    np.savez_compressed(tmp_path / "b.npz", VOXELS)
    np.savez_compressed(tmp_path / "c.npz", volume=VOXELS)
    np.savez_compressed(tmp_path / "d.npz", one=VOXELS, two=VOXELS)
    np.save(tmp_path / "e.npy", np.array([None], dtype=object))
    np.save(tmp_path / "f.npy", VOXELS[0])
    (tmp_path / "g.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "h.npz").write_bytes(b"PK")
    items = list(ImageFolder(tmp_path).volumes())
    assert [isinstance(item, Volume) for item in items] == [True] * 3 + [False] * 5
    assert all(np.array_equal(item.voxels, VOXELS) and item.voxels.dtype == np.int16 for item in items[:3])
    assert all(item.spacing == (1.0, 1.0, 1.0) for item in items[:3])
    for item, reason in zip(items[3:], ["holds 2 arrays", "Python objects", "has 2 dimensions", "", ""], strict=True):
        assert reason in item.reason
        assert str(tmp_path) not in item.reason


def test_a_folder_of_several_formats_is_one_source(save, tmp_path):
    for name in ("a.mha", "b.nrrd", "c.nii.gz", "d.mhd"):
        save(name)
    np.save(tmp_path / "e.npy", VOXELS)
    info = ImageFolder(tmp_path).describe()
    assert (info.n_volumes, info.shape, info.dtype) == (5, (2, 3, 4), "int16")
    assert [item.id for item in ImageFolder(tmp_path).volumes()] == ["a", "b", "c", "d", "e"]
