"""``tdaflow check``: one line a problem; 0 clean or warnings only, 1 problems, 2 nothing to check."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from tdaflow.store import RunFolder


@pytest.fixture
def run(tdaflow, config, tmp_path) -> Path:
    """A finished run of six volumes, one of them quarantined."""
    assert tdaflow("run", config(nan=1), "--out", tmp_path / "run", "--allow-quarantined", "1").code == 0
    return tmp_path / "run"


@pytest.fixture
def problems(tdaflow):
    """Check a path; its exit code and (severity, kind, where) of its problems."""

    def check(path: Path, *options: str) -> tuple[int, list[tuple[str, str, str]]]:
        ended = tdaflow("check", path, "--json", *options)
        told = json.loads(ended.out)
        assert told["errors"] + told["warnings"] == len(told["problems"])
        return ended.code, [(p["severity"], p["kind"], p["where"]) for p in told["problems"]]

    return check


def spoil(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def chunk_of(store: Path, name: str) -> Path:
    return next(f for f in sorted(store.glob(f"{name}/**/*")) if f.is_file() and f.name != "zarr.json")


def test_a_good_run_its_store_and_its_data_are_clean(tdaflow, problems, run):
    assert problems(run) == problems(run, "--deep") == (0, [])
    assert problems(run / "volumes.zarr", "--deep") == (0, [])
    shown = tdaflow("check", run)
    assert shown.err == ""
    for told in ("state    done", "volumes  6, 5 ok, 1 quarantined", "no errors, no warnings; --deep reads every byte"):
        assert told in shown.out


@pytest.mark.parametrize(
    ("where", "name", "found"),
    [
        ("diagrams.zarr", "*/bars", "diagrams.zarr/"),
        ("features.zarr", "persistence_image", "features.zarr"),
        ("volumes.zarr", "voxels", "stack/0000"),
    ],
)
def test_a_flipped_bit_of_any_store_is_found_deep_and_a_lost_chunk_at_once(problems, run, where, name, found):
    chunk = chunk_of(run / where, name)
    spoil(chunk)
    assert problems(run) == (0, [])
    code, wrong = problems(run, "--deep")
    assert code == 4
    assert any(severity == "error" and at.startswith(found) for severity, _, at in wrong)
    chunk.unlink()
    code, wrong = problems(run)
    assert code == 4
    assert any(severity == "error" and at.startswith(found) for severity, _, at in wrong)


def test_stores_that_belong_to_another_run_are_found(tdaflow, config, problems, run, tmp_path):
    other = tmp_path / "other"
    assert tdaflow("run", config(), "--out", other, "--set", "superpixels.n_superpixels=30").code == 0
    for store, expected in (
        ("diagrams.zarr", ("error", "digest", "diagrams.zarr")),
        ("features.zarr", ("error", "digest", "features.zarr")),
        ("volumes.zarr", ("error", "digest", "run.json")),
    ):
        kept = run / store
        kept.rename(tmp_path / "kept")
        shutil.copytree(other / store, kept)
        code, wrong = problems(run)
        assert code == 4
        assert expected in wrong, store
        shutil.rmtree(kept)
        (tmp_path / "kept").rename(kept)


def test_a_run_without_its_results_or_its_volumes_is_incomplete(problems, run):
    shutil.rmtree(run / "features.zarr")
    assert problems(run) == (4, [("error", "missing", "features.zarr")])
    shutil.rmtree(run / "diagrams.zarr")
    assert problems(run)[1][0] == ("error", "missing", "diagrams.zarr")
    shutil.rmtree(run / "volumes.zarr")
    assert problems(run) == (4, [("error", "missing", "volumes.zarr")])


def test_features_that_name_other_volumes_are_found(problems, run):
    group = zarr.open_group(run / "features.zarr", mode="r+", use_consolidated=False)
    ids = group["id"][...]
    group["id"][...] = ids[::-1]
    assert ("error", "table", "features.zarr/id") in problems(run)[1]


def test_an_unfinished_run_and_leftovers_are_warnings(tdaflow, problems, run):
    folder = RunFolder(run)
    folder.write({**folder.read(), "state": "interrupted"})
    (run / ".tmp-features").mkdir()
    (run / "diagrams.zarr" / ".tmp-batch").mkdir()
    code, wrong = problems(run)
    assert code == 0
    assert wrong == [
        ("warning", "state", "run.json"),
        ("warning", "leftover", ".tmp-features"),
        ("warning", "leftover", "diagrams.zarr/.tmp-batch"),
    ]
    assert "run.json: the run is not finished, it is interrupted; run again to resume" in tdaflow("check", run).out


def test_leakage_between_splits_is_one_line_with_its_remedy(tdaflow, config, tmp_path):
    path = config()
    (tmp_path / "table.csv").write_text("group,split\np,train\nq,train\nr,train\nr,test\ns,test\nt,test\n")
    ended = tdaflow("ingest", path, "--out", tmp_path / "run", "--set", f"data.table={tmp_path / 'table.csv'}")
    assert ended.code == 0
    shown = tdaflow("check", tmp_path / "run")
    assert shown.code == 4
    assert (
        "error: group 'r': it is in the splits train (stack/00002) and test (stack/00003); "
        "keep a group within one split and ingest again"
    ) in shown.out.splitlines()


def test_data_that_are_not_ingested_are_read_and_nothing_is_written(tdaflow, config, problems, tmp_path, monkeypatch):
    config(nan=2)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, wrong = problems(tmp_path / "stack.npz")
    assert code == 4
    assert wrong == [("error", "rejected", "stack/00000"), ("error", "rejected", "stack/00001")]
    shown = tdaflow("check", tmp_path / "stack.npz").out
    assert "read as  arrays (the stack stack.npz)" in shown
    assert (
        "error: stack/00000: 1 NaN among 1728 voxels, all must be finite: write a grey value there; if it is" in shown
    )
    assert sorted(tmp_path.rglob("*")) == before


def test_many_problems_of_a_kind_are_cut_short_for_people_but_not_in_json(tdaflow, problems, tmp_path):
    np.savez(tmp_path / "stack.npz", images=np.zeros((30, 9, 9, 9), np.uint8))
    assert len(problems(tmp_path / "stack.npz")[1]) == 30
    shown = tdaflow("check", tmp_path / "stack.npz").out
    assert "… and 10 more of the kind 'rejected'; --json has them all" in shown


def test_what_is_neither_run_nor_store_nor_data_ends_with_2(tdaflow, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    for path, sentence in ((tmp_path, "holds no volumes that can be read"), (tmp_path / "no", "there is no file or")):
        ended = tdaflow("check", path)
        assert ended.code == 2
        assert sentence in ended.sentence


@pytest.mark.realdata
def test_real_data_are_rejected_for_the_right_reasons(problems, data_dir):
    assert problems(data_dir / "nifti") == (
        4,
        [("error", "rejected", name) for name in ("example4d", "example_nifti2", "functional")],
    )
    code, wrong = problems(data_dir / "dicom" / "ge_head_ct")
    assert (code, [kind for _, kind, _ in wrong]) == (4, ["rejected"])
    # Their grey values are on scales of their own, which is told of and no error.
    code, [(severity, kind, where)] = problems(data_dir / "hippocampus" / "images")
    assert (code, severity, kind) == (0, "warning", "extent")
    assert re.match(r"9 of 60 volumes: hippocampus_001, ", where)


@pytest.mark.parametrize("harm", ["empty", "lost"])
def test_run_json_is_made_anew_from_the_stores_on_request(tdaflow, problems, run, harm):
    before = RunFolder(run).read()
    (run / "run.json").write_text("") if harm == "empty" else (run / "run.json").unlink()
    left = run / "diagrams.zarr" / "x.partial"
    left.touch()
    for verb in ("status", "report", "check"):
        ended = tdaflow(verb, run)
        assert "Traceback" not in ended.err
        assert "--repair" in ended.err + ended.out
        assert ended.code == (4 if verb == "check" else 2)
    shown = tdaflow("check", run, "--repair")
    assert shown.code == 0
    assert "repair: run.json is made anew: configuration, scales and ranges from features.zarr" in shown.out
    assert "repair: diagrams.zarr/x.partial, which a killed process left behind, is deleted" in shown.out
    assert not left.exists()
    after = RunFolder(run).read()
    assert [after[key] for key in ("config", "ranges", "outcomes", "quarantined", "state")] == [
        before[key] for key in ("config", "ranges", "outcomes", "quarantined", "state")
    ]
    assert problems(run, "--deep", "--repair") == (0, [])
    assert tdaflow("status", run).code == 0


def test_only_a_run_is_repaired(tdaflow, tmp_path):
    np.savez(tmp_path / "stack.npz", images=np.zeros((2, 9, 9, 9), np.uint8))
    ended = tdaflow("check", tmp_path / "stack.npz", "--repair")
    assert ended.code == 2
    assert "--repair mends the folder of a run" in ended.sentence


@pytest.mark.parametrize(
    "name", ["diagrams.zarr/*/bars/c.*", "features.zarr/zarr.json", "features.zarr/*image/c/0/0/0/0"]
)
def test_a_damaged_file_is_one_sentence_for_every_reader(tdaflow, run, tmp_path, name):
    (damaged, *_) = sorted(run.glob(name))
    spoil(damaged)
    verbs = [(verb, run) for verb in ("report", "evaluate", "check", "status")]
    for command in (*verbs, ("export", run, "--table", tmp_path / "t.csv")):
        ended = tdaflow(*command)
        assert "Traceback" not in ended.err
        assert "unexpected" not in ended.err
