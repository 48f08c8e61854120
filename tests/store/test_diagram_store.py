"""The diagram store: a batch is there as a whole or not at all, and reads back bit for bit."""

import errno
import io
import json

import numpy as np
import pytest
import zarr

from tdaflow.diagrams import NO_BARS, Bars
from tdaflow.errors import InputError, PassingFault
from tdaflow.store import DiagramBatch, DiagramStore, bars_digest
from tdaflow.store.manifest import DamagedStore, unsealed
from tdaflow.store.zarr_layout import write_array


def test_a_batch_reads_back_as_it_was_written(diagram_store, batch):
    written = batch(4, 7)
    diagram_store.write(written)
    read = diagram_store.read(4, 7)
    assert read.records == written.records
    assert [d[("alpha", 1)] for d in read.diagrams] == [d[("alpha", 1)] for d in written.diagrams]
    assert diagram_store.records(4, 7) == written.records


def test_a_batch_is_five_files_however_many_volumes(diagram_store, batch):
    diagram_store.write(batch(0, 3))
    diagram_store.write(batch(3, 90))
    for name in ("00000000-00000003", "00000003-00000090"):
        entries = list((diagram_store.path / name).rglob("*"))
        assert sum(entry.is_file() for entry in entries) == 5
        assert sum(entry.is_dir() for entry in entries) == 2


def test_volumes_without_bars_and_volumes_without_diagrams_keep_their_place(diagram_store):
    bars = Bars.of([[0.5, 1.0]])
    batch = DiagramBatch(0, 4, [{("alpha", 2): NO_BARS}, {("alpha", 2): bars}, {}, {}], [{}] * 4)
    diagram_store.write(batch)
    read = diagram_store.read(0, 4).diagrams
    assert [list(d) for d in read] == [[], [("alpha", 2)], [], []]
    assert read[1]["alpha", 2] == bars


def test_a_batch_without_a_single_bar_can_be_written_and_read(diagram_store):
    diagram_store.write(DiagramBatch(0, 2, [{}, {}], [{"id": "a"}, {"id": "b"}]))
    assert [dict(d) for d in diagram_store.read(0, 2).diagrams] == [{}, {}]


def test_bars_of_several_filtrations_and_dimensions_are_kept_apart(diagram_store):
    given = {
        (name, d): Bars.of(np.array([[d, d + 1.0]]) + 10 * i)
        for i, name in enumerate(("alpha", "sublevel"))
        for d in (0, 2)
    }
    diagram_store.write(DiagramBatch(0, 1, [given], [{}]))
    (read,) = diagram_store.read(0, 1).diagrams
    assert dict(read) == given


def test_bars_that_occur_often_are_stored_once_with_their_count(diagram_store):
    bars = Bars.of(np.repeat([[-1.0, 2.0], [0.0, 0.5]], [70_000, 3], axis=0))
    diagram_store.write(DiagramBatch(0, 1, [{("alpha", 0): bars}], [{}]))
    (read,) = diagram_store.read(0, 1).diagrams
    assert read["alpha", 0] == bars
    assert read["alpha", 0].counts.tolist() == [70_000, 3]
    stored = zarr.open_group(diagram_store.path / "00000000-00000001", mode="r")["bars"]
    assert np.asarray(stored).tolist() == [[-1, 0], [2, 0.5], [70_000, 3]]


def test_missing_names_every_gap(diagram_store, batch):
    assert diagram_store.missing(10) == [(0, 10)]
    diagram_store.write(batch(2, 4))
    diagram_store.write(batch(7, 10))
    assert diagram_store.batches() == [(2, 4), (7, 10)]
    assert diagram_store.missing(12) == [(0, 2), (4, 7), (10, 12)]
    for gap in [(0, 2), (4, 7), (10, 12)]:
        diagram_store.write(batch(*gap))
    assert diagram_store.missing(12) == []
    assert diagram_store.missing(0) == []


def test_rows_are_found_whatever_batches_they_were_computed_in(diagram_store, batch):
    for start, stop in ((0, 1), (1, 5), (5, 6), (6, 9)):
        diagram_store.write(batch(start, stop))
    lengths = [d["alpha", 1].n_bars for d in diagram_store.read_rows(range(2, 7))]
    assert lengths == [3, 4, 5, 6, 7]


def test_rows_may_leave_out_others_but_not_be_missing(diagram_store, batch):
    for start, stop in ((0, 4), (5, 9)):
        diagram_store.write(batch(start, stop))
    assert [d["alpha", 1].n_bars for d in diagram_store.read_rows([1, 3, 5, 8])] == [2, 4, 6, 9]
    assert list(diagram_store.read_rows([])) == []
    for row in (4, 9):
        with pytest.raises(InputError, match=f"has no diagrams of row {row}"):
            list(diagram_store.read_rows([3, row]))


def test_rows_are_looked_for_in_the_named_batches_alone(diagram_store, batch, monkeypatch):
    for start in (0, 3, 6):
        diagram_store.write(batch(start, start + 3))
    monkeypatch.setattr(DiagramStore, "batches", None)
    assert [d["alpha", 1].n_bars for d in diagram_store.read_rows([4, 7], [(3, 6), (6, 9)])] == [5, 8]
    with pytest.raises(InputError, match="has no diagrams of row 7"):
        list(diagram_store.read_rows([4, 7], [(3, 6)]))


def test_overlapping_batches_of_an_orphaned_worker_count_every_row_once(diagram_store, batch):
    for start, stop in ((0, 5), (0, 3), (3, 8), (9, 10)):
        diagram_store.write(batch(start, stop))
    assert diagram_store.batches() == [(0, 5), (9, 10)]
    assert diagram_store.missing(10) == [(5, 9)]
    diagram_store.write(batch(5, 9))
    assert [d["alpha", 1].n_bars for d in diagram_store.read_rows(range(10))] == list(range(1, 11))


def test_of_two_writers_of_one_batch_the_first_wins_and_the_second_does_no_harm(diagram_store, batch):
    diagram_store.write(batch(0, 3))
    other = batch(0, 3)
    diagram_store.write(DiagramBatch(0, 3, other.diagrams, [{"id": "second"}] * 3))
    assert diagram_store.records(0, 3)[0]["id"] == "v0"
    assert [p.name for p in diagram_store.path.iterdir() if p.name.startswith(".tmp-")] == []


def test_a_writer_that_dies_leaves_no_batch_and_its_leftovers_are_removed(diagram_store, batch, monkeypatch):
    class Killed(BaseException):
        pass

    def dies(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr("tdaflow.atomic.shutil.rmtree", lambda *_, **__: None)  # SIGKILL cleans nothing up
    monkeypatch.setattr("tdaflow.atomic.os.rename", dies)
    with pytest.raises(Killed):
        diagram_store.write(batch(0, 3))
    monkeypatch.undo()
    assert len([p for p in diagram_store.path.iterdir() if p.name.startswith(".tmp-")]) == 1
    assert diagram_store.batches() == []
    assert diagram_store.missing(3) == [(0, 3)]
    diagram_store.remove_leftovers()
    assert [p.name for p in diagram_store.path.iterdir()] == ["zarr.json"]


@pytest.mark.parametrize("array", ["bars", "counts"])
def test_a_flipped_byte_never_reads_back_as_bars(diagram_store, batch, flip_byte, array):
    diagram_store.write(batch(0, 9))
    assert flip_byte(diagram_store.path / "00000000-00000009" / array) == 1
    with pytest.raises(Exception, match="digest differs"):
        diagram_store.read(0, 9)
    assert not diagram_store.is_intact(0, 9)


def recorded(batch: DiagramBatch) -> DiagramBatch:
    """The batch with the digest of every channel in its records, as the pipeline writes them."""
    records = [
        {**r, "channels": {f"{n}/{k}": {"digest": bars_digest(p)} for (n, k), p in d.items()}}
        for r, d in zip(batch.records, batch.diagrams, strict=True)
    ]
    return DiagramBatch(batch.start, batch.stop, batch.diagrams, records)


@pytest.mark.parametrize("lost", ["zarr.json", "bars/c.0.0", "bars/zarr.json", "counts/c.0.0.0", "counts/zarr.json"])
def test_an_intact_batch_is_intact_and_one_that_lost_a_file_is_not(diagram_store, batch, lost):
    diagram_store.write(recorded(batch(3, 6)))
    assert diagram_store.is_intact(3, 6)
    (diagram_store.path / "00000003-00000006" / lost).unlink()
    assert not diagram_store.is_intact(3, 6)


def test_records_that_do_not_fit_the_bars_are_damage_too(diagram_store, batch):
    diagram_store.write(recorded(batch(0, 2)))
    metadata = diagram_store.path / "00000000-00000002" / "counts" / "zarr.json"
    document = json.loads(metadata.read_text())
    document["attributes"]["records"].pop()
    metadata.write_text(json.dumps(document))
    assert not diagram_store.is_intact(0, 2)
    metadata.write_text("{")
    assert not diagram_store.is_intact(0, 2)


def test_quarantined_rows_are_told_without_the_records_and_must_agree_with_them(diagram_store, batch):
    given = recorded(batch(3, 6))
    lost = {"id": "v4", "status": "quarantined", "reason": "constant"}
    records = [given.records[0], lost, given.records[2]]
    diagram_store.write(DiagramBatch(3, 6, [given.diagrams[0], {}, given.diagrams[2]], records))
    assert diagram_store.quarantined(3, 6) == {4: ("v4", "constant")}
    assert diagram_store.is_intact(3, 6)
    metadata = diagram_store.path / "00000003-00000006" / "zarr.json"
    metadata.write_text(metadata.read_text().replace("4", "5"))
    assert not diagram_store.is_intact(3, 6)


@pytest.mark.parametrize(
    "counts",
    [[[[9]], [[0]]], [[[4]], [[-1]]], [[[3]]], [[[3], [0]], [[0], [0]]]],
    ids=["too many", "negative", "of fewer rows", "of more filtrations"],
)
def test_counts_that_do_not_fit_the_bars_are_refused(tmp_path, counts):
    store = DiagramStore.create(tmp_path / "one.zarr", digest="d", filtrations=["alpha"])
    store.write(DiagramBatch(0, 2, [{("alpha", 0): Bars.of([[1, 1], [1, 2], [1, 3]])}, {}], [{}, {}]))
    group = zarr.open_group(store.path / "00000000-00000002", mode="r+")
    assert np.asarray(group["counts"]).tolist() == [[[3]], [[0]]]
    del group["counts"]
    write_array(group, "counts", np.array(counts), dimensions=("volume", "filtration", "homology_dimension"))
    group.attrs.put(unsealed(group.attrs.asdict()))  # as an older version wrote it
    with pytest.raises(InputError, match="do not fit its bars"):
        store.read(0, 2)


def test_a_discarded_batch_is_missing_again_and_never_half_there(diagram_store, batch, monkeypatch):
    diagram_store.write(batch(0, 3))
    monkeypatch.setattr("tdaflow.atomic.shutil.rmtree", lambda *_, **__: None)  # killed while deleting
    diagram_store.discard(0, 3)
    assert diagram_store.missing(3) == [(0, 3)]


def test_another_folder_is_not_taken_for_a_diagram_store(tmp_path, diagram_store):
    with pytest.raises(InputError, match="no diagram store at"):
        DiagramStore(tmp_path / "nowhere")
    (diagram_store.path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    with pytest.raises(InputError, match="not a diagram store of format 3"):
        DiagramStore(diagram_store.path)
    (diagram_store.path / "zarr.json").write_text("{")
    with pytest.raises(DamagedStore, match=r"zarr.json is damaged: .*--verify"):
        DiagramStore(diagram_store.path)


@pytest.mark.parametrize("name", ["zarr.json", "bars/zarr.json"])
def test_a_batch_that_cannot_be_read_for_the_moment_is_not_a_damaged_one(diagram_store, batch, monkeypatch, name):
    diagram_store.write(batch(0, 3))
    opened = io.open

    def refuse(path, *arguments, **options):
        if str(path).endswith(f"00000003/{name}"):
            raise OSError(errno.ESTALE, "Stale file handle")
        return opened(path, *arguments, **options)

    monkeypatch.setattr("io.open", refuse)
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(PassingFault, match="Stale file handle"):
        DiagramStore(diagram_store.path).damaged()
    monkeypatch.undo()
    assert DiagramStore(diagram_store.path).batches() == [(0, 3)]


def test_locations_are_two_more_files_and_read_back_beside_their_bars(diagram_store):
    alpha = Bars(np.array([[0.0, 1.0], [0.0, 2.0]]), np.array([2, 1]), np.arange(30).reshape(3, 2, 5) - 1)
    voxels = Bars(np.array([[3.0, 4.0]]), np.array([1]), np.arange(6).reshape(1, 2, 3))
    given = {("alpha", 1): alpha, ("sublevel", 0): voxels, ("sublevel", 2): NO_BARS}
    diagram_store.write(DiagramBatch(0, 3, [given, {}, {("sublevel", 1): voxels}], [{}] * 3))
    first, nothing, last = diagram_store.read(0, 3).diagrams
    assert not nothing
    for read, written in [(first["alpha", 1], alpha), (first["sublevel", 0], voxels), (last["sublevel", 1], voxels)]:
        assert read == written
        np.testing.assert_array_equal(read.locations, written.locations)
    assert sum(entry.is_file() for entry in (diagram_store.path / "00000000-00000003").rglob("*")) == 7
