"""NRRD headers as other programs write them, and the checks before and after pynrrd."""

import gzip
import tracemalloc

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.sources.nrrd import NrrdReader

pytest.importorskip("nibabel")
nrrd = pytest.importorskip("nrrd")

VOXELS = np.arange(24, dtype=np.int16).reshape(4, 3, 2)  # (x, y, z)
DATA = VOXELS.tobytes(order="F")
FIELDS = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "4 3 2",
    "space directions": "(1,0,0) (0,2,0) (0,0,3)",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(5,6,7)",
}


def save(path, data=DATA, **changes):
    fields = {**FIELDS, **{key.replace("_", " "): value for key, value in changes.items()}}
    header = "".join(f"{key}: {value}\n" for key, value in fields.items() if value is not None)
    path.write_bytes(b"NRRD0005\n# a comment: of a kind\nfree:=text\n" + header.encode() + b"\n" + data)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.nrrd"


def read(path, index=0):
    [(header, voxels)] = NrrdReader().read(path, (index,), canonical=False)
    return header, voxels


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("dtype", ["i1", "u2", ">i4", "u8", "f4", ">f8"])
def test_pynrrd_writes_what_is_read(path, dtype, encoding):
    matrix = np.array([[0, 1.5, 0], [0, 0, 2.5], [3.5, 0, 0]])
    more = {"space": "right-anterior-superior", "space directions": matrix, "space origin": [1, 2, 3]}
    nrrd.write(str(path), VOXELS.astype(dtype), {**more, "encoding": encoding})
    header, voxels = read(path)
    assert np.array_equal(voxels, VOXELS.T)
    assert voxels.dtype == np.dtype(dtype).newbyteorder("=")
    assert header.spacing == (3.5, 2.5, 1.5)
    assert np.array_equal(header.affine, [[0, 0, 3.5, 1], [1.5, 0, 0, 2], [0, 2.5, 0, 3], [0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("changes", "spacing"),
    [
        ({"space directions": "( 1, 0, 0 ) (0, 2 ,0)  (0,0,3)"}, (3, 2, 1)),
        ({"space directions": None, "Space Directions": "(1,0,0) (0,2,0) (0,0,3)"}, (3, 2, 1)),
        ({"space directions": None, "spacings": "0.5 0.25 4", "space": None}, (4, 0.25, 0.5)),
        ({"space directions": None, "space": None}, (1, 1, 1)),
        ({"space units": '"cm" "cm" "cm"'}, (30, 20, 10)),
        ({"space units": '"µm" "µm" "µm"'}, (0.003, 0.002, 0.001)),  # not metres
    ],
)
def test_spacing_in_mm(path, changes, spacing):
    header, voxels = read(save(path, **changes))
    assert header.spacing == pytest.approx(spacing)
    assert np.array_equal(voxels, VOXELS.T)


def test_a_series_is_read_volume_by_volume(path):
    series = np.stack([VOXELS, -VOXELS], axis=-1)
    directions = "(1,0,0) (0,2,0) (0,0,3) none"
    save(path, series.tobytes(order="F"), dimension="4", sizes="4 3 2 2", space_directions=directions)
    header, voxels = read(path, 1)
    assert np.array_equal(voxels, -VOXELS.T)
    assert (header.spacing, header.n_volumes) == ((3.0, 2.0, 1.0), 2)


def test_data_beside_the_header_or_at_the_end_of_the_file(path, tmp_path):
    (tmp_path / "a.raw").write_bytes(DATA)
    assert np.array_equal(read(save(path, b"", data_file="a.raw"))[1], VOXELS.T)
    assert np.array_equal(read(save(path, b"left over" + DATA, byte_skip="-1"))[1], VOXELS.T)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"space directions": "none (0,2,0) (0,0,3)"}, "spacing is"),
        ({"kinds": "RGB-color domain domain"}, "components"),
        ({"encoding": "bzip2"}, "neither raw nor gzip"),
        ({"encoding": "hex"}, "neither raw nor gzip"),
        ({"endian": None}, "little or big endian"),
        ({"type": "block"}, "integers and floats"),
        ({"type": "shirt"}, "integers and floats"),
        ({"data file": "LIST\na.raw\nb.raw"}, "several files"),
        ({"data file": "../a.raw"}, "only a file beside it"),
        ({"line skip": "1"}, "skips a part"),
        ({"sizes": "4 nan 2"}, "sizes must be 3 whole numbers"),
        ({"space directions": "(1,0,0) (0,2,0"}, "header is damaged"),
        ({"sizes": "400000 300000 20000"}, "header promises 4800000000000000 bytes"),
        ({"sizes": "4 3 1"}, "more data than its header"),
    ],
)
def test_what_cannot_be_read_is_refused(path, changes, reason):
    with pytest.raises(InputError, match=reason):
        read(save(path, **changes))


def test_compressed_data_are_held_to_their_promise_and_their_checksum(path):
    packed = gzip.compress(DATA, mtime=0)
    assert np.array_equal(read(save(path, packed, encoding="gz"))[1], VOXELS.T)
    with pytest.raises(InputError, match="truncated"):  # its checksum is cut off, which pynrrd would accept
        read(save(path, packed[:-8], encoding="gz"))
    bomb = gzip.compress(bytes(1 << 27), 9)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="more data than its header"):
            read(save(path, bomb, encoding="gz"))
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()
