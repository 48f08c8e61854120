"""From a decision to the scan: the map of a model that knows one cavity, or one handle, has its maximum there."""

import shutil
from dataclasses import replace

import nibabel
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy.ndimage import gaussian_filter

import tdaflow
from tdaflow.cli.export import export_command
from tdaflow.cli.inspect import inspect_command
from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation import Protocol, evaluate_run, load_model, saliency
from tdaflow.evaluation.protocol.features import load_features
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.report.figure_saliency import saliency_figure
from tdaflow.report.render import png
from tdaflow.report.run_data import RunData
from tdaflow.report.section_where import where_section
from tdaflow.store.anatomy import Anatomy

N, SHAPE = 60, (16, 18, 20)
FIRST_TEST = 45
OPTIONS = {"resolution": 10, "quantiles": [0, 1]}
LOGISTIC = Protocol(("logistic",), n_seeds=1, channels="all")


def phantoms(structure):
    """Smooth noise with a bright ball, every second one hollow; or with a disc, every second one a ring."""
    rng = np.random.default_rng(0)
    volumes, decisive = [], []
    for i in range(N):
        offsets = np.indices(SHAPE) - rng.uniform(7, [9, 11, 13]).reshape(3, 1, 1, 1)
        away = np.linalg.norm(offsets if structure == "cavity" else offsets[1:], axis=0)
        flat = np.abs(offsets[0]) < 2.2 if structure == "handle" else True
        volume = 100.0 * ((away < 5.5) & flat & ((away >= 2.7) | (i % 2 == 0)))
        noise = gaussian_filter(rng.normal(size=SHAPE), 1.2)
        volume = 60 + gaussian_filter(volume, 0.6) + 4 * noise / noise.std()
        volumes.append(volume.clip(0, 255).astype(np.uint8))
        decisive.append((away < 3.7) & (np.abs(offsets[0]) < 3.2 if structure == "handle" else True))
    return np.stack(volumes), decisive


def evaluated_run(folder, volumes, filtrations, protocol=LOGISTIC, **sections):
    np.save(folder / "stack.npy", volumes)
    splits = ["train"] * 33 + ["val"] * 12 + ["test"] * (N - FIRST_TEST)
    rows = [f"v{i},{('without', 'with')[i % 2]},{split}" for i, split in enumerate(splits)]
    (folder / "table.csv").write_text("\n".join(["id,label,split", *rows]) + "\n")
    data = {"kind": "arrays", "path": str(folder / "stack.npy"), "table": str(folder / "table.csv")}
    config = {"data": data, "reference": "train", "filtrations": filtrations, "images": OPTIONS, **sections}
    run = tdaflow.run(config, out=folder / "run", cluster="sync", progress=False)
    evaluate_run(run.folder.path, protocol, n_resamples=100)
    return run


@pytest.fixture(scope="module", params=["cavity", "handle"])
def structure(request, tmp_path_factory):
    """Run, volumes, and where what tells the classes apart is."""
    volumes, decisive = phantoms(request.param)
    dimension = {"cavity": 2, "handle": 1}[request.param]
    bright = {"kind": "cubical", "direction": "superlevel", "homology_dimensions": [dimension]}
    run = evaluated_run(tmp_path_factory.mktemp(request.param), volumes, {"bright": bright})
    return run, volumes, decisive


def test_the_maximum_lies_on_what_tells_the_classes_apart(structure):
    run, _, decisive = structure
    hits = []
    for i in range(FIRST_TEST, N, 2):
        found = saliency(run.folder.path, f"v{i}", class_name="with")
        assert found.decision > 0
        inside = decisive[i]
        hits.append(
            bool(inside[np.unravel_index(found.heat.argmax(), SHAPE)]) and bool((found.labels[inside] == 1).any())
        )
    assert sum(hits) >= len(hits) - 1


def test_contributions_add_up_to_the_decision(structure):
    run, _, _ = structure
    model = load_model(run.folder.path)
    (member,) = model.members
    assert model.class_names == ("with", "without")
    offset = -np.diff(member.projection.offsets)[0]
    for i in range(FIRST_TEST, FIRST_TEST + 4):
        found = saliency(run.folder.path, f"v{i}", class_name="with")
        assert found.bars["contribution"].sum() + offset == pytest.approx(found.decision, abs=1e-3)
        against = saliency(run.folder.path, f"v{i}", class_name="without")
        np.testing.assert_allclose(against.heat, -found.heat, atol=1e-12)
        assert found.probability + against.probability == pytest.approx(1)
        assert found.left_out == ()


def test_the_strongest_bar_is_first_and_its_voxels_have_its_values(structure):
    run, volumes, _ = structure
    found = saliency(run.folder.path, f"v{FIRST_TEST}")
    first = found.bars.iloc[0]
    at = [tuple(int(first[f"{end}_{axis}"]) for axis in "zyx") for end in ("birth", "death")]
    assert [-float(volumes[FIRST_TEST][voxel]) for voxel in at] == [first["birth"], first["death"]]
    assert (np.diff(found.bars["contribution"].abs()) <= 0).all()
    assert found.heat.shape == found.labels.shape == SHAPE
    assert found.labels[at[1]] == 1


def test_smoothing_is_as_asked_and_keeps_the_sum_inside(structure):
    run, _, _ = structure
    sharp, wide = (saliency(run.folder.path, f"v{FIRST_TEST}", smoothing=s) for s in (0.1, 2.0))
    assert sharp.heat.max() > 5 * wide.heat.max()
    assert sharp.heat.sum() == pytest.approx(sharp.bars["contribution"].sum())
    with pytest.raises(InputError, match="smoothing=-1 must be a positive length"):
        saliency(run.folder.path, f"v{FIRST_TEST}", smoothing=-1)


def test_what_is_unknown_is_named(structure, tmp_path):
    run, _, _ = structure
    with pytest.raises(InputError, match="no class 'ring': the classes are with, without"):
        saliency(run.folder.path, "v1", class_name="ring")
    with pytest.raises(InputError, match="there is no volume 'x'"):
        saliency(run.folder.path, "x")
    with pytest.raises(InputError, match="has no model"):
        saliency(unevaluated(run, tmp_path), "v1")


def unevaluated(run, tmp_path):
    return shutil.copytree(run.folder.path, tmp_path / "bare", ignore=shutil.ignore_patterns("evaluation"))


def test_volumes_of_an_applied_run_are_explained_by_the_model_of_the_first(structure, tmp_path):
    run, volumes, _ = structure
    np.save(tmp_path / "new.npy", volumes[FIRST_TEST : FIRST_TEST + 2])
    applied = run.apply(
        {"kind": "arrays", "path": str(tmp_path / "new.npy")}, tmp_path / "applied", cluster="sync", progress=False
    )
    name = str(applied.rows.id[0])
    found, own = saliency(applied.folder.path, name), saliency(run.folder.path, f"v{FIRST_TEST}")
    assert found.class_name == own.class_name
    np.testing.assert_allclose(found.heat, own.heat)


def test_regions_superpixels_repeated_scales_and_vectors(tmp_path):
    volumes, _ = phantoms("cavity")
    filtrations = {
        "alpha": {"superpixels": {"n_superpixels": 200}, "homology_dimensions": [0, 2]},
        "dark": {"kind": "cubical", "downsample": 2, "regions": {"blocks": [1, 1, 2]}, "homology_dimensions": [1]},
    }
    run = evaluated_run(
        tmp_path, volumes, filtrations, images={**OPTIONS, "normalise": "max"}, vectorisations=["betti"]
    )
    found = saliency(run.folder.path, "v50")
    model = load_model(run.folder.path)
    read = [name for member in model.members for name in member.projection.blocks]
    assert set(found.bars["channel"]) <= set(read)
    assert set(found.left_out) == {name for name in read if name.endswith("betti")}
    columns = [f"death_{axis}" for axis in "zyx"]
    places = found.bars[columns].dropna().to_numpy()
    assert (places >= 0).all()
    assert (places < SHAPE).all()
    features = load_features(run.folder.path)
    row = {name: block[features.ids == "v50"] for name, block in features.blocks.items()}
    assert found.probability == pytest.approx(model.predict(row).probabilities.max())


def test_contributions_to_a_committee_add_up_over_its_members(tmp_path):
    volumes, _ = phantoms("cavity")
    filtrations = {
        d: {"kind": "cubical", "direction": d, "homology_dimensions": [0]} for d in ("sublevel", "superlevel")
    }
    run = evaluated_run(tmp_path, volumes, filtrations, Protocol(("committee",), n_seeds=1, channels="all"))
    members = load_model(run.folder.path).members
    assert len(members) == 2
    offset = -np.mean([np.diff(member.projection.offsets)[0] for member in members])
    found = saliency(run.folder.path, "v50", class_name="with")
    assert set(found.bars["channel"]) == {"sublevel H0", "superlevel H0"}
    assert found.bars["contribution"].sum() + offset == pytest.approx(found.decision, abs=1e-3)


def test_models_that_are_not_linear_are_refused(structure, monkeypatch):
    run, _, _ = structure
    model = load_model(run.folder.path)
    forest = replace(model, members=tuple(replace(member, head="a forest") for member in model.members))
    monkeypatch.setattr("tdaflow.evaluation.model.saliency.load_model", lambda path: forest)
    with pytest.raises(InputError, match=r"no linear one .*--classifiers logistic,committee,stacked"):
        saliency(run.folder.path, "v1")


def test_the_figure_has_letters_and_numbers(structure):
    run, volumes, _ = structure
    found = saliency(run.folder.path, f"v{FIRST_TEST}")
    anatomy = Anatomy("LPS", np.diag([-1.0, -1.0, 1.0, 1.0]))
    figure = saliency_figure(found, "v1", volumes[FIRST_TEST], anatomy)
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert {"R", "L", "A", "P", "1"} <= set(texts)
    assert png(figure).startswith(b"\x89PNG")


def test_the_report_shows_test_volumes_that_were_classified_correctly_or_wrongly(structure, tmp_path):
    run, _, _ = structure
    section = where_section(RunData(run.folder.path))
    predictions = Predictions.load(run.folder.path / "evaluation" / "model" / "predictions.npz")
    assert 1 <= len(section.items) <= 4
    for block in section.items:
        (row,) = np.flatnonzero(predictions.ids == block.scans[0])
        assert predictions.splits[row] == "test"
        is_right = predictions.probabilities[0][row].argmax() == predictions.labels[row]
        assert block.title.startswith("Correctly" if is_right else "Wrongly")
    assert where_section(RunData(run.folder.path, scans=False)) is None
    assert where_section(RunData(unevaluated(run, tmp_path))) is None


@pytest.mark.parametrize("kind", ["nifti", "ome-zarr"])
def test_maps_and_labels_are_exported_beside_their_volume(structure, tmp_path, kind):
    run, _, _ = structure
    name = f"v{FIRST_TEST}"
    options = {"everything": False, "labels": False, "overwrite": False, "kind": kind, "where": True}
    assert export_command(run.folder.path, tmp_path, [name], **options) == 0
    found = saliency(run.folder.path, name)
    legend = pd.read_csv(tmp_path / f"{name}.where.csv")
    assert legend["label"].tolist() == list(range(1, len(found.labelled) + 1))
    np.testing.assert_allclose(legend["contribution"], found.labelled["contribution"])
    if kind == "nifti":
        images = {end: nibabel.load(tmp_path / f"{name}{end}.nii.gz") for end in ("", ".where", ".where-labels")}
        assert all(np.array_equal(image.affine, images[""].affine) for image in images.values())
        heat, labels = (np.asarray(images[end].dataobj).T for end in (".where", ".where-labels"))
    else:
        image = zarr.open_group(tmp_path / f"{name}.where.ome.zarr", mode="r")
        heat, labels = image["0"][...], image["labels/bars/0"][...]
    np.testing.assert_allclose(heat, found.heat, rtol=1e-6, atol=1e-12)
    np.testing.assert_array_equal(labels, found.labels)


def test_a_run_without_a_model_exports_no_map_and_nothing_else(structure, tmp_path):
    run, _, _ = structure
    options = {"everything": True, "labels": False, "overwrite": False, "where": True}
    with pytest.raises(InputError, match="has no model"):
        export_command(unevaluated(run, tmp_path), tmp_path / "out", [], **options)
    assert not (tmp_path / "out").exists()


def test_the_picture_of_a_decision_is_written(structure, tmp_path):
    run, _, _ = structure
    assert inspect_command(run.folder.path, "v3", tmp_path / "v3.png", where=True, class_name="with") == 0
    assert (tmp_path / "v3.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ConfigError, match="--class belongs to --where"):
        inspect_command(run.folder.path, "v3", tmp_path / "v3.png", class_name="with")
