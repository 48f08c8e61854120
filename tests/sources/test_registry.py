"""The registry holds the six published sets in two sizes."""

import re

import pytest

from tdaflow.errors import InputError
from tdaflow.sources import medmnist3d_entry, medmnist3d_registry

PUBLISHED = {  # sizes of train, val, test and number of classes, as medmnist 3.0.2 states them
    "organmnist3d": (971, 161, 610, 11),
    "nodulemnist3d": (1158, 165, 310, 2),
    "adrenalmnist3d": (1188, 98, 298, 2),
    "fracturemnist3d": (1027, 103, 240, 3),
    "vesselmnist3d": (1335, 191, 382, 2),
    "synapsemnist3d": (1230, 177, 352, 2),
}


def test_the_six_sets_and_no_other():
    assert set(medmnist3d_registry()) == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_split_sizes_and_classes_are_the_published_ones(name):
    entry = medmnist3d_entry(name)
    assert (*(entry.splits[s] for s in ("train", "val", "test")), len(entry.class_names)) == PUBLISHED[name]
    assert entry.title.lower() == entry.name == name
    assert entry.licence == "CC BY 4.0"
    assert entry.task == ("binary-class" if len(entry.class_names) == 2 else "multi-class")
    assert entry.modality


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("size", [28, 64])
def test_every_file_has_a_url_and_a_checksum(name, size):
    file = medmnist3d_entry(name).files[size]
    stem = name if size == 28 else f"{name}_{size}"
    assert re.fullmatch(rf"https://zenodo\.org/records/\d+/files/{stem}\.npz\?download=1", file.url)
    assert re.fullmatch("[0-9a-f]{32}", file.md5)


def test_no_two_files_share_a_checksum():
    assert len({f.md5 for e in medmnist3d_registry().values() for f in e.files.values()}) == 12


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_entry_is_that_of_the_medmnist_package(name):
    reason = 'medmnist asks for torch: pip install "tdaflow[medmnist]"; CI runs this test after the others'
    info = pytest.importorskip("medmnist.info", reason=reason).INFO[name]
    entry = medmnist3d_entry(name)
    assert (entry.title, entry.task, entry.licence) == (info["python_class"], info["task"], info["license"])
    assert entry.class_names == tuple(info["label"][str(k)] for k in range(len(info["label"])))
    assert dict(entry.splits) == info["n_samples"]
    files = {size: (file.url, file.md5) for size, file in entry.files.items()}
    assert files == {28: (info["url"], info["MD5"]), 64: (info["url_64"], info["MD5_64"])}


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match=r"no MedMNIST3D set called 'organ': choose one of organmnist3d, "):
        medmnist3d_entry("organ")
