"""What a check of stores finds, and that it finds nothing in good ones."""

from dataclasses import replace

import numpy as np
import pytest

from tdaflow.sources import Rejected, Volume
from tdaflow.store import RunFolder, VolumeStore, content_digest
from tdaflow.store.digests import streamed_digest
from tdaflow.store.integrity import check_run, check_table, check_volumes, has_errors, table_facts


def voxels(seed: int, shape=(6, 5, 4)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, shape).astype(np.int16)


def volume(seed: int, **facts) -> Volume:
    return Volume(f"v{seed}", voxels(seed), (2.0, 0.5, 0.5), **{"label": seed % 2, "split": "train", **facts})


@pytest.fixture
def store(built):
    """Maker of a store of volumes, as rows of one array or as arrays of their own."""

    def make(items, *, equal: bool = True, classes=("no", "yes")) -> VolumeStore:
        layout = {"shape": (6, 5, 4), "dtype": "int16"} if equal else {}
        return built(items, **layout, attributes={"class_names": list(classes)})

    return make


@pytest.fixture
def table(store):
    """The table of four good volumes, two a class."""
    return store([volume(i) for i in range(4)]).table()


def kinds(problems) -> list[tuple[str, str, str]]:
    return [(p.severity, p.kind, p.where) for p in problems]


def with_cells(table, name, **cells):
    """The table with cells of one column replaced: ``with_cells(table, "spacing", v0=(1, 1, -1))``."""
    column = getattr(table, name).copy()
    for identity, value in cells.items():
        column[table.id.tolist().index(identity)] = value
    return replace(table, **{name: column})


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("deep", [True, False])
def test_nothing_is_wrong_with_a_good_store_and_quarantined_volumes_are_no_problem(store, equal, deep):
    items = [volume(0), Rejected("bad", "it is too good to be true"), volume(1), volume(2, split="test")]
    made = store(items, equal=equal)
    problems, facts, table = check_volumes(made.path, deep=deep)
    assert problems == []
    assert (facts["volumes"], facts["ok"], facts["quarantined"]) == (4, 3, {"bad": "it is too good to be true"})
    assert facts["classes"] == {"train": [1, 1], "test": [1, 0]}
    assert len(table) == 4


def test_a_class_that_no_training_volume_has_is_a_warning(store):
    problems, _, _ = check_volumes(store([volume(0), volume(1, split="test")]).path)
    assert kinds(problems) == [("warning", "label", "class 'yes'")]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("spacing", (1.0, 1.0, 0.0), ("error", "spacing")),
        ("spacing", (1.0, np.nan, 1.0), ("error", "spacing")),
        ("spacing", (500.0, 1.0, 1.0), ("warning", "spacing")),
        ("shape", (0, 5, 4), ("error", "shape")),
        ("shape", (1, 5, 4), ("warning", "shape")),
        ("minimum", np.nan, ("error", "values")),
        ("maximum", np.inf, ("error", "values")),
        ("minimum", 1e9, ("error", "values")),
        ("label", 2, ("error", "label")),
        ("label", -2, ("error", "label")),
        ("split", "tset", ("error", "split")),
        ("digest", "", ("error", "table")),
        ("facts", "{", ("error", "table")),
        ("reason", "why", ("error", "table")),
        ("id", "v3", ("error", "table")),
        ("row", 3, ("error", "table")),
    ],
)
def test_every_wrong_cell_of_the_table_is_found(table, column, value, expected):
    problems = list(check_table(with_cells(table, column, v1=value), ("no", "yes")))
    assert expected in {(p.severity, p.kind) for p in problems}


def test_a_constant_volume_is_an_error(table):
    changed = with_cells(with_cells(table, "minimum", v1=7), "maximum", v1=7)
    (problem,) = check_table(changed, ("no", "yes"))
    assert problem.what == "it is constant, every voxel is 7"


def test_volumes_without_label_or_split_among_others_are_warnings(table):
    changed = with_cells(with_cells(table, "label", v1=-1), "split", v1="")
    assert kinds(check_table(changed, ("no", "yes"))) == [
        ("warning", "label", "table/label"),
        ("warning", "split", "table/split"),
    ]
    nothing = replace(table, label=np.full(4, -1), split=np.array([""] * 4, object))
    assert list(check_table(nothing, ())) == []
    assert table_facts(nothing, ())["unlabelled"] == 4


def test_a_group_in_two_splits_is_leakage(table):
    changed = with_cells(with_cells(table, "group", v0="p", v1="p", v2="q", v3="q"), "split", v1="test")
    (problem,) = check_table(changed, ("no", "yes"))
    assert (problem.severity, problem.kind, problem.where) == ("error", "leakage", "group 'p'")
    assert problem.what == "it is in the splits train (v0) and test (v1)"


def test_the_same_voxels_in_two_splits_are_leakage_within_one_a_duplicate(table):
    same = with_cells(table, "digest", v2=table.digest[0])
    assert kinds(check_table(same, ("no", "yes"))) == [("warning", "duplicate", "v0")]
    leaking = with_cells(same, "split", v2="test")
    assert kinds(check_table(leaking, ("no", "yes"))) == [("error", "leakage", "v0")]
    other_label = with_cells(table, "digest", v1=table.digest[0])
    assert ("error", "label", "v0") in kinds(check_table(other_label, ("no", "yes")))


@pytest.mark.parametrize("equal", [True, False])
def test_a_flipped_byte_is_found_by_a_deep_check(store, flip_byte, equal):
    made = store([volume(0), volume(1)], equal=equal)
    array = made.path / ("voxels" if equal else "volumes/00000001")
    assert flip_byte(array) == 1
    assert check_volumes(made.path)[0] == []
    problems = check_volumes(made.path, deep=True)[0]
    assert kinds(problems) == [("error", "unreadable", f"v{i}") for i in ((0, 1) if equal else (1,))]


@pytest.mark.parametrize("equal", [True, False])
def test_a_lost_chunk_is_found_without_reading(store, equal):
    made = store([volume(0), volume(1)], equal=equal)
    (chunk,) = (f for f in (made.path / ("voxels" if equal else "volumes/00000001")).rglob("c/**/*") if f.is_file())
    chunk.unlink()
    problems = check_volumes(made.path)[0]
    assert kinds(problems) == [("error", "unreadable", f"v{i}") for i in ((0, 1) if equal else (1,))]
    assert all("missing" in p.what for p in problems)


@pytest.mark.parametrize("equal", [True, False])
def test_voxels_that_were_replaced_are_found_by_their_digest_and_range(store, equal):
    import zarr

    made = store([volume(0), volume(1)], equal=equal)
    group = zarr.open_group(made.path, mode="r+")
    if equal:
        group["voxels"][1, 0, 0, 0] = 999
    else:
        group["volumes/00000001"][0, 0, 0] = 999
    problems = check_volumes(made.path, deep=True)[0]
    assert kinds(problems) == [("error", "digest", "v1"), ("error", "values", "v1")]


def test_a_changed_table_is_found_by_the_stores_digest(store):
    import zarr

    made = store([volume(0), volume(1)])
    zarr.open_group(made.path, mode="r+")["table/label"][0] = 1
    assert ("error", "table", "table") in kinds(check_volumes(made.path)[0])


def test_an_array_of_another_shape_is_found(store):
    import zarr

    made = store([volume(0), volume(1)], equal=False)
    group = zarr.open_group(made.path, mode="r+")
    group["table/shape"][0] = (6, 5, 5)
    assert ("error", "shape", "v0") in kinds(check_volumes(made.path)[0])


def test_what_cannot_be_opened_is_one_problem_and_no_exception(store):
    made = store([volume(0)])
    (made.path / "table" / "id" / "zarr.json").write_text("{")
    problems, facts, table = check_volumes(made.path)
    assert kinds(problems) == [("error", "unreadable", "table")]
    assert (facts, table) == ({}, None)


def test_leftovers_are_warnings(store):
    made = store([volume(0), volume(1)], equal=False)
    (made.path / "volumes" / "00000007").mkdir()
    (made.path / "table" / "c.partial").touch()
    (made.path / ".tmp-x").mkdir()
    problems = check_volumes(made.path)[0]
    assert {p.where for p in problems} == {"volumes/00000007", "table/c.partial", ".tmp-x"}
    assert not has_errors(problems)


def test_the_folder_of_an_ingest_is_checked_as_a_run_without_results(store, tmp_path):
    made = store([volume(0), volume(1)])
    assert made.path == RunFolder(tmp_path).volumes
    problems, facts = check_run(RunFolder(tmp_path), deep=True)
    assert problems == []
    assert facts["state"] == "no run.json"


def test_a_digest_in_slabs_is_that_of_the_whole():
    for array in (voxels(0), voxels(1).astype(">i2"), voxels(2)[:, ::2], np.zeros((0, 3, 3)), voxels(3) > 100):
        slabs = [array[i : i + 2] for i in range(0, len(array), 2)]
        assert streamed_digest(slabs, array.dtype, array.shape) == content_digest(array)
