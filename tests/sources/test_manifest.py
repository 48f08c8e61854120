"""The manifest: every row is checked before any work, and nothing outside its root is read."""

import pickle
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tdaflow.errors import ConfigError, InputError
from tdaflow.sources import Manifest, Rejected, Source, Volume, open_source
from tdaflow.sources.manifest import write_manifest

VOXELS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


@pytest.fixture
def manifest(tmp_path):
    """Maker of a manifest beside the arrays a.npy, b.npy and sub/c.npy."""
    root = tmp_path / "data"
    (root / "sub").mkdir(parents=True)
    for i, name in enumerate(("a", "b", "sub/c")):
        np.save(root / f"{name}.npy", VOXELS + i)
    np.save(tmp_path / "outside.npy", VOXELS)

    def make(text, **options):
        path = root / "m.csv"
        path.write_text(text)
        return Manifest(path, **options)

    return make


def test_all_columns(manifest):
    source = manifest(
        "id,path,label,split,group,age,spacing_z,spacing_y,spacing_x\n"
        "x,a.npy,tumour,train,p1,61,5,1,1\n"
        "y,b.npy,healthy,test,p1,62,,,\n"
        ",sub/c.npy,,,,,,,\n"
    )
    assert isinstance(source, Source)
    info, items = source.describe(), list(pickle.loads(pickle.dumps(source)).volumes())
    assert (info.name, info.n_volumes, info.shape, info.dtype) == ("m", 3, (2, 3, 4), "int16")
    assert info.class_names == ("healthy", "tumour")
    assert info.splits == {"train": 1, "test": 1, "unassigned": 1}
    assert info.class_counts == {"train": (0, 1), "test": (1, 0), "unassigned": (0, 0)}
    assert info.notes == (
        "m.csv has columns that are not read: age; if one holds ids, labels, splits, groups or sites, name it with "
        "--set data.id_column, data.label_column, data.split_column, data.group_column, data.site_column=COLUMN",
        "1 group has volumes in more than one split, the first is 'p1'",
    )
    assert [(i.id, i.label, i.split, i.group, i.spacing) for i in items] == [
        ("x", 1, "train", "p1", (5, 1, 1)),
        ("y", 0, "test", "p1", (1, 1, 1)),
        ("sub/c", None, None, None, (1, 1, 1)),
    ]
    assert all(np.array_equal(item.voxels, VOXELS + i) for i, item in enumerate(items))
    assert (items[0].facts["spacing_from"], items[0].facts["spacing_of_file"]) == ("manifest", [1.0, 1.0, 1.0])
    assert [i.id for i in source.volumes(2)] == ["sub/c"]


def test_modalities_are_counted(manifest):
    info = manifest("path,modality\na.npy,MR\nb.npy,mr\nsub/c.npy,\n").describe()
    assert (info.modality, info.modalities, info.notes) == ("MR", {"MR": 2}, ())
    mixed = manifest("path,modality\na.npy,MR\nb.npy,CT\n").describe()
    assert (mixed.modality, mixed.modalities) == ("CT, MR", {"CT": 1, "MR": 1})
    assert manifest("path\na.npy\n").describe().modality is None


def test_only_a_path_is_needed_and_the_row_order_is_kept(manifest):
    items = list(manifest("path\nsub/c.npy\n./a.npy\n").volumes())
    assert [item.id for item in items] == ["sub/c", "a"]


def test_paths_may_be_relative_to_another_root(manifest, tmp_path):
    (tmp_path / "tables").mkdir()
    source = manifest("path\nc.npy\n")
    moved = tmp_path / "tables/m.csv"
    source.path.rename(moved)
    root = source.path.parent / "sub"
    assert [item.id for item in Manifest(moved, root=root).volumes()] == ["c"]
    with pytest.raises(InputError, match="root is the folder that paths are relative to"):
        Manifest(moved, root=tmp_path / "absent").describe()


def test_the_fingerprint_names_files_without_folders_and_sees_changes(manifest, tmp_path):
    source = manifest("path\na.npy\n")
    before = source.fingerprint()
    assert list(before["files"]) == ["a.npy"]
    assert str(tmp_path) not in repr(before)
    assert source.fingerprint() == before
    np.save(source.path.parent / "a.npy", VOXELS[:1])
    assert source.fingerprint() != before
    assert manifest("path\nb.npy\n").fingerprint() != before


def test_a_manifest_grows(manifest, assert_grows):
    source = manifest("path,label,split\nb.npy,1,train\nsub/c.npy,2,test\n")
    assert_grows(source, lambda: manifest("path,label,split\na.npy,2,val\nb.npy,1,train\nsub/c.npy,2,test\n"))


def test_words_for_missing_values_are_empty_cells_and_counted(manifest):
    source = manifest(
        "id,path,label,split,group,mask,volume_index\n"
        "NA,a.npy,1.0,Training,NA,-,0.0\nb,b.npy,1,validation,n/a,,nan\nc,sub/c.npy,None,TESTING,NA,,\n"
    )
    info = source.describe()
    assert (info.class_names, info.splits) == (("1",), {"train": 1, "val": 1, "test": 1})
    assert info.notes == ("7 cells of m.csv say NA, None or the like and are taken as empty",)
    items = list(source.volumes())
    assert [(i.id, i.label, i.split, i.group) for i in items] == [
        ("a/t0000", 0, "train", None),
        ("b", 0, "val", None),
        ("c", None, "test", None),
    ]


def test_a_path_that_is_missing_is_no_file_of_that_name(manifest):
    with pytest.raises(InputError, match="line 3 has no path"):
        manifest("path\na.npy\nNA\n").describe()


BAD_ROWS = [
    ("x,absent.npy,,", "has a path where no file is ('absent.npy')"),
    ("x,../outside.npy,,", "has a path that leads out of the manifest's folder or root"),
    ("x,sub/../../outside.npy,,", "leads out of the manifest's folder or root"),
    ("x,link.npy,,", "leads out of the manifest's folder or root"),
    ("x,linked/outside.npy,,", "leads out of the manifest's folder or root"),
    ("x,loop.npy,,", "has a path"),
    ("x,/etc/passwd,,", "has an absolute path"),
    ("x,~/a.npy,,", "has an absolute path"),
    ("x,C:\\a.npy,,", "has an absolute path"),
    ("x,\\\\server\\a.npy,,", "has an absolute path"),
    ("x," + "a" * 5000 + ".npy,,", "has a path"),
    ("x,sub,,", "has a path that ends in none of .nii.gz"),
    ("x,a.txt,,", "has a path that ends in none of .nii.gz"),
    ("x,,,", "has no path"),
    ("x,b.npy,tran,", "has split 'tran', not one of train, val, test"),
    ("x,b.npy,,-1", "has volume_index '-1', not a number from 0 up"),
    ("x,b.npy,,1.5", "has volume_index '1.5'"),
    ("x,b.npy,,,,", "has another number of cells than the header"),
    ("x,b.npy", "has another number of cells than the header"),
    ("good,b.npy,,", "has the same id as line 2"),
    ("x,./a.npy,,", "has the same volume as line 2"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
def test_a_bad_row_refuses_the_run_or_is_quarantined(manifest, tmp_path, row, reason):
    text = f"id,path,split,volume_index\ngood,a.npy,,\n{row}\nlast,sub/c.npy,train,0\n"
    source = manifest(text)
    root = source.path.parent
    (root / "link.npy").symlink_to(tmp_path / "outside.npy")
    (root / "linked").symlink_to(tmp_path)
    (root / "loop.npy").symlink_to(root / "loop.npy")
    with pytest.raises(InputError) as caught:
        source.describe()
    with pytest.raises(InputError):
        next(source.volumes())
    assert f"{source.path} cannot be used" in str(caught.value)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("correct them, or go on without them with --set data.bad_rows=quarantine")
    kept = manifest(text, bad_rows="quarantine")
    items = list(kept.volumes())
    assert len(items) == kept.describe().n_volumes == 3
    assert len({item.id for item in items}) == 3
    assert isinstance(items[1], Rejected)
    assert items[1].reason.startswith("line 3 of the manifest has ")
    assert reason in items[1].reason
    assert str(tmp_path) not in repr(items[1])
    assert isinstance(items[2], Volume)
    shared = "the same" in reason
    assert isinstance(items[0], Rejected if shared else Volume)


def test_a_message_spells_out_the_first_few_rows_and_counts_the_rest(manifest):
    text = "id,path\n" + "".join(f"{i},absent{i}.npy\n" for i in range(8)) + "ok,a.npy\n"
    with pytest.raises(
        InputError, match=r"8 of 9 rows of .*line 2 has a path .*; line 6 .*\('absent4.npy'\); and 3 more"
    ):
        manifest(text).describe()


def test_bad_spacing_is_a_bad_row(manifest):
    text = "id,path,spacing_z,spacing_y,spacing_x\nx,a.npy,1,0,1\ny,b.npy,1,,1\nz,sub/c.npy,1,one,nan\nw,sub/c.npy,,,\n"
    with pytest.raises(InputError) as caught:
        manifest(text).describe()
    for shown in ("(1, 0, 1)", "(1, , 1)", "(1, one, nan)"):
        assert f"has spacing {shown}, not three positive numbers in mm" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column called path: its columns are none"),
        ("id,file\na,a.npy\n", "no column called path: its columns are id, file"),
        ("path,path\na.npy,a.npy\n", "has the column 'path' more than once"),
        ("path,spacing_z\na.npy,1\n", "must have all of spacing_z, spacing_y, spacing_x or none"),
        ("path\n", "has no rows"),
        ('path\n"a.npy\n', "cannot be read as a UTF-8 CSV"),
        ("path\nabsent.npy\n", "1 of 1 row of"),
    ],
)
def test_an_unusable_manifest_raises_whatever_bad_rows_says(manifest, text, message):
    for bad_rows in ("refuse", "quarantine"):
        with pytest.raises(InputError, match=message) as caught:
            manifest(text, bad_rows=bad_rows).describe()
        assert "\n" not in str(caught.value)


def test_other_files_are_no_manifest(tmp_path):
    (tmp_path / "m.xlsx").write_bytes(b"")
    with pytest.raises(InputError, match=r"neither \.csv, \.tsv nor \.parquet"):
        Manifest(tmp_path / "m.xlsx").describe()
    with pytest.raises(InputError, match="there is no"):
        Manifest(tmp_path / "m.csv").describe()


def test_a_file_that_goes_bad_later_is_rejected_alone(manifest):
    source = manifest("path\na.npy\nb.npy\n")
    source.describe()
    (source.path.parent / "a.npy").write_bytes(b"")
    first, second = source.volumes()
    assert isinstance(first, Rejected)
    assert isinstance(second, Volume)


def test_masks_come_from_their_column(manifest):
    text = "path,mask\na.npy,m.npy\n"
    source = manifest(text, mask_mode="crop")
    mask = np.zeros_like(VOXELS)
    mask[:, 1:, 2:] = 1
    with pytest.raises(InputError, match="has a mask where no file is"):
        source.describe()
    np.save(source.path.parent / "m.npy", mask)
    source = manifest(text + "b.npy,m.npy\n", mask_mode="crop")
    assert np.array_equal(next(source.volumes()).voxels, VOXELS[:, 1:, 2:])
    assert set(source.fingerprint()["files"]) == {"a.npy", "b.npy", "mask:m.npy"}
    with pytest.raises(InputError, match="line 2 has no mask, which this mask_mode needs"):
        manifest("path\na.npy\n", mask_mode="crop").describe()


def test_a_row_chooses_a_volume_of_a_series(manifest):
    nib = pytest.importorskip("nibabel")
    series = np.stack([VOXELS, VOXELS + 1, VOXELS + 2], 3)
    source = manifest("path,volume_index\nf.nii,0\nf.nii,2\nf.nii,\nf.nii,1\n", volume_index=1, bad_rows="quarantine")
    nib.save(nib.Nifti1Image(series, np.eye(4)), source.path.parent / "f.nii")
    items = list(source.volumes())
    assert [item.id for item in items] == ["f/t0000", "f/t0002", "f", "f/t0001"]
    assert np.array_equal(items[0].voxels, VOXELS.T)
    assert np.array_equal(items[1].voxels, VOXELS.T + 2)
    assert all("has the same volume as line" in item.reason for item in items[2:])


def test_parquet_is_the_same_table(manifest):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    source = manifest("path,label,split,volume_index\na.npy,2,train,\nb.npy,10,,0\n")
    table = pyarrow.table(
        {
            "path": ["a.npy", "b.npy"],
            "label": [2.0, 10.0],
            "split": ["train", None],
            "volume_index": [float("nan"), 0],
        }
    )
    path = source.path.with_suffix(".parquet")
    parquet.write_table(table, path)
    other = Manifest(path)
    assert other.describe() == source.describe()
    assert other.describe().class_names == ("2", "10")
    assert [(i.id, i.label, i.split) for i in other.volumes()] == [(i.id, i.label, i.split) for i in source.volumes()]
    path.write_bytes(b"PAR1")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        Manifest(path).describe()


def test_parquet_without_pyarrow_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "m.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install pyarrow, or save the manifest as \.csv"):
        Manifest(tmp_path / "m.parquet").describe()


def test_ten_thousand_lines_with_one_percent_bad_rows_are_fast(tmp_path):
    np.save(tmp_path / "one.npy", VOXELS)
    lines = ["id,path,label,split,group"]
    for i in range(10_000):
        name = f"{i // 100:02d}/v{i}.npy"
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if i % 100 != 7:
            (tmp_path / name).hardlink_to(tmp_path / "one.npy")
        lines.append(f"v{i},{name},{i % 3},{'train' if i % 5 else 'test'},p{i // 5}")
    path = tmp_path / "m.csv"
    path.write_text("\n".join(lines))
    began = time.process_time()
    with pytest.raises(InputError, match=r"100 of 10000 rows .*line 9 has a path .*; and 95 more"):
        Manifest(path).describe()
    source = Manifest(path, bad_rows="quarantine")
    info = source.describe()
    assert time.process_time() - began < 5
    assert info.n_volumes == 10_000
    assert info.shape == (2, 3, 4)
    assert "100 of 10000 rows of m.csv cannot be used" in info.notes
    # Workers skip to their part; the plan is made once.
    began = time.process_time()
    firsts = [next(source.volumes(start)) for start in range(0, 10_000, 500)]
    assert time.process_time() - began < 1
    assert [item.id for item in firsts] == [f"v{i}" for i in range(0, 10_000, 500)]
    assert isinstance(next(source.volumes(7)), Rejected)


def test_options_come_as_plain_values(tmp_path):
    source = open_source({"kind": "manifest", "path": "m.csv", "root": "d", "bad_rows": "quarantine", "margin": 2})
    path, root = Path("m.csv").absolute(), Path("d").absolute()
    assert source == Manifest(path, root=root, bad_rows="quarantine", margin=2)
    with pytest.raises(ConfigError, match="bad_rows='ignore' of the manifest source is wrong"):
        open_source({"kind": "manifest", "path": "m.csv", "bad_rows": "ignore"})


def test_a_written_manifest_reads_back(manifest):
    source = manifest("path\na.npy\n")
    write_manifest(
        [
            {"id": "ü, 1", "path": "a.npy", "label": "x", "spacing_z": 0.1, "spacing_y": 1, "spacing_x": 1},
            {"path": "sub/c.npy", "label": None},
        ],
        source.path,
    )
    first, second = Manifest(source.path).volumes()
    assert (first.id, first.label, first.spacing) == ("ü, 1", 0, (0.1, 1, 1))
    assert (second.id, second.label) == ("sub/c", None)
    assert [p.name for p in source.path.parent.iterdir() if p.suffix in (".csv", ".partial")] == ["m.csv"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "needs rows"),
        ([{"id": "a"}], "each row a path"),
        ([{"path": "a.npy", "age": 3}], "no column called 'age'"),
        ([{"path": "/data/a.npy"}], "path of a row is absolute"),
        ([{"path": "a.npy", "mask": "/data/a.npy"}], "mask of a row is absolute"),
    ],
)
def test_a_manifest_that_could_not_be_read_is_not_written(tmp_path, rows, message):
    with pytest.raises(InputError, match=message):
        write_manifest(rows, tmp_path / "m.csv")
    assert not list(tmp_path.iterdir())


def test_of_several_images_a_subject_one_column_is_read_and_the_others_are_told_of(manifest):
    text = "subject,t1,t2,mask,age\np1,a.npy,b.npy,a.npy,60\np2,sub/c.npy,,a.npy,61\n"
    how = "take one with --set data.path_column=t1, a run for each, and join their tables by id"
    with pytest.raises(InputError, match=rf"no column called path: .*; images are in t1, t2: {how}$"):
        manifest(text).describe()
    source = manifest(text, path_column="t1", id_column="subject")
    assert [(item.id, int(item.voxels[0, 0, 0])) for item in source.volumes()] == [("p1", 0), ("p2", 2)]
    notes = source.describe().notes
    assert notes[1] == f"m.csv has more images, in t2: {how.replace('t1', 't2')}"
    assert "not read: age;" in notes[0]
    other = manifest(text, path_column="t2", id_column="subject", bad_rows="quarantine")
    good, bad = other.volumes()
    assert (good.id, int(good.voxels[0, 0, 0])) == ("p1", 1)
    assert isinstance(bad, Rejected)
    with pytest.raises(InputError, match=r"has no column 't3' \(data.path_column\)"):
        manifest(text, path_column="t3").describe()
