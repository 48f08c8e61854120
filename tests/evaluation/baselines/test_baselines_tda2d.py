"""2D-TDA: slices, and slices without a valid persistence image."""

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.evaluation import Ledger
from tdaflow.evaluation.baselines.simple import simple_baseline
from tdaflow.evaluation.baselines.tda2d import CENTRAL, SliceAt, parsed_slices, slice_diagrams, slice_images
from tdaflow.evaluation.baselines.volumes import load_volumes
from tdaflow.sources import Volume
from tdaflow.store import VolumeBuilder

SPLITS = np.repeat(["train", "val", "test"], [16, 8, 8])
LABELS = np.arange(32) % 2


def ring(z: int = 4) -> np.ndarray:
    """A bright square ring of 3×3 pixels with a dark hole in slice z of 8, nothing elsewhere."""
    voxels = np.zeros((8, 9, 10), np.uint8)
    voxels[z, 3:6, 3:6] = 255
    voxels[z, 4, 4] = 0
    return voxels


@pytest.fixture
def volumes(tmp_path):
    """Maker of labelled volumes."""

    def make(arrays):
        path = tmp_path / "volumes.zarr"
        builder = VolumeBuilder.create(
            tmp_path / ".volumes.zarr", n_entries=len(arrays), shape=arrays[0].shape, dtype=arrays[0].dtype,
            attributes={"class_names": ["a", "b"]},
        )  # fmt: skip
        items = [
            Volume(f"v{i}", voxels, (1.0, 1.0, 1.0), label=int(LABELS[i]), split=str(SPLITS[i]))
            for i, voxels in enumerate(arrays)
        ]
        builder.write_part(0, builder.write_voxels(0, items))
        builder.finish(path)
        return load_volumes(path)

    return make


def test_slices_are_named_by_axis_and_index():
    assert parsed_slices("central") == CENTRAL == (SliceAt(0, None),)
    assert parsed_slices("central-3") == (SliceAt(0), SliceAt(1), SliceAt(2))
    assert parsed_slices("z10, x3,z10") == (SliceAt(0, 10), SliceAt(2, 3))
    assert [s.name for s in parsed_slices("central-3")] == ["z central", "y central", "x central"]
    with pytest.raises(InputError, match="central-3"):
        parsed_slices("10")


def test_a_slice_is_what_lies_at_its_index():
    volume = np.arange(24).reshape(2, 3, 4)
    assert np.array_equal(SliceAt(0).of(volume), volume[1])
    assert np.array_equal(SliceAt(2, 0).of(volume), volume[:, :, 0])
    with pytest.raises(InputError, match="no slice y3: a volume has 3 along y"):
        SliceAt(1, 3).of(volume)


def test_the_hole_of_a_ring_is_seen_by_the_cubical_filtrations(volumes):
    made = slice_diagrams(volumes([ring()] * 32), CENTRAL)
    diagram = made.diagrams[0]
    # Superlevel: the ring's eight pixels are born at −255 and its hole is filled at 0.
    assert diagram["superlevel z central", 1].expanded.tolist() == [[-255, 0]]
    # Sublevel: the hole is a component of its own until the ring joins it to the ground.
    assert diagram["sublevel z central", 0].expanded.tolist() == [[0, 255], [0, 255]]
    assert {c[1] for c in made.channels if c[0].startswith("alpha")} == {0, 1, 2}


def test_volumes_without_a_valid_image_are_counted(volumes):
    # Every fourth volume has its ring beside the central slice, which is then empty.
    arrays = [ring(4 if i % 4 else 1) for i in range(32)]
    made = slice_diagrams(volumes(arrays), CENTRAL)
    invalid = made.n_invalid()
    assert invalid["superlevel z central H1"] == 8
    assert invalid["sublevel z central H0"] == 8
    assert made.n_all_invalid("superlevel") == 8
    # A flat slice is a regular grid of points: alpha always has bars.
    assert invalid["alpha z central H1"] == 0
    assert made.n_all_invalid("") == 0


def test_a_volume_without_a_valid_image_is_a_row_of_zeros(volumes):
    arrays = [ring(4 if i % 4 else 1) for i in range(32)]
    given = volumes(arrays)
    blocks = slice_images(given, slice_diagrams(given, CENTRAL))
    empty = ~blocks["superlevel z central H1"].any(axis=1)
    assert np.flatnonzero(empty).tolist() == list(range(0, 32, 4))
    assert blocks["alpha z central H0"].shape == (32, given.config.images.shape[0])


def test_a_channel_without_a_bar_in_train_is_no_channel(volumes):
    arrays = [ring(4 if split == "test" else 1) for split in SPLITS]
    given = volumes(arrays)
    blocks = slice_images(given, slice_diagrams(given, CENTRAL))
    assert not any(name.startswith(("sublevel", "superlevel")) for name in blocks)


def test_the_row_says_how_many_have_no_valid_image(volumes, tmp_path, monkeypatch):
    monkeypatch.setattr("tdaflow.evaluation.baselines.tda2d.CLASSIFIERS", ("logistic",))
    # In class 1 the ring is in the central slice: to have a valid image is all there is to tell.
    arrays = [ring(4 if label else 1) for label in LABELS]
    (found,) = simple_baseline("tda2d", volumes(arrays), Ledger(tmp_path / "e"), n_seeds=1)
    assert found.method == "2D-TDA (z central)"
    assert "superlevel z central H1 16" in found.notes[0]
    assert "of 32 volumes" in found.notes[0]
    assert found.details["no_valid_pi"]["superlevel z central H1"] == 16
    assert found.details["no_valid_cubical_pi"] == 16
    test = found.of_split("test")
    assert ((test.probabilities[0][:, 1] > 0.5) == test.labels).all()


def test_without_any_valid_image_the_row_is_not_available(volumes, tmp_path, monkeypatch):
    # Only cubical filtrations: alpha has bars on every grid.
    monkeypatch.setattr("tdaflow.evaluation.baselines.tda2d._ALPHA", ("sub", *_only_cubical()))
    with pytest.raises(InputError, match=r"no training volume has a valid 2D persistence image .* n/a"):
        simple_baseline("tda2d", volumes([ring(1)] * 32), Ledger(tmp_path / "e"))


def _only_cubical():
    from tdaflow.homology import Cubical

    return Cubical(), (0, 1)
