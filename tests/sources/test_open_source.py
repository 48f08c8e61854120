"""Sources are made from plain options, and load nothing that they do not need."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tdaflow.errors import ConfigError
from tdaflow.packaged import packaged_file
from tdaflow.sources import SOURCES, Arrays, MedMNIST3D, Phantoms, Source, open_source


def test_options_become_typed_sources():
    assert open_source(
        {"kind": "medmnist", "name": "organmnist3d", "size": 64, "data_dir": "x", "splits": ["val"]}
    ) == (MedMNIST3D("organmnist3d", 64, Path("x").absolute(), ("val",)))
    assert open_source({"kind": "arrays", "path": "a.npz", "spacing": [3, 1, 1]}) == Arrays(
        Path("a.npz").absolute(), spacing=(3.0, 1.0, 1.0)
    )
    assert open_source({"kind": "phantoms", "n_volumes": 6, "shape": [20, 20, 20], "kinds": ["ball"]}) == Phantoms(
        6, (20, 20, 20), ("ball",)
    )


def test_a_source_passes_through():
    source = Phantoms(3)
    assert open_source(source) is source


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "data.kind is not given: choose one of medmnist, arrays, phantoms"),
        ({"kind": "nii"}, "no source of kind 'nii'"),
        ({"kind": "medmnist"}, "the medmnist source needs the option 'name'"),
        (
            {"kind": "medmnist", "name": "organmnist3d", "siz": 28},
            "the medmnist source has no option 'siz'; did you mean 'size'?",
        ),
        ({"kind": "medmnist", "name": "organmnist3d", "size": 32}, "size=32 .* 28 or 64"),
        ({"kind": "medmnist", "name": "organ"}, "no MedMNIST3D set called 'organ'"),
        ({"kind": "phantoms", "shape": [20, 20]}, "shape.2=.* of the phantoms source is wrong"),
        ({"kind": "phantoms", "seed": -1}, "seed=-1 must not be negative"),
        ({"kind": "arrays", "path": "a.npy", "limit": "many"}, "limit='many' of the arrays source is wrong"),
    ],
)
def test_wrong_options_are_config_errors_of_one_sentence(options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        open_source(options)
    assert "\n" not in str(caught.value)


def test_every_registered_source_has_the_protocols_methods():
    for cls in SOURCES.values():
        assert all(hasattr(cls, method) for method in ("describe", "fingerprint", "volumes"))
    assert isinstance(Phantoms(1), Source)


def test_the_packaged_sample_is_what_its_readme_says():
    source = Arrays(packaged_file("data", "phantoms.npz"), packaged_file("data", "phantoms.csv"))
    recipe = Phantoms(n_volumes=12, noise=0, splits=(1, 0, 1))
    for stored, made in zip(source.volumes(), recipe.volumes(), strict=True):
        assert (stored.id, stored.split) == (made.id, made.split)
        assert source.describe().class_names[stored.label] == recipe.kinds[made.label]
        # Trigonometric functions may differ in the last bit between processors, hence rounding by one grey level.
        assert np.abs(stored.voxels.astype(int) - made.voxels).max() <= 1


def test_importing_and_generating_needs_no_readers_library():
    code = (
        "import sys; from tdaflow.sources import Phantoms; list(Phantoms(1).volumes());"
        "print([m for m in ('pooch', 'requests', 'pydantic', 'torch', 'medmnist', 'gudhi', 'skimage', 'scipy', 'dask',"
        " 'numba', 'zarr') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
