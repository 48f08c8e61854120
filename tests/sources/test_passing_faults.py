"""Of a file on a disk that does not answer every reader says so, and does not call it damaged."""

import builtins
import errno
import io
import os

import numpy as np
import pytest

from tdaflow.errors import InputError, PassingFault, passing_reason
from tdaflow.sources import Arrays, Dicom, ImageFolder, OmeZarr, Rejected

nib = pytest.importorskip("nibabel")
sitk = pytest.importorskip("SimpleITK")
tifffile = pytest.importorskip("tifffile")

VOXELS = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)


def save(path):
    """Write a volume in the format of the suffix."""
    if path.name.endswith((".nii", ".nii.gz", ".hdr", ".mgz")):
        kind = {".hdr": nib.Nifti1Pair, ".mgz": nib.MGHImage}.get(path.suffix, nib.Nifti1Image)
        nib.save(kind(VOXELS, np.eye(4)), path)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, VOXELS, imagej=True, metadata={"spacing": 1.0, "unit": "mm", "axes": "ZYX"})
    else:
        sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(path))


@pytest.fixture
def sick(monkeypatch):
    """Maker of files that can be found but not opened."""

    def make(name, code=errno.EIO):
        real = io.open

        def checked(file, *args, **options):
            if isinstance(file, str | os.PathLike) and os.fspath(file).endswith(name):
                raise OSError(code, os.strerror(code), os.fspath(file))
            return real(file, *args, **options)

        monkeypatch.setattr(builtins, "open", checked)
        monkeypatch.setattr(io, "open", checked)

    return make


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.EACCES])
@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("a.nii", ""), ("a.nii.gz", ""), ("a.hdr", ""), ("a.hdr", "a.img"), ("a.mgz", ""), ("a.tif", ""),
        ("a.nrrd", ""), ("a.nhdr", "a.raw.gz"), ("a.mha", ""), ("a.mhd", "a.raw"),
    ],
)  # fmt: skip
def test_image_files(tmp_path, sick, name, at, code):
    save(tmp_path / name)
    at = at if (tmp_path / at).is_file() else name
    sick(at, code)
    source = ImageFolder(tmp_path)
    source.describe()
    [item] = source.volumes()
    assert isinstance(item, Rejected)
    assert item.passing, item.reason
    assert item.reason == f"{name} cannot be read now ({os.strerror(code)})"


def test_masks(tmp_path, sick):
    (tmp_path / "masks").mkdir()
    save(tmp_path / "a.nii")
    save(tmp_path / "masks" / "a.nii")
    source = ImageFolder(tmp_path, mask_dir=tmp_path / "masks", mask_mode="inside")
    sick("masks/a.nii")
    [item] = source.volumes()
    assert isinstance(item, Rejected)
    assert item.passing


def test_arrays(tmp_path, sick):
    np.save(tmp_path / "a.npy", VOXELS)
    np.save(tmp_path / "b.npy", VOXELS)
    source = Arrays(tmp_path)
    sick("a.npy")
    with pytest.raises(PassingFault, match=r"a\.npy cannot be read now \(Input/output error\)"):
        list(source.volumes())


def test_stacks_in_an_archive(tmp_path, sick):
    np.savez_compressed(tmp_path / "stack.npz", images=np.stack([VOXELS, VOXELS]))
    sick("stack.npz")
    with pytest.raises(PassingFault, match=r"stack\.npz"):
        list(Arrays(tmp_path / "stack.npz").volumes())


def test_dicom(tmp_path, sick):
    pydicom = pytest.importorskip("pydicom")
    from pydicom.data import get_testdata_file

    data = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    data.save_as(tmp_path / "a.dcm")
    sick("a.dcm")
    with pytest.raises(PassingFault, match=r"file 1 of the folder.*cannot be read now"):
        list(Dicom(tmp_path).volumes())


def test_ome_zarr(tmp_path, sick):
    import zarr

    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=2)
    group.create_array("0", data=VOXELS)
    axes = [{"name": name, "type": "space", "unit": "millimeter"} for name in "zyx"]
    scale = [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    source = OmeZarr(tmp_path / "a.zarr")
    assert not isinstance(next(source.volumes()), Rejected)
    sick("0/0.0.0")
    [item] = source.volumes()
    assert isinstance(item, Rejected)
    assert item.passing, item.reason


def test_what_is_for_good_is_no_passing_fault():
    for code in (errno.ENOENT, errno.ENOSPC, errno.EISDIR, errno.EINVAL):
        assert passing_reason(OSError(code, os.strerror(code))) is None
    assert passing_reason(ValueError("x")) is None
    behind = InputError("a sentence")
    behind.__cause__ = OSError(errno.ESTALE, os.strerror(errno.ESTALE))
    assert passing_reason(behind) == os.strerror(errno.ESTALE)
