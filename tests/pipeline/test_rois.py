"""Runs of regions of interest: as those of hand-made masks, in tables by subject, and applied by the run's names."""

import numpy as np
import pandas as pd
import pytest

import tdaflow
from tdaflow.cli import main
from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation.protocol.bootstrap import resampled
from tdaflow.pipeline import plan as plan_module
from tdaflow.pipeline import table as table_module
from tdaflow.pipeline.table import write_table
from tdaflow.sources import rois as rois_module

N = 5
NAMED = {"dim": 1, "bright": 2}


def save(folder, arrays):
    for name, array in arrays.items():
        path = folder / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array)


@pytest.fixture(scope="module")
def segmentations(volumes):
    """Of the subjects s0 … s4: 1 and, within it, 2; s3 has no 2."""
    return {f"s{i}": (seen > 120).astype("u1") + (seen > 170) * (i != 3) for i, seen in enumerate(volumes[:N])}


@pytest.fixture(scope="module")
def root(tmp_path_factory, segmentations, volumes):
    """Folder of segmentations, of the scans of the same subjects, and of a hand-made mask for every region."""
    root = tmp_path_factory.mktemp("rois")
    save(root / "seg", segmentations)
    save(root / "scans", {f"s{i}": voxels for i, voxels in enumerate(volumes[N : 2 * N])})
    by_hand = {f"{s}/{k}": (seg == k).astype("u1") for s, seg in segmentations.items() for k in (1, 2) if k in seg}
    save(root / "by-hand", by_hand)
    save(root / "copies", {name: np.load(root / "scans" / f"{name[:2]}.npy") for name in by_hand})
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory, root, settings):
    """A run of the regions of the segmentations by name."""
    config = settings(data={"kind": "images", "path": str(root / "seg"), "mask_labels": NAMED})
    return tdaflow.run(config, out=tmp_path_factory.mktemp("made") / "run", cluster="sync", progress=False)


def test_regions_are_those_of_hand_made_masks_bit_for_bit(made, root, sync, settings, folder, read_features):
    sync(settings(data={"kind": "images", "path": str(root / "by-hand")}))
    ours, theirs = read_features(made.folder), read_features(folder)
    for name in ("persistence_image", "persistence_vector", "sigma", "birth_range"):
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert [str(i).replace("/1", ":dim").replace("/2", ":bright") for i in theirs["id"]] == ours["id"].tolist()


@pytest.mark.parametrize("mode", ["crop", "inside"])
def test_scans_within_regions_are_those_within_hand_made_masks(root, settings, tmp_path, read_features, mode):
    options = {"kind": "images", "mask_mode": mode}
    ours = {**options, "path": str(root / "scans"), "mask_dir": str(root / "seg"), "mask_labels": "all"}
    theirs = {**options, "path": str(root / "copies"), "mask_dir": str(root / "by-hand")}
    found = [
        tdaflow.run(settings(data=data), out=tmp_path / name, cluster="sync", progress=False)
        for name, data in (("ours", ours), ("theirs", theirs))
    ]
    ours, theirs = (read_features(run.folder) for run in found)
    for name in ("persistence_image", "persistence_vector", "sigma"):
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_a_region_that_a_subject_lacks_is_quarantined_with_the_reason(made):
    assert made.quarantined == {"s3:bright": "s3.npy: the mask has no region bright: no voxel is 2"}
    assert made.state["source"]["rois"] == NAMED
    with pytest.raises(InputError, match=r"quarantined, so there is nothing to show: .*no region bright"):
        made.row_of("s3:bright")


def test_features_name_subject_and_region_and_evaluation_draws_subjects(made):
    features = made.features
    assert features["subject"].values.tolist() == ["s0", "s0", "s1", "s1", "s2", "s2", "s3", "s4", "s4"]
    assert features["roi"].values.tolist() == ["dim", "bright"] * 3 + ["dim", "dim", "bright"]
    assert features["group"].values.tolist() == features["subject"].values.tolist()
    assert features["persistence_image"].coords["roi"].dims == ("volume",)
    for weights in resampled(features["group"].values, 20):
        of_subjects = pd.DataFrame(np.atleast_2d(weights).T).groupby(features["group"].values).nunique()
        assert (of_subjects == 1).all(axis=None)


def test_other_runs_have_no_such_columns(sync, settings, folder):
    sync(settings())
    run = tdaflow.open_run(folder.path)
    assert {"subject", "roi"}.isdisjoint([*run.features.variables, *run.table()])
    with pytest.raises(InputError, match=r"no regions of interest to put side by side: set data\.mask_labels"):
        run.table(wide=True)


@pytest.mark.parametrize("summary", [False, True])
def test_the_wide_table_puts_the_regions_of_a_subject_side_by_side(made, monkeypatch, summary):
    long = made.table(summary=summary)
    assert long.columns[:7].tolist() == ["id", "subject", "roi", "label", "class_name", "split", "group"]
    assert long["id"].tolist() == [f"{s}:{r}" for s, r in zip(long["subject"], long["roi"], strict=True)]
    wide = made.table(summary=summary, wide=True)
    about = ["id", "label", "class_name", "split", "group"]
    features = long.columns[7:].tolist()
    assert wide.columns.tolist() == about + [f"{roi}_{name}" for roi in NAMED for name in features]
    assert wide["id"].tolist() == wide["group"].tolist() == [f"s{i}" for i in range(N)]
    for _, row in long.iterrows():
        there = wide.set_index("id").loc[row["subject"], [f"{row['roi']}_{name}" for name in features]]
        np.testing.assert_array_equal(there.to_numpy(float), row[features].to_numpy(float))
    lacking = wide.filter(like="bright_").isna().all(axis=1)
    assert wide["id"][lacking].tolist() == ["s3"]
    monkeypatch.setattr(table_module, "CHUNK_BYTES", 1)  # one volume at a time
    pd.testing.assert_frame_equal(made.table(summary=summary, wide=True), wide)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_files_hold_the_wide_table(made, tmp_path, suffix):
    path, expected = tmp_path / f"wide{suffix}", made.table(wide=True)
    assert write_table(made, path, wide=True) == expected.shape
    read = pd.read_csv(path, keep_default_na=False) if suffix == ".csv" else pd.read_parquet(path)
    assert read.columns.tolist() == expected.columns.tolist()
    cell = read["bright_alpha_H2_p0_b0"][3]
    assert cell == "" if suffix == ".csv" else np.isnan(cell)


def test_other_data_have_the_regions_of_the_run(made, root, segmentations, tmp_path):
    odd = {"s1": segmentations["s1"], "t": np.where(segmentations["s0"] == 2, 9, segmentations["s0"])}
    save(tmp_path / "new", odd)
    applied = made.apply(tmp_path / "new", tmp_path / "out", cluster="sync", progress=False)
    assert applied.features["id"].values.tolist() == ["s1:dim", "s1:bright", "t:dim"]
    assert list(applied.quarantined) == ["t:bright"]
    assert "labels that data.mask_labels does not name are not read: 9 (in 1)" in applied.state["source"]["notes"]
    for identity in ("s1:dim", "s1:bright"):
        one, other = (run.features["persistence_image"].sel(volume=identity) for run in (made, applied))
        np.testing.assert_array_equal(one, other)
    # No subject of these has the region, which is no mistake in the name.
    save(tmp_path / "one", {"s3": segmentations["s3"]})
    assert list(made.apply(tmp_path / "one", tmp_path / "out1", cluster="sync", progress=False).quarantined)
    # The names are the run's, the values may be those of another protocol.
    renumbered = {"mask_labels": {"dim": 7, "bright": 8}, "kind": "images", "path": str(tmp_path / "renumbered")}
    save(tmp_path / "renumbered", {"s1": np.array([0, 7, 8], "u1")[segmentations["s1"]]})
    again = made.apply(renumbered, tmp_path / "out2", cluster="sync", progress=False)
    np.testing.assert_array_equal(again.features["persistence_image"], applied.features["persistence_image"][:2])
    # Of a volume store the regions are known too.
    stored = made.apply(made.folder.volumes, tmp_path / "out3", cluster="sync", progress=False)
    np.testing.assert_array_equal(stored.features["persistence_image"], made.features["persistence_image"])
    assert stored.features["roi"].values.tolist() == made.features["roi"].values.tolist()


def test_all_labels_of_a_run_are_names_for_other_data(root, settings, tmp_path, segmentations):
    data = {"kind": "images", "path": str(root / "seg"), "mask_labels": "all"}
    run = tdaflow.run(settings(data=data), out=tmp_path / "all", cluster="sync", progress=False)
    assert run.config.data["mask_labels"] == "all"
    save(tmp_path / "new", {"t": segmentations["s1"] * np.uint8(2)})
    applied = run.apply(tmp_path / "new", tmp_path / "out", cluster="sync", progress=False)
    assert applied.features["id"].values.tolist() == ["t:label2"]
    assert list(applied.quarantined) == ["t:label1"]


def test_data_that_cannot_have_the_regions_of_the_run_are_refused(made, settings, data, tmp_path):
    with pytest.raises(ConfigError, match=r"are regions of interest \(dim, bright\), and a source of kind 'arrays'"):
        made.apply(data, tmp_path / "x")
    names = {"dim": 1, "dull": 2}
    with pytest.raises(ConfigError, match=r"\{dim = 1, dull = 2\} does not fit the run, .* the regions \['bright'"):
        made.apply({**made.config.data, "path": str(tmp_path), "mask_labels": names}, tmp_path / "x")
    whole = tdaflow.run(settings(), out=tmp_path / "whole", cluster="sync", progress=False)
    with pytest.raises(ConfigError, match="are no regions of interest, and those of the run dim, bright"):
        made.apply(whole.folder.volumes, tmp_path / "x")
    regions = {"kind": "images", "path": str(tmp_path), "mask_labels": NAMED}
    with pytest.raises(ConfigError, match="whose volumes are no regions of interest: leave it out"):
        whole.apply(regions, tmp_path / "x")


def test_a_value_that_no_segmentation_has_is_refused_with_what_is_there(root, settings, sync, folder):
    data = {"kind": "images", "path": str(root / "seg"), "mask_labels": {"dim": 1, "core": 7}}
    with pytest.raises(
        ConfigError, match=r"data\.mask_labels\.core = 7 is in no segmentation; their labels are 1 \(in 5\), 2 \(in 4\)"
    ):
        sync(settings(data=data))
    assert not folder.volumes.exists()


def test_segmentations_are_searched_once_and_a_finished_run_is_resumed(root, settings, sync, folder, monkeypatch):
    data = {"kind": "images", "path": str(root / "seg"), "mask_labels": "all"}
    searched = []
    original = rois_module.mask_labels
    monkeypatch.setattr(rois_module, "mask_labels", lambda mask: searched.append(1) or original(mask))
    rois_module._labels_of.cache_clear()
    sync(settings(data=data))
    assert len(searched) == N
    rois_module._labels_of.cache_clear()
    state = sync(settings(data=data))
    assert len(searched) == N
    assert state.stages["superpixels+persistence"].computed == 0
    with pytest.raises(ConfigError, match="came from another source, or the source or its preprocessing has changed"):
        sync(settings(data={**data, "mask_labels": NAMED}))


def test_the_command_line_exports_the_wide_table(made, tmp_path, monkeypatch, capsys):
    words = ["tdaflow", "export", str(made.folder.path), "--table", str(tmp_path / "wide.csv"), "--wide"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().err.startswith("5 subjects, ")


def test_a_plan_looks_at_every_region(root, settings, monkeypatch):
    monkeypatch.setattr(plan_module, "_LOOKED_AT", N)  # every second of ten volumes
    config = settings(data={"kind": "images", "path": str(root / "seg"), "mask_labels": NAMED})
    looked_at = [volume.id for volume in plan_module._spread_volumes(config, 2 * N, plan_module.described(config))]
    assert looked_at == ["s0:dim", "s1:bright", "s2:dim", "s4:dim"]  # s3 has no such region


def test_a_label_that_comes_with_an_added_subject_is_a_region_of_all(settings, sync, folder, tmp_path, segmentations):
    save(tmp_path / "grown", {name: segmentations[name] for name in ("s0", "s1")})
    config = settings(data={"kind": "images", "path": str(tmp_path / "grown"), "mask_labels": "all"})
    sync(config)
    before = tdaflow.open_run(folder.path).features.load()
    save(tmp_path / "grown", {"s2": np.where(segmentations["s2"] == 2, 3, segmentations["s2"]).astype("u1")})
    state = sync(config)
    assert state.source["rois"] == {"label1": 1, "label2": 2, "label3": 3}
    assert state.stages["superpixels+persistence"].computed == 2
    assert list(state.quarantined) == ["s0:label3", "s1:label3", "s2:label2"]
    after = tdaflow.open_run(folder.path).features
    assert after["id"].values.tolist() == [*before["id"].values, "s2:label1", "s2:label3"]
    np.testing.assert_array_equal(after["persistence_image"][:4], before["persistence_image"])
    wide = tdaflow.open_run(folder.path).table(wide=True).set_index("id")
    lacking = wide.filter(regex="label3_").isna().all(axis=1)
    assert lacking.to_dict() == {"s0": True, "s1": True, "s2": False}
