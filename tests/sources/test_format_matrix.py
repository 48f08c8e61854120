"""Every format × orientation × type × compression × scale: voxels, spacing, orientation as independent readers say.

nibabel reads NIfTI, pairs and MGH; SimpleITK reads MetaImage and NRRD. Both are asked for the file that is there.
"""

import numpy as np
import pytest

from tdaflow.sources import ImageFolder, Volume

nib = pytest.importorskip("nibabel")
sitk = pytest.importorskip("SimpleITK")

ZOOMS = (0.75, 1.5, 2.25)
ORIENTATIONS = ("RAS", "LPS", "LAS", "ASR", "PIR", "SLA", "IPL")


def oblique(codes, degrees=9.0):
    """Affine of a grid whose axes run nearly as the codes say, turned by some degrees."""
    turn = np.radians(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    axes = nib.orientations.inv_ornt_aff(nib.orientations.axcodes2ornt(codes), (1, 1, 1))[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.linalg.inv(axes) @ np.diag(ZOOMS)
    affine[:3, 3] = -11, 22, 33
    return affine


def stored(dtype):
    return (np.arange(4 * 5 * 6) % 101 - (0 if np.dtype(dtype).kind == "u" else 50)).reshape(4, 5, 6).astype(dtype)


def expected(voxels, affine):
    """Voxels (z, y, x), spacing (z, y, x) and affine in the orientation nearest to RAS, by nibabel."""
    image = nib.as_closest_canonical(nib.Nifti2Image(voxels.astype(np.float64), affine))
    spacing = np.sqrt((image.affine[:3, :3] ** 2).sum(axis=0))[::-1]
    return np.asarray(image.dataobj).T, spacing, image.affine


def check(path, voxels, affine, atol=0.0):
    [item] = ImageFolder(path).volumes()
    assert isinstance(item, Volume), item.reason
    want, spacing, canonical = expected(voxels, affine)
    np.testing.assert_allclose(item.voxels.astype(np.float64), want, rtol=1e-6, atol=atol)
    np.testing.assert_allclose(item.spacing, spacing, rtol=1e-5)
    np.testing.assert_allclose(item.facts["affine"], canonical, atol=1e-4)
    assert item.voxels.flags.c_contiguous
    assert item.voxels.dtype.isnative


NIFTI = [
    (image, suffix, order, dtype, slope)
    for image, suffix in (
        (nib.Nifti1Image, ".nii"), (nib.Nifti1Image, ".nii.gz"), (nib.Nifti2Image, ".nii.gz"), (nib.Nifti1Pair, ".hdr"),
        (nib.Nifti2Pair, ".hdr"),
    )
    for order in "<>"
    for dtype, slope in (
        ("u1", None), ("i2", (0.5, -3.0)), ("i4", None), ("u2", (2.0, 0.0)), ("f4", None), ("f8", (-1.5, 7)),
    )
]  # fmt: skip


@pytest.mark.parametrize(("image", "suffix", "order", "dtype", "slope"), NIFTI)
def test_nifti(tmp_path, image, suffix, order, dtype, slope):
    for codes in ORIENTATIONS:
        header = image.header_class(endianness=order)
        header.set_data_dtype(np.dtype(dtype).newbyteorder(order))
        made = image(stored(dtype), oblique(codes), header)
        if slope is not None:
            made.header.set_slope_inter(*slope)
        path = tmp_path / f"{codes}{suffix}"
        nib.save(made, path)
        seen = nib.load(path)
        check(path, np.asarray(seen.dataobj), seen.affine)


@pytest.mark.parametrize("suffix", [".mgh", ".mgz"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4"])
def test_mgh(tmp_path, suffix, dtype):
    for codes in ORIENTATIONS:
        path = tmp_path / f"{codes}{suffix}"
        nib.save(nib.MGHImage(stored(dtype), oblique(codes)), path)
        seen = nib.load(path)
        check(path, np.asarray(seen.dataobj), seen.affine)


@pytest.mark.parametrize("image", [nib.AnalyzeImage, nib.Spm2AnalyzeImage])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4", "f8"])
def test_analyze_states_no_orientation(tmp_path, image, order, dtype):
    header = image.header_class(endianness=order)
    header.set_data_dtype(np.dtype(dtype).newbyteorder(order))
    made = image(stored(dtype), np.diag([*ZOOMS, 1]), header)
    if image is nib.Spm2AnalyzeImage:
        made.header.set_slope_inter(0.25)
    nib.save(made, tmp_path / "a.hdr")
    (tmp_path / "a.mat").unlink(missing_ok=True)
    [item] = ImageFolder(tmp_path).volumes()
    assert np.array_equal(item.voxels, np.asarray(nib.load(tmp_path / "a.hdr").dataobj).T)
    assert (item.spacing, item.facts["format"], item.facts["orientation"]) == (ZOOMS[::-1], "Analyze 7.5", None)
    assert not any("not read" in note and "Analyze" in note for note in ImageFolder(tmp_path).describe().notes)


@pytest.mark.parametrize("suffix", [".mha", ".mhd", ".nrrd", ".nhdr"])
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_metaimage_and_nrrd(tmp_path, suffix, compress, dtype):
    to_lps = np.diag([-1.0, -1, 1, 1])
    for codes in ORIENTATIONS:
        affine = oblique(codes)
        lps = to_lps @ affine
        made = sitk.GetImageFromArray(stored(dtype).T)
        made.SetSpacing(ZOOMS)
        made.SetOrigin(lps[:3, 3].tolist())
        made.SetDirection((lps[:3, :3] / ZOOMS).ravel().tolist())
        path = tmp_path / f"{codes}{suffix}"
        sitk.WriteImage(made, str(path), compress)
        seen = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        check(path, seen.T, affine, atol=1e-9)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
@pytest.mark.parametrize("data", ["v.raw", "./v.raw", "v 1.raw", "v%d.raw"])
def test_spellings_of_a_detached_header(tmp_path, ending, data):
    voxels = stored("i2")
    (tmp_path / data).write_bytes(voxels.astype("<i2").tobytes(order="F"))
    fields = {
        "a.mhd": ["NDims = 3", "DimSize = 4 5 6", "ElementSpacing = 1 1 2", "ElementType = MET_SHORT",
                  f"ElementDataFile = {data}"],
        "a.nhdr": ["NRRD0004", "type: short", "dimension: 3", "sizes: 4 5 6", "endian: little", "encoding: raw",
                   f"data file: {data}"],
    }  # fmt: skip
    for name, lines in fields.items():
        (tmp_path / name).write_bytes(("\n".join(lines) + ending).encode())
        [item] = ImageFolder(tmp_path / name).volumes()
        assert isinstance(item, Volume), item.reason
        assert np.array_equal(item.voxels, voxels.T)
