"""What every array and every digest promises."""

import numpy as np
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.store import content_digest, options_digest, overlapping


def arrays_in(path) -> list[zarr.Array]:
    return [
        zarr.open_array(file.parent, mode="r")
        for file in path.rglob("zarr.json")
        if '"node_type": "array"' in file.read_text()
    ]


def test_every_array_of_every_store_ends_in_a_checksum_and_writes_empty_chunks(
    volume_store, diagram_store, batch, feature_store
):
    diagram_store.write(batch(0, 2))
    stores = [volume_store([np.zeros((2, 2, 2))]).path, volume_store([np.zeros((1, 2, 3))], equal=False, name="u").path]
    arrays = [a for path in (*stores, diagram_store.path, feature_store(3).path) for a in arrays_in(path)]
    assert len(arrays) > 30
    for array in arrays:
        assert [type(c).__name__ for c in array.compressors][-1] == "Crc32cCodec", array.path


def test_chunks_that_hold_nothing_but_the_fill_value_are_written(volume_store, diagram_store, batch):
    diagram_store.write(batch(0, 2))  # all bars are of filtration number 0
    zeros = volume_store([np.zeros((2, 2, 2), np.uint8)] * 2)
    for array in (zeros.path / "voxels", diagram_store.path / "00000000-00000002" / "counts"):
        assert [p for p in array.rglob("*") if p.is_file() and p.name != "zarr.json"], array


def test_a_content_digest_knows_type_shape_and_values_but_not_byte_or_memory_order():
    array = np.arange(6, dtype="<i4").reshape(2, 3)
    same = content_digest(array)
    assert same == content_digest(array.astype(">i4"))
    assert same == content_digest(np.asfortranarray(array))
    assert same == content_digest(np.repeat(array, 2, axis=1)[:, ::2])
    assert same != content_digest(array.astype("<i8"))
    assert same != content_digest(array.reshape(3, 2))
    assert same != content_digest(array + 1)
    assert content_digest(np.zeros((0, 2))) != content_digest(np.zeros((0, 3)))


@settings(max_examples=25)
@given(
    st.dictionaries(st.text(max_size=4), st.one_of(st.integers(), st.floats(allow_nan=False), st.none()), max_size=5)
)
def test_an_options_digest_does_not_depend_on_key_order(options):
    assert options_digest(options) == options_digest(dict(reversed(options.items())))
    assert options_digest(options) != options_digest({**options, "one more": 1})


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 30), unique=True, max_size=10), st.integers(0, 30), st.integers(1, 10))
def test_overlapping_ranges_are_those_that_share_a_member(edges, start, length):
    finished = list(zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False))
    wanted = set(range(start, start + length))
    assert overlapping(finished, start, start + length) == tuple(r for r in finished if wanted & set(range(*r)))
