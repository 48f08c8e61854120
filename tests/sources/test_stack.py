"""Arrays are read one volume at a time, and damage is an error with a name."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.sources.stack import ArrayStack, npz_members

VOXELS = np.arange(5 * 2 * 3 * 4, dtype=np.int16).reshape(5, 2, 3, 4)


def written(folder, form, array):
    path = folder / ("a.npy" if form == "npy" else f"{form}.npz")
    {"npy": np.save, "stored": np.savez, "compressed": np.savez_compressed}[form](
        path, **({"arr": array} if form == "npy" else {"images": array})
    )
    return ArrayStack(path, None if form == "npy" else "images")


@pytest.mark.parametrize("form", ["npy", "stored", "compressed"])
@pytest.mark.parametrize("dtype", ["bool", "uint8", ">i2", "float16", ">f8"])
def test_volumes_come_back_equal_in_native_order(tmp_path, form, dtype):
    stack = written(tmp_path, form, VOXELS.astype(dtype))
    volumes = list(stack.read(range(5)))
    assert np.array_equal(volumes, VOXELS.astype(dtype))
    assert all(v.dtype.isnative and v.flags.writeable and v.flags.owndata | (v.base is not None) for v in volumes)
    assert npz_members(stack.path) == ("images",) if form != "npy" else True


@settings(max_examples=30)
@given(st.sets(st.integers(0, 4)))
def test_any_increasing_selection_can_be_read(tmp_path_factory, chosen):
    folder, indices = tmp_path_factory.mktemp("stack"), sorted(chosen)
    for form in ("npy", "compressed"):
        volumes = list(written(folder, form, VOXELS).read(indices))
        assert np.array_equal(np.reshape(volumes, (-1, 2, 3, 4)), VOXELS[indices])


def test_fortran_order_is_read_from_npy_and_refused_in_npz(tmp_path):
    transposed = np.asfortranarray(VOXELS)
    assert np.array_equal(list(written(tmp_path, "npy", transposed).read(range(5))), VOXELS)
    with pytest.raises(InputError, match=r"Fortran order .* numpy\.ascontiguousarray"):
        next(written(tmp_path, "stored", transposed).read([0]))


def test_objects_are_never_unpickled(tmp_path):
    for form in ("npy", "compressed"):
        stack = written(tmp_path, form, np.array([[{}]], dtype=object))
        with pytest.raises(InputError, match="never unpickled"):
            stack.header()
        with pytest.raises(InputError, match="never unpickled"):
            stack.load()


def test_truncated_npy_is_found_from_its_header(tmp_path):
    stack = written(tmp_path, "npy", VOXELS)
    stack.path.write_bytes(stack.path.read_bytes()[:-1])
    with pytest.raises(InputError, match="promises 240 bytes of data, 239 are there"):
        stack.header()
    stack.path.write_bytes(stack.path.read_bytes()[:20])
    with pytest.raises(InputError, match="cannot be read as a NumPy array"):
        stack.header()


def test_truncated_npz_is_not_an_npz(tmp_path):
    stack = written(tmp_path, "compressed", VOXELS)
    stack.path.write_bytes(stack.path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"compressed\.npz is not a complete \.npz"):
        npz_members(stack.path)


@pytest.mark.parametrize("form", ["stored", "compressed"])
def test_a_flipped_byte_is_found_before_the_last_volume_is_yielded(tmp_path, form):
    noise = np.random.default_rng(0).integers(0, 256, (5, 24, 24, 24), dtype=np.uint8)
    stack = written(tmp_path, form, noise)
    content = bytearray(stack.path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    stack.path.write_bytes(content)
    with pytest.raises(InputError, match=r"is damaged, found at volume [1-4] "):
        list(stack.read(range(5)))


@pytest.mark.parametrize("form", ["npy", "compressed"])
def test_empty_volumes_and_empty_stacks_are_read_as_such(tmp_path, form):
    assert [v.shape for v in written(tmp_path, form, np.zeros((2, 0, 3, 3))).read(range(2))] == [(0, 3, 3)] * 2
    assert list(written(tmp_path, form, np.zeros((0, 3, 3, 3))).read(range(0))) == []


@pytest.mark.parametrize("form", ["npy", "compressed"])
def test_memory_does_not_grow_with_the_number_of_volumes(tmp_path, form):
    stack = written(tmp_path, form, np.zeros((200, 16, 16, 16), np.uint8))
    tracemalloc.start()
    for _ in stack.read(range(200)):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * 16**3  # of 200
