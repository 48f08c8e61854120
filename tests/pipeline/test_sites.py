"""Sites whose volumes stay where they are: their features are those of one run over all volumes."""

import json
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError
from tdaflow.extents import on_edges
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.pipeline.sites import contribute, merge
from tdaflow.store import RunFolder
from tdaflow.store.sites import Contribution, Counts, Joint, joined, read_site_file

ENDS = (0, 12, 22, 36)
SECTIONS = {
    "superpixels": {"n_superpixels": 60},
    "filtrations": {"alpha": {}, "sublevel": {"kind": "cubical"}},
    "images": {"resolution": 6},
    "vectorisations": {"betti": {}},
    "preprocess": {"steps": [{"step": "window", "percentiles": [1, 99]}, {"step": "zscore"}]},
}


@pytest.fixture(scope="module")
def stack():
    """Volumes (36, 9, 9, 9) whose grey values lie and extend elsewhere from site to site."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((ENDS[-1], 9, 9, 9)).cumsum(axis=1)
    site = np.searchsorted(ENDS, np.arange(ENDS[-1]), side="right")[:, None, None, None]
    return (100 * site + (1 + 0.2 * site) * 50 * noise).astype(np.int16)


@pytest.fixture(scope="module")
def made(stack, tmp_path_factory):
    """Maker of runs over some of the volumes, in folders of their own; the same again resumes."""
    root = tmp_path_factory.mktemp("sites")

    def make(name, first=0, last=None, **sections):
        path = root / f"{first}-{last}.npy"
        if not path.exists():
            np.save(path, stack[first:last])
        config = RunConfig.model_validate({"data": {"kind": "arrays", "path": str(path)}, **SECTIONS, **sections})
        folder = RunFolder(root / name)
        run(config, folder, InProcess(), Silent())
        return folder.path

    make.root = root
    return make


@pytest.fixture(scope="module")
def first_round(made):
    """Contributions of three sites, each on its own scales."""
    files = []
    for k, (first, last) in enumerate(pairwise(ENDS)):
        files.append(made.root / f"site-{k}.json")
        contribute(made(f"own-{k}", first, last), files[-1])
    return files


@pytest.fixture(scope="module")
def second_round(made, first_round):
    """Contributions of the same sites on the joint scales."""
    scales, files = made.root / "scales.json", []
    merge(first_round, scales)
    for k, (first, last) in enumerate(pairwise(ENDS)):
        files.append(made.root / f"site-{k}-again.json")
        contribute(made(f"joint-{k}", first, last, reference=str(scales)), files[-1])
    return files


def test_the_features_are_those_of_one_run_over_all_volumes_to_the_bit(made, second_round):
    pooled = made("pooled")
    found = merge(second_round[::-1], made.root / "joint.json")
    assert list(found.shares.values()) == [14 / 36, 10 / 36, 12 / 36]
    told = RunFolder(pooled).read()
    joint = json.loads((made.root / "joint.json").read_text())
    assert (joint["scales"], joint["ranges"]) == (told["scales"], told["ranges"])
    there = xr.open_zarr(pooled / "features.zarr")
    for k, (first, last) in enumerate(pairwise(ENDS)):
        site = made(f"final-{k}", first, last, reference=str(made.root / "joint.json"))
        here = xr.open_zarr(site / "features.zarr")
        for name in ("persistence_image", "persistence_vector", "summary"):
            np.testing.assert_array_equal(here[name].values, there[name].values[first:last])


def test_ranges_wait_for_diagrams_on_the_joint_scales(first_round, second_round, tmp_path):
    first = merge(first_round, tmp_path / "first.json")
    assert first.joint.ranges == {}
    assert "scales and no ranges yet" in first.next_step
    second = merge(second_round, tmp_path / "second.json")
    assert second.joint.scales == first.joint.scales
    assert set(second.joint.ranges) == {"alpha/0", "alpha/1", "alpha/2", "sublevel/0", "sublevel/1", "sublevel/2"}


def test_a_site_alone_has_its_own_reference(made, first_round, tmp_path):
    found = merge(first_round[:1], tmp_path / "alone.json").joint.model_dump(exclude_none=True)
    state = RunFolder(made.root / "own-0").read()
    assert (found["scales"], found["ranges"]) == (state["scales"], state["ranges"])


def test_ranges_of_filtrations_without_a_scale_take_one_round(made, tmp_path):
    cubical = {"filtrations": {"sublevel": {"kind": "cubical"}}, "vectorisations": {}}
    for k, (first, last) in enumerate(pairwise(ENDS)):
        contribute(made(f"cubical-{k}", first, last, **cubical), tmp_path / f"{k}.json")
    found = merge([tmp_path / f"{k}.json" for k in range(3)], tmp_path / "joint.json").joint
    assert (found.scales, read_site_file(tmp_path / "0.json", Contribution).edges) == ({}, None)
    told = RunFolder(made("cubical", **cubical)).read()["ranges"]
    assert found.model_dump(exclude_none=True)["ranges"] == told


def test_a_file_names_no_volume_and_no_place(first_round, made):
    text = first_round[0].read_text()
    told = json.loads(text)
    assert set(told) == set(Contribution.model_fields)
    ids = xr.open_zarr(made.root / "own-0" / "features.zarr")["id"].values
    assert not any(str(identity) in text for identity in ids)
    assert str(made.root) not in text
    assert "counts" not in json.dumps(read_site_file(made.root / "scales.json", Joint).model_dump())


@pytest.mark.parametrize(
    ("sections", "n", "sentence"),
    [
        ({}, 9, "learns from 9 volumes, fewer than the 10"),
        ({"images": {"quantiles": [0, 1]}}, 12, "extremes are single volumes'"),
        ({"images": {"normalise": "dataset-max"}}, 12, "dataset-max"),
        ({"vectorisations": {"atol": {"n_centres": 2}}}, 12, "atol"),
    ],
)
def test_what_would_tell_of_single_volumes_is_not_written(made, tmp_path, sections, n, sentence):
    path = made(f"refused-{sentence[:9]}", 0, n, **{"filtrations": {"sublevel": {"kind": "cubical"}}, **sections})
    with pytest.raises(ConfigError, match=sentence):
        contribute(path, tmp_path / "site.json")
    assert not (tmp_path / "site.json").exists()


def test_a_run_on_the_scales_of_another_run_has_learnt_nothing(made, tmp_path):
    path = made("applied", 0, 12, reference=str(made("own-0", 0, 12)))
    with pytest.raises(ConfigError, match="learnt nothing"):
        contribute(path, tmp_path / "site.json")
    with pytest.raises(ConfigError, match="holds no finished run"):
        contribute(tmp_path, tmp_path / "site.json")


def test_each_site_is_added_once_and_all_have_one_recipe(made, first_round, tmp_path):
    copy = tmp_path / "copy.json"
    copy.write_bytes(first_round[0].read_bytes())
    with pytest.raises(ConfigError, match="are of the same volumes"):
        merge([*first_round, copy], tmp_path / "joint.json")
    with pytest.raises(ConfigError, match="given twice"):
        merge([*first_round, first_round[0]], tmp_path / "joint.json")
    with pytest.raises(ConfigError, match="nothing to merge"):
        merge([], tmp_path / "joint.json")
    contribute(made("finer", 22, 36, images={"resolution": 7}), copy)
    with pytest.raises(ConfigError, match=r"copy\.json was made otherwise than .* \(images\.resolution differ\)"):
        merge([first_round[0], copy], tmp_path / "joint.json")
    contribute(made("plain", 22, 36, preprocess={}), copy)
    with pytest.raises(ConfigError, match=r"\(preprocessing differ\)"):
        merge([first_round[0], copy], tmp_path / "joint.json")
    assert not (tmp_path / "joint.json").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"n_volumes": 9}, "n_volumes: input should be greater than or equal to 10"),
        ({"n_volumes": 13}, "not of as many volumes"),
        ({"fingerprint": "../../etc"}, "fingerprint"),
        ({"edges": {"values": [9.0], "counts": [-12]}}, "edges.counts.0"),
        ({"edges": {"values": [9.0, 8.0], "counts": [6, 6]}}, "values must ascend"),
        ({"edges": {"values": [9.0], "counts": [12.5]}}, "edges.counts.0"),
        ({"edges": None}, "edges and extents belong to scales"),
        ({"channels": {"alpha/1": {"n_bars": 1, "bounds": []}}}, "channels.alpha/1.bounds"),
        ({"volumes": ["v0"]}, "volumes"),
        ({"format": "tdaflow reference of several sites, format 1"}, "format"),
    ],
)
def test_a_changed_file_is_refused(first_round, tmp_path, change, sentence):
    path = tmp_path / "site.json"
    path.write_text(json.dumps({**json.loads(first_round[0].read_text()), **change}))
    with pytest.raises(ConfigError, match=sentence):
        merge([path], tmp_path / "joint.json")


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", '{"a": NaN}', "\x00"])
def test_what_is_no_reference_is_refused(made, tmp_path, text):
    path = tmp_path / "joint.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"joint\.json is not the reference of several sites"):
        made("never", 0, 12, reference=str(path))


def test_a_file_has_a_largest_size(first_round, tmp_path, monkeypatch):
    monkeypatch.setattr("tdaflow.store.sites.MAX_BYTES", 1000)
    with pytest.raises(ConfigError, match="more than the 0 that"):
        merge(first_round, tmp_path / "joint.json")


def test_a_configuration_of_other_settings_does_not_fit(made, first_round):
    merge(first_round, made.root / "scales.json")
    with pytest.raises(ConfigError, match=r"images\.resolution"):
        made("unfit", 0, 12, reference=str(made.root / "scales.json"), images={"resolution": 7})


numbers = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30)


@settings(max_examples=50, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=4))
def test_counts_of_parts_are_those_of_the_whole(parts):
    rounded = [on_edges(part, np.maximum(np.abs(part), 1e-3)) for part in parts]
    again = [Counts.model_validate_json(Counts.of(part).model_dump_json()) for part in rounded]
    np.testing.assert_array_equal(joined(again), np.sort(np.concatenate(rounded)))
