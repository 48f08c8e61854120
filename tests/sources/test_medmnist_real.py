"""MedMNIST3D on the real files."""

import tracemalloc
from itertools import islice

import numpy as np
import pytest

from tdaflow.sources import MedMNIST3D, Volume
from tdaflow.sources.registry import medmnist3d_entry

pytestmark = pytest.mark.realdata

TRAIN_CLASSES = {
    "adrenalmnist3d": (929, 259),
    "organmnist3d": (115, 115, 115, 91, 93, 94, 40, 39, 39, 115, 115),
    "nodulemnist3d": (863, 295),
    "fracturemnist3d": (473, 383, 171),
}
LARGEST_TEST_SHARE = {"adrenalmnist3d": 0.768, "nodulemnist3d": 0.794, "fracturemnist3d": 0.433, "organmnist3d": 0.113}


@pytest.fixture(params=TRAIN_CLASSES)
def source(request, data_dir):
    return MedMNIST3D(request.param, data_dir=data_dir / "medmnist")


def test_counts_and_classes(source):
    info = source.describe()
    assert info.splits == medmnist3d_entry(source.name).splits
    assert info.class_counts["train"] == TRAIN_CLASSES[source.name]
    assert max(info.class_counts["test"]) / info.splits["test"] == pytest.approx(
        LARGEST_TEST_SHARE[source.name], abs=5e-4
    )
    assert info.checksum == ("published" if source.name == "adrenalmnist3d" else "differs")


def test_every_volume_streams_in_bounded_memory_and_equals_numpys_reading(source, data_dir):
    with np.load(data_dir / "medmnist" / f"{source.name}.npz") as file:
        expected = {key: file[key] for key in file.files}
    source.describe()
    n = 0
    tracemalloc.start()
    for item in source.volumes():
        assert isinstance(item, Volume)
        _, split, index = item.id.split("/")
        assert np.array_equal(item.voxels, expected[f"{split}_images"][int(index)])
        assert item.label == expected[f"{split}_labels"][int(index)].item()
        n += 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == source.describe().n_volumes
    assert peak < 2e6  # bytes; the training images alone take more than 20e6


def test_start_and_limit_agree_with_the_whole(source):
    whole = [item.id for item in source.volumes()]
    start = source.describe().splits["train"] - 2
    assert [item.id for item in islice(source.volumes(start), 4)] == whole[start : start + 4]
    first = MedMNIST3D(source.name, data_dir=source.data_dir, limit=3)
    assert [item.id for item in first.volumes()] == [i for i in whole if i.endswith(("/00000", "/00001", "/00002"))]
