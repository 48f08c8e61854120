"""What is printed of a single volume is in the singular."""

import re

import nibabel
import numpy as np
import pytest

from tdaflow.printable import counted

# What ends in s and is no plural.
SINGULAR = {"s", "ms", "series", "class", "is", "has", "ms each"}


@pytest.mark.parametrize(
    ("n", "words", "text"),
    [
        (0, ("slice",), "0 slices"),
        (1, ("slice",), "1 slice"),
        (2, ("slice",), "2 slices"),
        (1, ("row has", "rows have"), "1 row has"),
        (3, ("row has", "rows have"), "3 rows have"),
    ],
)
def test_a_number_has_its_noun_and_verb(n, words, text):
    assert counted(n, *words) == text


def test_one_volume_is_one_volume(tdaflow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scans, out = tmp_path / "scans", tmp_path / "run"
    scans.mkdir()
    voxels = np.random.default_rng(0).integers(0, 255, (12, 12, 12), np.uint8)
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), scans / "a.nii.gz")
    small = ("--set", "superpixels.n_superpixels=40", "--set", "images.resolution=6", "--cluster", "sync")
    for typed in (
        ("check", scans),
        ("plan", scans, *small),
        ("run", scans, "--out", out, *small),
        ("status", out),
        ("check", out),
        ("export", out, "--table", tmp_path / "features.csv"),
        ("export", out, "--ome-zarr", tmp_path / "images"),
        ("apply", out, scans, "--out", tmp_path / "applied", "--cluster", "sync"),
        ("ingest", scans, "--out", tmp_path / "ingested", "--cluster", "sync"),
    ):
        shown = tdaflow(*typed)
        assert shown.code == 0, shown.err
        found = re.findall(r"(?<![\d.,…–/×] )(?<![\w.,–-])1 ([a-z]+s)\b", shown.out + shown.err)
        assert set(found) <= SINGULAR, (typed, found)
