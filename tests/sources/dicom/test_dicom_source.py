"""The source as a whole: folders, options, order, tables and what stays the same between runs."""

import pickle
import sys

import numpy as np
import pytest

from tdaflow.errors import ConfigError, InputError
from tdaflow.sources import Rejected, Source, Volume, open_source
from tdaflow.sources.dicom import Dicom, scan


@pytest.fixture
def three_series(write, stored):
    """Two good series of P1, a single slice of P2."""
    write(stored, prefix="a/", SeriesInstanceUID="1.2.1")
    write(stored + 1, prefix="b/", SeriesInstanceUID="1.2.2")
    write(stored[:1], prefix="c/", SeriesInstanceUID="1.2.3", PatientID="P2")


def test_it_is_a_source_made_from_options(folder, tmp_path):
    source = open_source(
        {"kind": "dicom", "path": str(folder), "id_key": str(tmp_path / "k"), "allow_uneven": True, "limit": 3}
    )
    assert source == Dicom(folder, tmp_path / "k", True, None, 3)
    assert isinstance(source, Source)
    with pytest.raises(ConfigError, match="limit=0 must be at least 1"):
        open_source({"kind": "dicom", "path": "x", "limit": 0})
    with pytest.raises(ConfigError, match="the dicom source has no option 'paths'; did you mean 'path'"):
        open_source({"kind": "dicom", "path": "x", "paths": "y"})


def test_importing_sources_loads_no_reader():
    import subprocess

    code = "import sys, tdaflow.sources; print([m for m in ('pydicom', 'scipy', 'platformdirs') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_series_come_in_the_order_of_their_files_with_patients_as_groups(three_series, source):
    first, second, third = source().volumes()
    assert isinstance(first, Volume)
    assert isinstance(third, Rejected)
    assert second.voxels[0, 0, 0] - first.voxels[0, 0, 0] == 1
    assert first.group == second.group != third.group
    assert len({first.id, second.id, third.id}) == 3


def test_series_of_one_folder_are_told_apart(write, source, stored):
    write(stored, prefix="x", SeriesInstanceUID="1.2.1")
    write(stored, prefix="y", SeriesInstanceUID="1.2.2")
    write(stored, prefix="z", SeriesInstanceUID="1.2.2", StudyInstanceUID="1.9")
    assert [item.voxels.shape for item in source().volumes()] == [(6, 4, 5)] * 3


def test_starting_later_reads_no_skipped_pixels(three_series, source, monkeypatch):
    from tdaflow.sources.dicom import build

    read = []
    real = build.read_voxels
    monkeypatch.setattr(build, "read_voxels", lambda folder, series: read.append(series.id) or real(folder, series))
    ids = [item.id for item in source().volumes()]
    read.clear()
    assert [item.id for item in source().volumes(start=1)] == ids[1:]
    assert read == ids[1:2]  # the third is rejected before its pixels


def test_the_scan_is_done_once_and_again_when_a_file_changes(three_series, source, folder, monkeypatch):
    headers = []
    monkeypatch.setattr(scan, "read_header", lambda *args, real=scan.read_header: headers.append(1) or real(*args))
    one = source()
    one.describe()
    list(one.volumes())
    list(source().volumes(start=2))
    assert len(headers) == 13
    (folder / "note.txt").write_text("hello")
    one.describe()
    assert len(headers) == 13 + 14


def test_the_description_counts_and_names_everything(three_series, source, folder):
    (folder / "report.txt").write_text("text")
    (folder / "scan.dcm").write_text("text that claims to be an image, but is none")
    info = source().describe()
    assert (info.n_volumes, info.shape, info.dtype, info.modality) == (4, None, None, "CT")
    assert info.splits == {"unassigned": 4}
    assert info.notes[:4] == (
        "15 files, of which 13 images in 3 series",
        "1 file set aside: no DICOM file 1",
        "1 file cannot be read or belong to no series",
        "1 of 3 series cannot be used: single slice 1",
    )
    assert info.notes[4].startswith("identifying tags that were dropped, with the number of files that have them: ")
    assert "PatientName 13" in info.notes[4]


def test_modalities_are_counted_by_series(write, source, stored):
    for number, modality in enumerate(("MR", "CT", "MR", "XYZ")):
        write(stored, prefix=f"s{number}-", Modality=modality, SeriesInstanceUID=f"1.2.3.{number + 1}")
    info = source().describe()
    assert (info.modality, info.modalities) == ("CT, MR, other", {"CT": 1, "MR": 2})
    assert sorted(info.modality_of_volumes(), key=str) == ["CT", "MR", "MR", None]


def test_files_that_are_no_images_are_set_aside_by_name(write, source, folder, stored, one_slice):
    write(stored)
    sop_classes = {
        "sr": "1.2.840.10008.5.1.4.1.1.88.11",
        "rt": "1.2.840.10008.5.1.4.1.1.481.3",
        "pdf": "1.2.840.10008.5.1.4.1.1.104.1",
        "own": "1.2.3.4.5",
        "DICOMDIR": "1.2.840.10008.1.3.10",
    }
    for name, sop_class in sop_classes.items():
        data = one_slice(stored[0], (0, 0, 0), SOPClassUID=sop_class)
        del data.Rows, data.PixelData
        data.save_as(folder / name, enforce_file_format=True)
    (folder / "readme.pdf").write_bytes(b"%PDF-1.4")
    (folder / ".hidden.dcm").write_bytes(b"\0\5\x16\7")  # as macOS leaves beside every file
    (folder / "nowhere.dcm").symlink_to(folder / "gone")
    (item,) = source().volumes()
    assert isinstance(item, Volume)
    assert source().describe().notes[1:3] == (
        "7 files set aside: Basic Text SR Storage 1, DICOMDIR 1, Encapsulated PDF Storage 1, "
        "RT Structure Set Storage 1, neither a file nor a link to one 1, no DICOM file 1, private DICOM object 1",
        "1 hidden file is not read",
    )


def test_objects_with_pixels_that_are_no_images_are_set_aside_by_their_class(write, source, folder, stored, one_slice):
    write(stored)
    for part, modality in (("66.4", "SEG"), ("66.7", "SEG"), ("481.2", "RTDOSE"), ("30", "OT"), ("66", "MR")):
        sop_class = f"1.2.840.10008.5.1.4.1.1.{part}"
        data = one_slice(stored[0], (0, 0, 0), SOPClassUID=sop_class, Modality=modality, NumberOfFrames=6)
        data.file_meta.MediaStorageSOPClassUID = sop_class
        data.save_as(folder / f"other{part}.dcm", enforce_file_format=True)
    (item,) = source().volumes()
    assert isinstance(item, Volume)
    assert source().describe().notes[1] == (
        "5 files set aside: Label Map Segmentation Storage 1, Parametric Map Storage 1, RT Dose Storage 1, "
        "Raw Data Storage 1, Segmentation Storage 1"
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: b"", "named like a DICOM file but does not start like one"),
        (lambda raw: b"hello", "named like a DICOM file but does not start like one"),
        (lambda raw: raw[:150], "damaged"),
        (lambda raw: raw[:200], "cut short"),
        (lambda raw: raw[:400], "cut short"),
        (lambda raw: raw.replace(b"1.2.826.0.1.1.7\0", b"\0" * 16), "no StudyInstanceUID or no SeriesInstanceUID"),
    ],
)
def test_damaged_files_are_rejected_by_number(write, source, folder, stored, damage, message):
    write(stored)
    file = folder / "slice005.dcm"
    file.write_bytes(damage(file.read_bytes()))
    volume, rejected = source().volumes()
    assert isinstance(volume, Volume)
    assert rejected.id.startswith("file-")
    assert rejected.reason.startswith("file 6 ")
    assert message in rejected.reason


def test_a_folder_that_cannot_be_used_is_an_input_error(source, folder, tmp_path):
    with pytest.raises(InputError, match="has 0 files and no DICOM image among them"):
        source().describe()
    (folder / "a.txt").write_text("a")
    with pytest.raises(InputError, match="has 1 file and no DICOM image"):
        next(source().volumes())
    with pytest.raises(InputError, match="does not exist: give the folder"):
        Dicom(tmp_path / "gone", tmp_path / "k").describe()
    with pytest.raises(InputError, match="has 1 file and no DICOM image among them"):
        Dicom(folder / "a.txt", tmp_path / "k").describe()


def test_sub_folders_that_cannot_be_read_are_an_input_error(write, source, stored, monkeypatch):
    import os

    write(stored)

    def scandir(folder):
        raise PermissionError(13, "denied", "/home/doe/jane")

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InputError, match="1 sub-folders of the source cannot be read") as caught:
        source().describe()
    assert caught.value.__context__ is None


def test_limit_counts_per_split(three_series, source, tmp_path):
    assert len(list(source(limit=2).volumes())) == 2
    ids = [item.id for item in source().volumes()]
    table = tmp_path / "labels.csv"
    table.write_text(f"id,split\n{ids[0]},train\n{ids[1]},train\n{ids[2]},test\n")
    assert [item.id for item in source(limit=1, labels=table).volumes()] == [ids[0], ids[2]]


def test_labels_come_from_a_table_keyed_by_keyed_ids(three_series, source, tmp_path):
    ids = [item.id for item in source().volumes()]
    table = tmp_path / "labels.csv"
    table.write_text(f"id,label,split\n{ids[2]},bleeding,test\n{ids[0]},healthy,train\n")
    items = list(source(labels=table).volumes())
    assert [(item.label, item.split) for item in items] == [(1, "train"), (None, None), (0, "test")]
    info = source(labels=table).describe()
    assert info.class_names == ("bleeding", "healthy")
    assert info.class_counts == {"train": (0, 1), "test": (1, 0), "unassigned": (0, 0)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,label\nDoe^Jane,1\n", "line 2 of the labels table has an id that is not in the dicom source"),
        ("id,split\nDoe^Jane,nonsense\n", r"the labels table line 2 has split \(…\)"),
        ("id,label\nDoe^Jane,1\nDoe^Jane,1\n", r"the labels table line 3 repeats the id \(…\) of line 2"),
        ("label\n1\n", "the labels table has no id column"),
        ("id,group\nDoe^Jane,1\n", "line 2|must not have group or spacing columns"),
        (None, "there is no table the labels table"),
    ],
)
def test_bad_label_tables_are_refused_without_quoting_them(three_series, source, tmp_path, text, message):
    table = tmp_path / "Doe.csv"
    if text is not None:
        table.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        source(labels=table).describe()
    assert "Doe" not in str(caught.value)
    assert caught.value.__context__ is None


def test_patients_in_two_splits_and_without_ids_are_noted(write, source, stored, tmp_path):
    write(stored, prefix="a", SeriesInstanceUID="1.2.1")
    write(stored, prefix="b", SeriesInstanceUID="1.2.2")
    ids = [item.id for item in source().volumes()]
    table = tmp_path / "labels.csv"
    table.write_text(f"id,split\n{ids[0]},train\n{ids[1]},test\n")
    notes = source(labels=table).describe().notes
    assert any(note.startswith("all series have the same PatientID") for note in notes)
    assert any(note.startswith("1 patient in more than one split, the first is ") for note in notes)
    write(stored, prefix="c", SeriesInstanceUID="1.2.3", PatientID="")
    notes = source().describe().notes
    assert any(note.startswith("1 series has no PatientID: they are grouped by study") for note in notes)
    assert next(source().volumes(start=2)).facts["group_from"] == "StudyInstanceUID"


def test_words_for_missing_values_are_no_classes_and_no_splits(three_series, source, tmp_path):
    ids = [item.id for item in source().volumes()]
    table = tmp_path / "labels.csv"
    table.write_text(f"id,label,split\n{ids[0]},NA,Training\n{ids[1]},1.0,n/a\n{ids[2]},1,testing\n")
    labelled = source(labels=table)
    assert [(item.label, item.split) for item in labelled.volumes()] == [(None, "train"), (0, None), (0, "test")]
    info = labelled.describe()
    assert info.class_names == ("1",)
    assert info.notes[-1] == "2 cells of the labels table say NA, None or the like and are taken as empty"


def test_the_fingerprint_follows_files_options_and_key(three_series, source, folder, tmp_path):
    before = source().fingerprint()
    assert source().fingerprint() == before
    assert (before["files"], before["kind"]) == (13, "dicom")
    assert source(allow_uneven=True).fingerprint() != before
    assert source(id_key=tmp_path / "other.key").fingerprint()["key"] != before["key"]
    (folder / "a" / "000.dcm").rename(folder / "a" / "z.dcm")
    assert source().fingerprint()["digest"] != before["digest"]


def test_a_folder_of_series_grows_and_a_series_that_gained_a_slice_has_changed(
    three_series, source, write, stored, folder, assert_grows
):
    (folder / "0.dcm").write_bytes(b"\0" * 128 + b"DICM and no more")
    assert_grows(source(), lambda: write(stored + 2, prefix="aa/", SeriesInstanceUID="1.2.4"))
    before = {m.id: m for m in source().members()}
    write(stored[:1], prefix="z/", SeriesInstanceUID="1.2.1")
    assert sum(before[m.id] != m for m in source().members()) == 1


def test_a_pickled_source_gives_the_same_items_and_never_makes_a_key(three_series, source, tmp_path):
    original = source()
    original.describe()
    copy = pickle.loads(pickle.dumps(original))
    assert copy == original
    for one, other in zip(original.volumes(), copy.volumes(), strict=True):
        assert one.id == other.id
        if isinstance(one, Volume):
            np.testing.assert_array_equal(one.voxels, other.voxels)
    key = (tmp_path / "id.key").read_bytes()
    (tmp_path / "id.key").unlink()
    with pytest.raises(InputError, match="there is no id key"):
        list(copy.volumes())
    (tmp_path / "id.key").write_bytes(key[::-1])
    (tmp_path / "id.key").chmod(0o600)
    with pytest.raises(InputError, match="copy the key file to every worker"):
        list(copy.volumes())


def test_a_key_among_the_images_is_refused(three_series, source, folder):
    with pytest.raises(InputError, match="would be handed on with it"):
        source(id_key=folder / "id.key").describe()
    assert not (folder / "id.key").exists()


def test_the_private_map_leads_back_to_every_file(three_series, source, folder, tmp_path):
    (folder / "b" / "note.txt").write_text("x")
    items = list(source().volumes())
    rows = source().private_map()
    assert [row[1] for row in rows] == list(range(1, 15))
    assert rows[0] == (items[0].id, 1, "a/000.dcm")
    assert rows[12] == ("", 13, "b/note.txt")
    assert rows[13] == (items[2].id, 14, "c/000.dcm")
    source().write_private_map(tmp_path / "map.csv")
    assert (tmp_path / "map.csv").read_text().splitlines()[:2] == ["id,file,path", f"{items[0].id},1,a/000.dcm"]
    assert (tmp_path / "map.csv").stat().st_mode & 0o777 == 0o600


def test_a_file_that_changes_after_the_scan_is_rejected(three_series, source, folder):
    items = source().volumes()
    assert isinstance(next(items), Volume)
    (folder / "b" / "002.dcm").write_bytes(b"gone")
    assert "cannot be decoded in file 9: it is damaged, has changed since the scan" in next(items).reason
