"""The volume store gives back what was put in, and never a damaged voxel."""

import numpy as np
import pytest
import zarr

from tdaflow.errors import InputError
from tdaflow.extents import grey_values, typical
from tdaflow.sources import Rejected, Volume
from tdaflow.store import VolumeBuilder, VolumeStore, content_digest

RNG = np.random.default_rng(0)


def test_equal_shapes_are_one_array_and_round_trip(volume_store):
    arrays = [RNG.integers(0, 255, (3, 4, 5)).astype(np.uint8) for _ in range(7)]
    store = volume_store(arrays)
    assert zarr.open_array(store.path / "voxels", mode="r").shape == (7, 3, 4, 5)
    for kept, given in zip(store.voxels(0, 7), arrays, strict=True):
        np.testing.assert_array_equal(kept, given)
        assert kept.dtype == np.uint8
    np.testing.assert_array_equal(next(iter(store.voxels(5, 6))), arrays[5])


def test_unequal_shapes_and_types_are_one_array_a_volume_and_round_trip(volume_store):
    arrays = [np.arange(60, dtype=np.int16).reshape(3, 4, 5), RNG.random((70, 2, 3)), np.ones((1, 1, 1), bool)]
    store = volume_store(arrays, equal=False)
    for kept, given in zip(store.voxels(0, 3), arrays, strict=True):
        np.testing.assert_array_equal(kept, given)
        assert kept.dtype == given.dtype
    np.testing.assert_array_equal(store.table().shape, [[3, 4, 5], [70, 2, 3], [1, 1, 1]])


def test_rows_are_read_across_chunks_and_past_quarantined_entries(built, monkeypatch):
    monkeypatch.setattr("tdaflow.store.volume_builder.CHUNK_BYTES", 2 * 8)  # two volumes a chunk
    items = [Volume(str(i), np.full((2, 2, 2), i, np.uint8)) for i in range(6)]
    items[2] = Rejected("2", "it is constant")
    store = built(items, shape=(2, 2, 2), dtype="uint8")
    assert [int(v.flat[0]) for v in store.voxels(1, 5)] == [1, 3, 4, 5]


def test_a_volume_too_large_for_a_chunk_is_stored_in_blocks_even_if_all_are_equal(built, monkeypatch):
    monkeypatch.setattr("tdaflow.store.volume_builder.LARGEST_CHUNK", 7)
    voxels = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    store = built([Rejected("bad", "empty"), Volume("a", voxels)], shape=(2, 2, 2), dtype="uint8")
    assert not store.is_one_array
    np.testing.assert_array_equal(store.array(0)[...], voxels)


@pytest.mark.parametrize("equal", [True, False])
def test_a_flipped_byte_never_reads_back_as_voxels(volume_store, flip_byte, equal):
    store = volume_store([RNG.integers(0, 255, (9, 9, 9)).astype(np.uint8) for _ in range(2)], equal=equal)
    assert flip_byte(store.path / ("voxels" if equal else "volumes/00000001")) == 1
    with pytest.raises(Exception, match=r"(?i)checksum|crc"):
        list(store.voxels(0, 2))


def test_the_table_lists_every_input_also_the_rejected_and_keeps_unicode(built):
    voxels = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    store = built(
        [
            Volume("Ünïcode-肺", voxels, (2.0, 1.0, 0.5), split="train", group="Zoë", facts={"affine": [[1.0]]}),
            Rejected("bad", "3 NaN among 8 voxels — all must be finite", label=4, split="test"),
            Volume("last", voxels + 1),
        ],
        shape=(2, 2, 2),
        dtype="float32",
        attributes={"a": 1},
    )
    table = store.table()
    assert table.id.tolist() == ["Ünïcode-肺", "bad", "last"]
    assert table.group.tolist() == ["Zoë", "", ""]
    assert table.split.tolist() == ["train", "test", ""]
    assert table.label.tolist() == [-1, 4, -1]
    assert table.row.tolist() == [0, -1, 1]
    assert table.reason.tolist() == ["", "3 NaN among 8 voxels — all must be finite", ""]
    np.testing.assert_array_equal(table.spacing[[0, 2]], [[2.0, 1.0, 0.5], [1.0, 1.0, 1.0]])
    assert table.minimum[[0, 2]].tolist() == [0.0, 1.0]
    assert table.maximum[[0, 2]].tolist() == [7.0, 8.0]
    assert table.extent[[0, 2]].tolist() == [[0.0, 7.0], [1.0, 8.0]]
    assert table.quantiles[[0, 2]].tolist() == [[1.0, 3.0, 6.0], [2.0, 4.0, 7.0]]
    assert np.isnan(table.extent[1]).all()
    assert np.isnan(table.quantiles[1]).all()
    assert table.digest[0] == content_digest(voxels)
    assert (len(table), table.n_ok) == (3, 2)
    assert table.of_rows().id.tolist() == ["Ünïcode-肺", "last"]
    assert table.facts.tolist() == ['{"affine": [[1.0]]}', "", ""]
    assert store.attributes["a"] == 1


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_one_wild_voxel_shows_in_the_extremes_and_not_in_the_extent(volume_store, dtype):
    voxels = RNG.integers(0, 100, (9, 9, 9)).astype(dtype)
    wild = voxels.copy()
    wild[4, 4, 4] = 255 if dtype == "uint8" else np.finfo(np.float32).max
    table = volume_store([voxels, wild]).table()
    assert table.maximum[1] == wild.max()
    np.testing.assert_allclose(table.extent[1], table.extent[0], atol=1)
    np.testing.assert_allclose(table.quantiles[1], table.quantiles[0], atol=1)
    for row, array in enumerate((voxels, wild)):
        found = grey_values(array)
        assert table.extent[row].tolist() == [found.low, found.high]
        assert table.quantiles[row].tolist() == [found.quantiles[0], found.median, found.quantiles[1]]


def test_a_grey_range_is_the_typical_extent_of_the_selected_volumes(volume_store):
    mask = np.zeros((4, 4, 4), np.uint8)
    mask[:2] = 1
    table = volume_store([mask * top for top in (10, 20, 30, 40, 200)]).table()
    assert table.grey_range(np.ones(5, bool)) == (0, typical([10, 20, 30, 40, 200]))
    assert table.grey_range(np.arange(5) == 4) == (0, 200)
    constant = volume_store([np.full((2, 2, 2), 5.0)], name="constant").table()
    assert constant.grey_range(np.ones(1, bool)) == (5, 6)


def test_a_store_of_another_format_is_refused_with_the_remedy(volume_store):
    store = volume_store([np.zeros((2, 2, 2))])
    group = zarr.open_group(store.path, mode="r+")
    group.attrs.put({"tdaflow": {**group.attrs["tdaflow"], "format": 1}})
    with pytest.raises(InputError, match=r"not a volume store of format 2: ingest its data again"):
        VolumeStore(store.path)


def test_a_store_without_any_usable_volume_is_still_a_store(built):
    store = built([Rejected("bad", "it is constant")], shape=(2, 2, 2), dtype="uint8")
    assert list(store.voxels(0, 0)) == []
    assert len(store.table().of_rows()) == 0
    assert len(built([], name="empty").table()) == 0


def test_the_digest_follows_content_and_table_but_not_the_layout(volume_store):
    arrays = [RNG.integers(0, 9, (2, 3, 4)).astype(np.uint8) for _ in range(3)]
    one = volume_store(arrays, name="one")
    assert one.digest == volume_store(arrays, equal=False, name="two").digest
    changed = [a.copy() for a in arrays]
    changed[2][0, 0, 0] ^= 1
    assert one.digest != volume_store(changed, name="three").digest


def test_a_volume_that_does_not_fit_the_declared_layout_is_refused(built):
    with pytest.raises(InputError, match=r"'odd' is uint8 \(2, 2, 3\).*unequal shapes"):
        built([Volume("odd", np.zeros((2, 2, 3), np.uint8))], shape=(2, 2, 2), dtype="uint8")


def test_two_volumes_of_one_id_are_refused(built):
    with pytest.raises(InputError, match="two volumes have the id 'same'"):
        built([Volume("same", np.zeros((2, 2, 2), np.uint8)), Rejected("same", "empty")])


def test_parts_may_come_in_any_order_and_an_unfinished_store_is_not_taken_for_a_store(tmp_path):
    volumes = [Volume(str(i), np.full((2, 2, 2), i, np.uint8)) for i in range(3)]
    builder = VolumeBuilder.create(tmp_path / "v", n_entries=3, shape=None, dtype=None, attributes={})
    assert builder.missing() == [(0, 3)]
    builder.write_part(2, builder.write_voxels(2, volumes[2:]))
    again = VolumeBuilder(tmp_path / "v")  # another process
    assert again.missing() == [(0, 2)]
    with pytest.raises(InputError, match="lacks the entries"):
        again.finish(tmp_path / "w")
    with pytest.raises(InputError, match="not a volume store"):
        VolumeStore(tmp_path / "v")
    with pytest.raises(InputError, match="no volume store at"):
        VolumeStore(tmp_path / "nowhere")
    again.write_part(0, again.write_voxels(0, volumes[:2]))
    again.finish(tmp_path / "w")
    assert VolumeStore(tmp_path / "w").table().id.tolist() == ["0", "1", "2"]
    assert not (tmp_path / "v").exists()


def test_a_store_whose_making_was_killed_does_not_bear_its_name(tmp_path, monkeypatch):
    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("tdaflow.store.volume_builder.create_array", killed)
    with pytest.raises(KeyboardInterrupt):
        VolumeBuilder.create(tmp_path / "v", n_entries=3, shape=(2, 2, 2), dtype="uint8", attributes={})
    assert not (tmp_path / "v").exists()
