"""Runs whose folder, and data, are on an object store: the same bits as on a disk, and nothing on the disk."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from fault_lab import Lab, same_bits
from fault_rows import reference
from fault_table import cases_on_objects
from object_server import CREDENTIALS

from tdaflow import open_run
from tdaflow.remote import local_folder, place, upload

QUICK = ("worker-1", "after-superpixels+persistence", "two")


@pytest.fixture(scope="module")
def lab(tmp_path_factory, server):
    """Twelve small volumes, an undisturbed run on the disk, and disturbed ones on the server."""
    return Lab(tmp_path_factory.mktemp("lab"), n=12, address="s3://archive/lab")


@pytest.mark.parametrize("name", [QUICK[0], *(pytest.param(name, marks=pytest.mark.slow) for name in QUICK[1:])])
def test_the_run_ends_as_the_undisturbed_one(lab, name):
    row = dict(cases_on_objects(lab, None))[name]()
    assert row.codes == row.expected
    assert (row.again, row.leftovers, row.same, row.accounted) == (0, 0, True, True)


def test_data_and_run_on_a_server_give_the_bits_of_a_disk_and_leave_nothing_on_it(
    lab, s3, tdaflow, tmp_path, monkeypatch
):
    alone = tmp_path / "empty"
    alone.mkdir()
    monkeypatch.chdir(alone)
    upload(lab.config().parent, s3 / "data")
    sets = [f"data.path={s3}/data/stack.npy", f"data.table={s3}/data/table.csv"]
    given = ["run", lab.config(), "--out", s3 / "run", "--cluster", "sync"]
    given += [part for one in sets for part in ("--set", one)]
    ended = tdaflow(*given)
    assert ended.code == 0
    assert same_bits(s3 / "run", reference(lab))
    assert list(alone.iterdir()) == []
    again = tdaflow(*given)
    assert again.code == 0
    assert "nothing to do" in again.err
    for verb in (["status", s3 / "run"], ["check", s3 / "run", "--deep"], ["report", s3 / "run"]):
        assert tdaflow(*verb).code == 0
    assert (s3 / "run" / "report.html").stat().st_size > 1000
    run = open_run(str(s3 / "run"))
    assert np.isfinite(run.features.persistence_image.values).all()
    assert len(run.diagram("v003")[1]) > 0
    with local_folder(s3 / "run") as copy:
        secrets = [value.encode() for name, value in CREDENTIALS.items() if name != "AWS_REGION"]
        files = [path for path in copy.rglob("*") if path.is_file()]
        assert not [path for path in files if any(secret in path.read_bytes() for secret in secrets)]
        # What lies there is a run like any other, once it is copied to a disk.
        assert same_bits(copy, reference(lab))
        assert tdaflow("check", copy, "--deep").code == 0


def test_a_damaged_object_is_seen_and_made_anew(lab, s3, tdaflow):
    assert tdaflow("run", lab.config(), "--out", s3, "--cluster", "sync").code == 0
    chunk = next(s3.glob("diagrams.zarr/*/bars/c*"))
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    assert tdaflow("check", s3, "--deep").code == 4
    assert tdaflow("run", lab.config(), "--out", s3, "--cluster", "sync", "--verify").code == 0
    assert tdaflow("check", s3, "--deep").code == 0
    assert same_bits(s3, reference(lab))


def test_volumes_are_not_added_on_a_server_and_that_is_said(lab, s3, tdaflow, tmp_path):
    for name, n in (("few", 6), ("more", 9)):
        (tmp_path / name).mkdir()
        for i in range(n):
            np.save(tmp_path / name / f"v{i}.npy", lab.stack[i])
    assert (
        tdaflow("run", tmp_path / "few", "--out", s3 / "run", "--cluster", "sync", "--set", "data.name=cohort").code
        == 0
    )
    few = list(s3.rglob("*"))
    for i in range(6, 9):
        np.save(tmp_path / "few" / f"v{i}.npy", lab.stack[i])
    ended = tdaflow("run", tmp_path / "few", "--out", s3 / "run", "--cluster", "sync", "--set", "data.name=cohort")
    assert ended.code == 2
    assert "make a run of all volumes with another --out" in ended.err
    assert list(s3.rglob("*")) == few


@pytest.mark.parametrize("kind", ["folder", "table"])
def test_scans_are_read_from_a_server(lab, s3, tdaflow, tmp_path, kind):
    nibabel = pytest.importorskip("nibabel")
    (tmp_path / "scans").mkdir()
    for i in range(4):
        image = nibabel.Nifti1Image(lab.stack[i].astype(np.float32), np.diag([1.0, 2.0, 1.5, 1.0]))
        nibabel.save(image, tmp_path / "scans" / f"p{i}.nii.gz")
    upload(tmp_path / "scans", s3 / "scans")
    given = {"folder": s3 / "scans", "table": tmp_path / "scans.csv"}[kind]
    rows = "".join(f"p{i},{s3}/scans/p{i}.nii.gz\n" for i in range(4))
    (tmp_path / "scans.csv").write_text(f"id,path\n{rows}")
    assert tdaflow("run", tmp_path / "scans", "--out", tmp_path / "here", "--cluster", "sync").code == 0
    assert tdaflow("run", given, "--out", s3 / "run", "--cluster", "sync").code == 0
    here, there = (open_run(out).features.drop_attrs() for out in (tmp_path / "here", str(s3 / "run")))
    assert here.load().equals(there.load())


def test_a_row_of_a_table_whose_object_is_not_there_is_told(s3, tdaflow, tmp_path):
    (tmp_path / "scans.csv").write_text(f"id,path\na,{s3}/a.nii.gz\nb,{s3}/b.txt\n")
    ended = tdaflow("run", tmp_path / "scans.csv", "--out", tmp_path / "run")
    assert ended.code == 2
    assert f"line 2 has a path where no object is ({s3}/a.nii.gz)" in ended.err
    assert "line 3 has a path that ends in none of" in ended.err


def test_memory_is_of_one_process(tdaflow, lab):
    ended = tdaflow("run", lab.config(), "--out", "memory://a/b", "--cluster", "processes")
    assert ended.code == 2
    assert "give --cluster threads" in ended.err
    assert place("memory://a/b").exists() is False
