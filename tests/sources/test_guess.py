"""Which source fits is decided by what files hold, never by the first of several possibilities."""

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.sources import open_source
from tdaflow.sources.guess import fitting_sources, guess_source


def made(path, content: bytes = b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


DICOM = b"\0" * 128 + b"DICM"


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (["a.nii", "sub/b.NII.gz", "README.txt"], ["nifti"]),
        (["a.nii", "b.mha"], ["images"]),
        (["b.nrrd"], ["images"]),
        (["old.dcm"], ["dicom"]),  # without preamble: the reader decides
        ([".hidden.nii", ".cache/a.nii"], []),
        (["manifest.csv", "a.nii", "b.dcm"], ["manifest"]),
        (["cohort.csv", "a.nii"], ["nifti"]),  # which tables mean what is not guessed
        (["a.nii", "b.dcm"], ["nifti", "dicom"]),
    ],
)
def test_kinds_of_a_folder(tmp_path, names, kinds):
    for name in names:
        made(tmp_path / name)
    assert [found.kind for found in fitting_sources(tmp_path)] == kinds


def test_dicom_is_known_by_its_magic_whatever_it_is_called(tmp_path):
    made(tmp_path / "series" / "IM0001", DICOM)
    made(tmp_path / "series" / "notes", b"no image")
    found = guess_source(tmp_path)
    assert (found.kind, found.n, found.what) == ("dicom", 1, "1 DICOM file")


def test_numpy_files_are_a_stack_or_single_volumes_by_their_number_of_axes(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros((3, 3, 3)))
    np.savez(tmp_path / "also-one.npz", volume=np.zeros((3, 3, 3)))
    assert guess_source(tmp_path).kind == guess_source(tmp_path / "one.npy").kind == "images"
    np.savez(tmp_path / "many.npz", train_images=np.zeros((2, 3, 3, 3)), train_labels=np.zeros(2))
    assert guess_source(tmp_path / "many.npz").kind == "arrays"
    assert [found.path.name for found in fitting_sources(tmp_path)][1:] == ["many.npz"]


def test_zarr_folders_are_not_looked_into(tmp_path):
    import zarr

    zarr.create_group(tmp_path / "a.ome.zarr", attributes={"ome": {"multiscales": [{}]}})
    made(tmp_path / "a.ome.zarr" / "0" / "x.nii")
    assert [(found.kind, found.n) for found in fitting_sources(tmp_path)] == [("ome-zarr", 1)]
    assert guess_source(tmp_path / "a.ome.zarr").kind == "ome-zarr"


def test_none_and_several_are_refused_with_what_was_found(tmp_path):
    with pytest.raises(InputError, match="holds no NIfTI, DICOM"):
        guess_source(tmp_path)
    with pytest.raises(InputError, match="no file or folder"):
        guess_source(tmp_path / "nowhere")
    made(tmp_path / "a.nii")
    made(tmp_path / "b", DICOM)
    with pytest.raises(InputError, match=r"1 NIfTI file \(kind 'nifti'\), 1 DICOM file \(kind 'dicom'\)"):
        guess_source(tmp_path)
    with pytest.raises(InputError, match="give the folder that holds the series"):
        guess_source(tmp_path / "b")


@pytest.mark.usefixtures("tiny_registry")
def test_a_file_at_the_name_of_a_medmnist_set_is_one_if_it_is_laid_out_so(tmp_path, medmnist_arrays, save_npz):
    save_npz("organmnist3d.npz", medmnist_arrays(28))
    found = guess_source(tmp_path / "organmnist3d.npz")
    assert (found.kind, found.what) == ("medmnist", "OrganMNIST3D in organmnist3d.npz (CC BY 4.0)")
    info = open_source(found.options).describe()
    assert (info.class_names[0], info.licence) == ("liver", "CC BY 4.0")
    assert guess_source(tmp_path).options == found.options
    save_npz("vesselmnist3d_64.npz", medmnist_arrays(64))
    assert guess_source(tmp_path / "vesselmnist3d_64.npz").options["size"] == 64
    with pytest.raises(InputError, match=r"holds 2 data sets, OrganMNIST3D in .*: give one of them, such as .*\.npz"):
        guess_source(tmp_path)
    save_npz("nodulemnist3d.npz", {"train_images": np.zeros((2, 28, 28, 28), "u1"), "train_labels": np.zeros(2, "u1")})
    assert guess_source(tmp_path / "nodulemnist3d.npz").kind == "arrays"
    save_npz("mine.npz", medmnist_arrays(28))
    assert guess_source(tmp_path / "mine.npz").kind == "arrays"
