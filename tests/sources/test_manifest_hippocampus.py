"""A second real task: hippocampi labelled by something that can be computed from their masks.

The masks of the Medical Segmentation Decathlon mark the anterior (1) and the posterior (2) part. A volume's class is
whether its anterior part is larger, relative to the posterior one, than the median's.
"""

import numpy as np
import pytest

from tdaflow.sources import Manifest, Nifti, Volume
from tdaflow.sources.manifest import write_manifest

pytest.importorskip("nibabel")
pytestmark = pytest.mark.realdata

ANTERIOR, POSTERIOR = 1, 2


def anterior_ratios(labels):
    """Anterior over posterior volume by id, from a folder of masks."""
    return {
        item.id: (item.voxels == ANTERIOR).sum() / (item.voxels == POSTERIOR).sum() for item in Nifti(labels).volumes()
    }


def hippocampus_rows(folder):
    """Rows of a manifest, relative to the folder that holds images/ and labels/; every fifth is for testing."""
    ratios = anterior_ratios(folder / "labels")
    median = np.median(list(ratios.values()))
    return [
        {
            "id": name,
            "path": f"images/{name}.nii.gz",
            "mask": f"labels/{name}.nii.gz",
            "label": "large-anterior" if ratio > median else "small-anterior",
            "split": {0: "test", 1: "val"}.get(i % 5, "train"),
            "group": name,
        }
        for i, (name, ratio) in enumerate(sorted(ratios.items()))
    ]


@pytest.fixture
def table(data_dir, tmp_path):
    path = tmp_path / "hippocampus.csv"
    write_manifest(hippocampus_rows(data_dir / "hippocampus"), path)
    return path


def test_the_manifest_is_a_balanced_task(table, data_dir):
    info = Manifest(table, root=data_dir / "hippocampus").describe()
    assert info.class_names == ("large-anterior", "small-anterior")
    assert info.splits == {"train": 36, "val": 12, "test": 12}
    assert np.sum(list(info.class_counts.values()), axis=0).tolist() == [30, 30]
    assert all(min(counts) > 0 for counts in info.class_counts.values())
    assert info.notes == ()


@pytest.mark.parametrize("mask_mode", ["none", "crop", "background", "volume"])
def test_every_volume_is_read_in_every_mask_mode(table, data_dir, mask_mode):
    source = Manifest(table, root=data_dir / "hippocampus", mask_mode=mask_mode, margin=2)
    items = list(source.volumes())
    assert all(isinstance(item, Volume) for item in items)
    assert len(items) == 60
    whole = {v.id: v.voxels.shape for v in Nifti(data_dir / "hippocampus" / "images").volumes()}
    smaller = [item.voxels.size < np.prod(whole[item.id]) for item in items]
    assert all(smaller) if mask_mode == "crop" else not any(smaller)
    if mask_mode == "volume":
        assert {tuple(np.unique(item.voxels)) for item in items} == {(0, 1)}
