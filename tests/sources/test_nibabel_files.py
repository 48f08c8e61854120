"""nibabel's own test files: each is read as nibabel reads it, or refused in one true sentence."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.sources import ImageFolder, Rejected, Volume, open_source
from tdaflow.sources.guess import guess_source
from tdaflow.sources.readers import suffix_of

nib = pytest.importorskip("nibabel")
data_path = Path(pytest.importorskip("nibabel.testing").data_path)

FILES = sorted(path.name for path in data_path.iterdir() if path.is_file()) if data_path.is_dir() else []
# Why a file cannot be one volume, where it has a suffix that is read.
REFUSED = {
    **dict.fromkeys(("example4d.nii.gz", "example_nifti2.nii.gz", "test.mgz"), "holds 2 volumes"),
    **dict.fromkeys(("analyze.hdr", "nifti1.hdr", "nifti2.hdr"), "its .img file must lie beside it"),
    "functional.nii": "holds 20 volumes",
    "resampled_anat_moved.nii": "153 NaN among 1071 voxels",
    "row_major.dconn.nii": "dimensions",
}


@pytest.mark.parametrize("name", [name for name in FILES if suffix_of(name)])
def test_a_file_of_a_known_format_is_read_right_or_refused_truly(name):
    [item] = ImageFolder(data_path / name).volumes()
    if name in REFUSED:
        assert isinstance(item, Rejected)
        assert REFUSED[name] in item.reason
        return
    assert isinstance(item, Volume), item.reason
    seen = nib.as_closest_canonical(nib.load(data_path / name))
    np.testing.assert_allclose(item.voxels, np.asarray(seen.dataobj).T, rtol=1e-6)
    np.testing.assert_allclose(item.spacing, seen.header.get_zooms()[:3][::-1], rtol=1e-6)
    np.testing.assert_allclose(item.facts["affine"], seen.affine, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in REFUSED if "4d" in name or name in ("functional.nii", "test.mgz")])
def test_each_volume_of_a_series_is_read(name):
    if name not in FILES:
        pytest.fail(f"nibabel has no file {name} any more")
    seen = np.asarray(nib.as_closest_canonical(nib.load(data_path / name)).dataobj)
    items = list(ImageFolder(data_path / name, split_time=True).volumes())
    assert len(items) == seen.shape[3]
    for item, volume in zip(items, np.moveaxis(seen, 3, 0), strict=True):
        assert isinstance(item, Volume), item.reason
        np.testing.assert_allclose(item.voxels, volume.T, rtol=1e-6)


@pytest.mark.parametrize(
    "name", [n for n in FILES if not suffix_of(n) and n.lower().endswith((".mnc", ".par", ".head", ".v"))]
)
def test_a_file_of_another_format_is_named_with_a_way_to_convert_it(tmp_path, name):
    shutil.copy(data_path / name, tmp_path / name)
    with pytest.raises(InputError, match=r"a way to convert them: 1 .*(nib-convert|parrec2nii)"):
        guess_source(tmp_path)
    with pytest.raises(InputError, match="a way to convert them"):
        guess_source(tmp_path / name)


def test_the_folder_as_a_whole_is_several_kinds_and_each_of_them_can_be_read_to_its_end():
    with pytest.raises(InputError, match="data of several kinds"):
        guess_source(data_path)
    source = open_source({"kind": "images", "path": data_path})
    items = list(source.volumes())
    assert source.describe().n_volumes == len(items) == sum(suffix_of(name) is not None for name in FILES)
    assert all("\n" not in item.reason for item in items if isinstance(item, Rejected))
