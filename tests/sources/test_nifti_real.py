"""Real NIfTI files against nibabel's own reading."""

import numpy as np
import pytest

from tdaflow.sources import Nifti, Rejected, Volume

nib = pytest.importorskip("nibabel")
pytestmark = pytest.mark.realdata


@pytest.mark.parametrize("part", ["images", "labels"])
def test_all_hippocampus_volumes_are_read_as_nibabel_reads_them(data_dir, part):
    source = Nifti(data_dir / "hippocampus" / part)
    info, items = source.describe(), list(source.volumes())
    assert (info.n_volumes, info.shape, info.notes) == (60, None, ())
    assert all(isinstance(item, Volume) for item in items)
    assert len({item.voxels.shape for item in items}) > 30
    for item in items:
        image = nib.as_closest_canonical(nib.load(data_dir / "hippocampus" / part / f"{item.id}.nii.gz"))
        assert np.array_equal(item.voxels, image.get_fdata().T)
        assert item.spacing == tuple(map(float, image.header.get_zooms()[::-1]))
        assert np.array_equal(item.facts["affine"], image.affine)
    assert {item.voxels.dtype.name for item in items} <= {"uint8", "float32"}


def test_the_big_endian_anatomical_volume(data_dir):
    path = data_dir / "nifti" / "anatomical.nii"
    [item] = Nifti(path).volumes()
    image = nib.as_closest_canonical(nib.load(path))
    assert nib.load(path).header.endianness == ">"
    assert item.voxels.dtype == np.dtype(np.int16)
    assert item.voxels.shape == (25, 41, 33)
    assert np.array_equal(item.voxels, image.get_fdata().T)
    assert (item.facts["orientation_stored"], item.facts["orientation"]) == ("LAS", "RAS")


def test_series_are_refused_with_the_remedy_or_taken_apart(data_dir):
    items = {item.id: item for item in Nifti(data_dir / "nifti").volumes()}
    refused = {name for name, item in items.items() if isinstance(item, Rejected)}
    assert refused == {"example4d", "example_nifti2", "functional"}
    assert all("volume_index=0" in items[n].reason and "split_time=true" in items[n].reason for n in refused)
    parts = {item.id: item for item in Nifti(data_dir / "nifti", split_time=True).volumes()}
    assert len(parts) == 1 + 2 + 2 + 20
    for name, suffix in (("example4d", ".nii.gz"), ("example_nifti2", ".nii.gz"), ("functional", ".nii")):
        whole = nib.as_closest_canonical(nib.load(data_dir / "nifti" / (name + suffix))).get_fdata()
        for t in range(whole.shape[3]):
            part = parts[f"{name}/t{t:04d}"]
            assert part.group == name
            assert np.allclose(part.voxels, whole[..., t].T, rtol=1e-7, atol=0)
    assert parts["example_nifti2/t0000"].facts["format"] == "NIfTI-2"
