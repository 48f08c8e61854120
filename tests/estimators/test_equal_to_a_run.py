"""One method behind every entrance: estimators, functions, `tdaflow run` and the pipeline give the same bits."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
from sklearn.pipeline import make_pipeline
from typer.testing import CliRunner

import tdaflow
from tdaflow import Persistence, PersistenceImage, PersistenceVectorisation, Run, SuperpixelPointCloud
from tdaflow.cli.app import app
from tdaflow.config import FiltrationConfig, RunConfig
from tdaflow.homology import Cubical
from tdaflow.images import ImageOptions
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.store import RunFolder
from tdaflow.superpixels import SuperpixelOptions, superpixels
from tdaflow.vectorisations import VECTORISATIONS

PHANTOMS = {
    "kind": "phantoms", "n_volumes": 9, "shape": (15, 16, 17), "kinds": ("ball", "shell"), "splits": (0.6, 0.1, 0.3),
}  # fmt: skip
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "plain": {"weight": "linear", "resolution": 12},
    "published": {
        "weight": "gaussian", "plane": "birth-death", "normalise": "max", "resolution": (9, 12),
        "constant_birth": "image", "quantiles": (0, 1),
    },
    "robust": {"quantiles": (0.02, 0.95), "sampling": "integral", "outside": "clip", "weight": "power(2)"},
    "divided": {"normalise": "dataset-max", "outside": "drop", "epsilon": 0.8, "dtype": "float64"},
}  # fmt: skip


def stored_images(features: xarray.Dataset) -> dict[tuple[str, int], np.ndarray]:
    """Images of a feature store by filtration and homology dimension; vectors as one column."""
    found = {}
    for name, prefix in (("persistence_image", ""), ("persistence_vector", "vector_")):
        if name in features:
            names = features[f"{prefix}filtration"].values
            dimensions = features[f"{prefix}homology_dimension"].values
            for i, (filtration, k) in enumerate(zip(names, dimensions, strict=True)):
                stack = features[name].values[:, i]
                found[str(filtration), int(k)] = stack[..., None] if prefix else stack
    return found


def assert_same_bits(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


@pytest.mark.parametrize("scale", ["auto", "cohort", "volume", 0.2])
@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
def test_images_of_estimators_are_those_of_a_run(options: dict[str, Any], scale: Any, tmp_path: Path) -> None:
    config = RunConfig(
        reference="train",
        data=PHANTOMS,
        superpixels={"n_superpixels": 40, "intensity_scale": scale},
        filtrations={
            "alpha": {"homology_dimensions": (0, 1, 2)},
            "above": {"kind": "cubical", "direction": "superlevel", "downsample": 2, "min_persistence": 0.05},
        },
        images=options,
    )
    run(config, RunFolder(tmp_path / "run"), InProcess(), Silent())
    expected = stored_images(tdaflow.open_run(tmp_path / "run").features)

    volumes = list(config.source().volumes())
    train = [volume for volume in volumes if volume.split == "train"]
    assert 0 < len(train) < len(volumes)
    pipelines = {
        "alpha": make_pipeline(
            SuperpixelPointCloud(40, intensity_scale=scale), Persistence(), PersistenceImage(**options)
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
            assert_same_bits(stack, expected[name, k])
            assert stack.any()
            compared.append((name, k))
    assert set(compared) == set(expected)


def test_vectors_of_estimators_are_those_of_a_run(tmp_path: Path) -> None:
    config = RunConfig(
        reference="train",
        data=PHANTOMS,
        filtrations={"sublevel": {"kind": "cubical", "downsample": 2}},
        vectorisations={kind: {} for kind in VECTORISATIONS},
    )
    run(config, RunFolder(tmp_path / "run"), InProcess(), Silent())
    features = tdaflow.open_run(tmp_path / "run").features
    volumes = list(config.source().volumes())
    train = [volume for volume in volumes if volume.split == "train"]
    diagrams = Persistence(Cubical(downsample=2))
    for kind in VECTORISATIONS:
        vectors = PersistenceVectorisation(kind).fit(diagrams.transform(train)).transform(diagrams.transform(volumes))
        expected = features.summary.values[:, features.summary_vectorisation.values == kind]
        assert_same_bits(vectors, expected)
        assert vectors.any()


@pytest.fixture(scope="module")
def organs(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen real volumes of abdominal organs, as a stack."""
    found = sorted((data_dir / "medmnist").glob("organmnist3d*.npz"))
    if not found:
        pytest.skip("OrganMNIST3D is not there")
    with np.load(found[0]) as stored:
        stack = np.array(stored["train_images"][:12])
    path = tmp_path_factory.mktemp("organs") / "stack.npy"
    np.save(path, stack)
    return path


@pytest.fixture(scope="module")
def features_of_the_pipeline(organs: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of `RunConfig()`, of which nothing but the data is said."""
    folder = RunFolder(tmp_path_factory.mktemp("pipeline") / "run")
    run(RunConfig(data={"kind": "arrays", "path": str(organs)}), folder, InProcess(), Silent())
    return tdaflow.open_run(folder.path)


def by_the_command_line(organs: Path, tmp_path: Path, _: Any) -> dict[int, np.ndarray]:
    out = tmp_path / "cli"
    result = CliRunner().invoke(app, ["run", str(organs), "--out", str(out), "--cluster", "sync"])
    assert result.exit_code == 0, result.output
    return {k: stack for (_, k), stack in stored_images(tdaflow.open_run(out).features).items()}


def by_the_preset(organs: Path, tmp_path: Path, _: Any) -> dict[int, np.ndarray]:
    config = RunConfig(preset="default", data={"kind": "arrays", "path": str(organs)})
    run(config, RunFolder(tmp_path / "run"), InProcess(), Silent())
    return {k: stack for (_, k), stack in stored_images(tdaflow.open_run(tmp_path / "run").features).items()}


def by_the_functions(organs: Path, tmp_path: Path, opened: Any) -> dict[int, np.ndarray]:
    """From volumes to images, given the numbers of the cohort: scale, ranges and σ."""
    found: dict[int, list[np.ndarray]] = {0: [], 1: [], 2: []}
    for volume in np.load(organs):
        cloud = tdaflow.superpixel_point_cloud(volume, intensity_scale=opened.scales["alpha"].for_clouds)
        diagram = tdaflow.persistence_diagram(cloud)
        for k in found:
            told = opened.state["ranges"][f"alpha/{k}"]
            image = tdaflow.persistence_image(
                diagram[k],
                birth_range=tuple(told["birth_range"]),
                death_range=tuple(told["death_range"]),
                sigma=opened.sigma["alpha", k],
                resolution=tuple(told["resolution"]),
            )
            found[k].append(image.astype(np.float32))
    return {k: np.stack(images) for k, images in found.items()}


def by_the_estimators(organs: Path, tmp_path: Path, _: Any) -> dict[int, np.ndarray]:
    volumes = np.load(organs)
    pipeline = make_pipeline(SuperpixelPointCloud(), Persistence(), PersistenceImage()).fit(volumes)
    return pipeline[-1].images(pipeline[:-1].transform(volumes))


@pytest.mark.realdata
@pytest.mark.parametrize("entrance", [by_the_command_line, by_the_preset, by_the_functions, by_the_estimators])
def test_the_default_is_the_default_of_every_entrance(
    organs: Path, features_of_the_pipeline: Any, tmp_path: Path, entrance: Callable[..., dict[int, np.ndarray]]
) -> None:
    expected = stored_images(features_of_the_pipeline.features)
    assert set(expected) == {("alpha", k) for k in (0, 1, 2)}
    assert expected["alpha", 2].shape == (12, 32, 32)
    found = entrance(organs, tmp_path, features_of_the_pipeline)
    for (_, k), stack in expected.items():
        assert_same_bits(found[k], stack)
        assert stack.any()


@pytest.mark.parametrize(
    ("entrance", "declared"),
    [
        (superpixels, SuperpixelOptions),
        (tdaflow.superpixel_point_cloud, SuperpixelOptions),
        (SuperpixelPointCloud, SuperpixelOptions),
        (tdaflow.persistence_image, ImageOptions),
        (PersistenceImage, ImageOptions),
        (tdaflow.persistence_diagram, FiltrationConfig(kind="alpha")),
        (Persistence, FiltrationConfig(kind="alpha")),
    ],
)
def test_defaults_of_signatures_are_the_declared_ones(entrance: Any, declared: Any) -> None:
    if isinstance(declared, FiltrationConfig):
        defaults = declared.model_dump()
    else:
        defaults = {field.name: field.default for field in fields(declared)}
    parameters = inspect.signature(entrance).parameters
    compared = [n for n, p in parameters.items() if n in defaults and p.default is not p.empty]
    assert len(compared) >= 3
    for name in compared:
        assert parameters[name].default == defaults[name], name


@pytest.mark.parametrize(
    ("estimator", "declared"), [(SuperpixelPointCloud, SuperpixelOptions), (PersistenceImage, ImageOptions)]
)
def test_estimators_have_every_option(estimator: Any, declared: Any) -> None:
    assert {field.name for field in fields(declared)} <= set(estimator().get_params())
