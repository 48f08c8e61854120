"""Phantoms have the topology that they declare."""

import json
import pickle

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import euler_number

from tdaflow.errors import InputError
from tdaflow.sources import Phantoms, Source, phantom
from tdaflow.sources.shapes import solid

BETTI = {
    "ball": (1, 0, 0),
    "shell": (1, 0, 1),
    "torus": (1, 1, 0),
    "linked-rings": (2, 2, 0),
    "handles-1": (1, 1, 0),
    "handles-2": (1, 2, 0),
    "handles-3": (1, 3, 0),
    "handles-6": (1, 6, 0),
    "cavities-1": (1, 0, 1),
    "cavities-2": (1, 0, 2),
    "cavities-5": (1, 0, 5),
}
SMALLEST = {"ball": 6, "torus": 13, "shell": 15, "handles-2": 17, "cavities-2": 16, "linked-rings": 23, "handles-6": 22}


def counted_betti(mask, connectivity):
    """Betti numbers by counting: components, background components, and the Euler characteristic for the rest."""
    inside = ndimage.generate_binary_structure(3, connectivity)
    outside = ndimage.generate_binary_structure(3, 4 - connectivity)
    b0 = ndimage.label(mask, inside)[1]
    b2 = ndimage.label(~np.pad(mask, 1), outside)[1] - 1
    return b0, b0 + b2 - euler_number(mask, connectivity=connectivity), b2


def persistent_betti(voxels, level, vertices):
    """Betti numbers of {voxels > level} from persistent homology of the superlevel filtration."""
    import gudhi

    values = -voxels.astype(float)
    cells = gudhi.CubicalComplex(**{"vertices" if vertices else "top_dimensional_cells": values})
    cells.compute_persistence(homology_coeff_field=2, min_persistence=-1)
    bars = [cells.persistence_intervals_in_dimension(k) for k in range(3)]
    return tuple(int(((b[:, 0] <= -level) & (b[:, 1] > -level)).sum()) if len(b) else 0 for b in bars)


@pytest.mark.parametrize("kind", BETTI)
def test_every_kind_declares_its_betti_numbers(kind):
    assert solid(kind).betti == BETTI[kind]


@pytest.mark.parametrize("kind", BETTI)
@pytest.mark.parametrize("seed", range(4))
def test_declared_counted_and_persistent_betti_numbers_agree(kind, seed):
    made = phantom(kind, (28, 28, 28), np.random.default_rng(seed), noise=0)
    assert counted_betti(made.mask, 1) == made.betti  # 6-connected voxels
    assert counted_betti(made.mask, 3) == made.betti  # 26-connected voxels
    level = (made.voxels.min() + made.voxels.max()) / 2
    for vertices in (True, False):
        assert persistent_betti(made.mask, 0.5, vertices) == made.betti
        assert persistent_betti(made.voxels, level, vertices) == made.betti


@pytest.mark.parametrize("kind", SMALLEST)
def test_topology_holds_in_the_smallest_shape_and_one_voxel_less_is_refused(kind):
    n = SMALLEST[kind]
    for seed in range(30):
        made = phantom(kind, (n, n, n + 3), np.random.default_rng(seed))
        assert counted_betti(made.mask, 1) == counted_betti(made.mask, 3) == made.betti
    with pytest.raises(InputError, match=f"'{kind}' needs at least {n} voxels on each side"):
        phantom(kind, (n + 3, n, n - 1), np.random.default_rng(0))


def test_the_mask_is_what_is_brighter_than_half_way():
    made = phantom("torus", (28, 28, 28), np.random.default_rng(0), noise=0)
    low, high = int(made.voxels.min()), int(made.voxels.max())
    assert made.voxels.dtype == np.uint8
    assert high - low >= 99
    sure = np.abs(made.voxels - (low + high) / 2) > 1
    assert np.array_equal(made.mask[sure], made.voxels[sure] > (low + high) / 2)


def test_pose_size_contrast_and_noise_vary():
    noisy = [phantom("ball", (28, 28, 28), np.random.default_rng(seed)) for seed in range(5)]
    assert len({int(p.mask.sum()) for p in noisy}) == 5
    assert len({round(float(p.voxels[p.mask].mean())) for p in noisy}) > 1
    assert all(5 < p.voxels[:3, :3, :3].std() < 11 for p in noisy)
    assert len({tuple(np.argwhere(p.mask).mean(axis=0).round(2)) for p in noisy}) == 5


def test_the_class_is_the_kind_and_every_class_is_divided_alike():
    source = Phantoms(n_volumes=60)
    assert isinstance(source, Source)
    info, items = source.describe(), list(source.volumes())
    assert info.class_names == ("ball", "shell", "torus", "linked-rings", "handles-3", "cavities-2")
    assert info.splits == {"train": 42, "val": 6, "test": 12}
    assert info.class_counts == {"train": (7,) * 6, "val": (1,) * 6, "test": (2,) * 6}
    assert [item.id for item in items[:2]] == ["phantoms/00000", "phantoms/00001"]
    assert {item.voxels.shape for item in items} == {info.shape}
    assert all(info.class_names[item.label] == source.phantom(i).kind for i, item in enumerate(items))
    for split, n in info.splits.items():
        assert sum(item.split == split for item in items) == n


@pytest.mark.parametrize("splits", [(0.7, 0.1, 0.2), (1, 1, 1), (3, 0, 1), (0, 0, 5)])
def test_any_number_of_volumes_is_divided_within_one_of_the_shares(splits):
    shares = np.array(splits) / sum(splits)
    for n in range(1, 40):
        counts = Phantoms(n_volumes=n, kinds=("ball",), splits=splits).describe().splits
        given = np.array([counts.get(name, 0) for name in ("train", "val", "test")])
        assert np.abs(given - n * shares).max() < 1


def test_a_volume_depends_on_seed_and_index_alone():
    few, many = Phantoms(n_volumes=7, seed=3), Phantoms(n_volumes=9, seed=3)
    for a, b in zip(few.volumes(start=4), many.volumes(start=4), strict=False):
        assert (a.id, a.label, a.split) == (b.id, b.label, b.split)
        assert np.array_equal(a.voxels, b.voxels)
    other = next(Phantoms(n_volumes=7, seed=4).volumes())
    assert not np.array_equal(other.voxels, next(few.volumes()).voxels)


def test_fingerprint_and_pickle():
    source = Phantoms(n_volumes=3, seed=1)
    assert json.loads(json.dumps(source.fingerprint())) == source.fingerprint()
    assert source.fingerprint() != Phantoms(n_volumes=3, seed=2).fingerprint()
    assert pickle.loads(pickle.dumps(source)) == source


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_volumes": 0}, "ask for at least 1"),
        ({"kinds": ()}, "one or more distinct"),
        ({"kinds": ("ball", "ball")}, "one or more distinct"),
        ({"kinds": ("cube",)}, r"no phantom called 'cube': choose among ball, shell, "),
        ({"kinds": ("handles-0",)}, "no phantom called 'handles-0'"),
        ({"seed": -1}, "must not be negative"),
        ({"noise": float("nan")}, "0 or more"),
        ({"contrast": 0}, r"must lie in \(0, 1\]"),
        ({"splits": (0.5, 0.5, -0.1)}, "three shares"),
        ({"shape": (28, 28, 12)}, "'shell' needs at least 15 voxels on each side, .* has 12: enlarge"),
        ({"shape": (28, 28)}, "three lengths"),
    ],
)
def test_impossible_options_are_refused_at_once(options, message):
    with pytest.raises(InputError, match=message):
        Phantoms(**options)


def test_any_number_of_volumes_is_described_at_once():
    info = Phantoms(n_volumes=10**9).describe()
    assert sum(info.splits.values()) == 10**9
    assert info.splits["train"] == pytest.approx(0.7e9, rel=1e-4)
    last = next(Phantoms(n_volumes=10**9).volumes(10**9 - 1))
    assert last.id == "phantoms/999999999"
