"""What a source notes is printed wherever data are read: at check, plan, ingest and run."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

NOTES = (
    "1 hidden file is not read",
    "2 of 4 volumes look like segmentations by their names (labels/) and are read as volumes",
)


@pytest.fixture
def folder(tmp_path):
    """A data set with the segmentations beside the images, and a file that macOS left."""
    rng = np.random.default_rng(0)
    for name in ("images/a", "images/b", "labels/a", "labels/b"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "set" / f"{name}.npy", gaussian_filter(rng.standard_normal((12, 12, 12)), 1.2))
    (tmp_path / "set/._a.npy").write_bytes(b"x")
    return tmp_path / "set"


@pytest.mark.parametrize("verb", ["check", "plan", "ingest", "run"])
def test_notes_are_printed(tdaflow, folder, tmp_path, verb):
    small = ["--cluster", "sync", "--set", "superpixels.n_superpixels=40", "--set", "images.resolution=6"]
    options = [] if verb == "check" else [*small, "--out", str(tmp_path / "out")]
    ended = tdaflow(verb, folder, *options)
    assert ended.code == 0
    for note in NOTES:
        assert note in " ".join((ended.out + ended.err).split())
