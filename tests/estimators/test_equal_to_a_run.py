"""The estimators, fitted on the training volumes, give the images of a run with ``ranges_from = "train"``, bitwise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
from sklearn.pipeline import make_pipeline

from tdaflow import Persistence, PersistenceImage, SuperpixelPointCloud
from tdaflow.config import RunConfig
from tdaflow.homology import Cubical
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.store import RunFolder

PHANTOMS = {
    "kind": "phantoms", "n_volumes": 9, "shape": (15, 16, 17), "kinds": ("ball", "shell"), "splits": (0.6, 0.1, 0.3),
}  # fmt: skip
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {"weight": "linear", "resolution": 12},
    "published": {
        "weight": "gaussian", "plane": "birth-death", "normalise": "max", "resolution": (9, 12),
        "constant_birth": "image",
    },
    "robust": {"quantiles": (0.02, 0.95), "sampling": "integral", "outside": "clip", "weight": "power(2)"},
    "divided": {"normalise": "dataset-max", "outside": "drop", "epsilon": 0.8},
}  # fmt: skip


def stored_images(path: Path) -> dict[tuple[str, int], np.ndarray]:
    """Images of a feature store by filtration and homology dimension; vectors as one column."""
    found = {}
    with xarray.open_zarr(path) as features:
        for name, prefix in (("persistence_image", ""), ("persistence_vector", "vector_")):
            if name in features:
                names = features[f"{prefix}filtration"].values
                dimensions = features[f"{prefix}homology_dimension"].values
                for i, (filtration, k) in enumerate(zip(names, dimensions, strict=True)):
                    stack = features[name].values[:, i]
                    found[str(filtration), int(k)] = stack[..., None] if prefix else stack
    return found


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
def test_images_of_estimators_are_those_of_a_run(options: dict[str, Any], tmp_path: Path) -> None:
    config = RunConfig(
        data=PHANTOMS,
        superpixels={"n_superpixels": 40, "intensity_scale": "range"},
        filtrations={
            "alpha": {"homology_dimensions": (0, 1, 2)},
            "above": {"kind": "cubical", "direction": "superlevel", "downsample": 2, "min_persistence": 0.05},
        },
        images={**options, "ranges_from": "train", "dtype": "float64"},
    )
    run(config, RunFolder(tmp_path / "run"), InProcess(), Silent())
    expected = stored_images(tmp_path / "run" / "features.zarr")

    volumes = list(config.source().volumes())
    train = [volume for volume in volumes if volume.split == "train"]
    assert 0 < len(train) < len(volumes)
    pipelines = {
        "alpha": make_pipeline(
            SuperpixelPointCloud(40, intensity_scale="range"), Persistence(), PersistenceImage(**options)
        ),
        "above": make_pipeline(
            Persistence(Cubical(direction="superlevel", downsample=2), min_persistence=0.05),
            PersistenceImage(**options),
        ),
    }
    compared = []
    for name, pipeline in pipelines.items():
        pipeline.fit(train)
        images = pipeline[-1].images(pipeline[:-1].transform(volumes))
        table = np.concatenate([images[k].reshape(len(volumes), -1) for k in (0, 1, 2)], axis=1)
        np.testing.assert_array_equal(pipeline.transform(volumes), table)
        for k, stack in images.items():
            assert stack.any()
            np.testing.assert_array_equal(stack, expected[name, k])
            compared.append((name, k))
    assert set(compared) == set(expected)
