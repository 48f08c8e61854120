"""Damaged files of every format but DICOM: whatever the bytes, a file becomes good volumes or one-sentence rejections.

``TDAFLOW_FUZZ_EXAMPLES`` sets the number of examples for a longer hunt.
"""

import gzip
import io
import json
import os
import re
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.sources import ImageFolder, Manifest, Nifti, Rejected, Volume, check_voxels
from tdaflow.sources.guess import guess_source
from tdaflow.sources.table import read_table

nib = pytest.importorskip("nibabel")

EXAMPLES = int(os.environ.get("TDAFLOW_FUZZ_EXAMPLES", "150"))
# Values that have broken readers: signs, extremes, NaN, infinities, tiny and huge floats.
WORDS = [
    *(struct.pack("<h", v) for v in (-1, 0, 1, 2, 7, 8, 128, 512, 32767, -32768)),
    *(struct.pack("<f", v) for v in (0.0, -1.0, 1e-45, 1e38, 352.5, float("nan"), float("inf"), -float("inf"))),
    *(struct.pack("<i", v) for v in (-1, 348, 540, 2**31 - 1)),
    struct.pack("<d", float("nan")),
    struct.pack("<q", 2**62),
]


def _file(image, order="<", dtype=np.int16, slope=None, shape=(4, 5, 6)):
    header = image.header_class(endianness=order)
    header.set_data_dtype(np.dtype(dtype).newbyteorder(order))
    array = (np.arange(np.prod(shape)) % 97).reshape(shape).astype(dtype)
    made = image(array, np.diag([1.0, 2, 3, 1]), header)
    if slope is not None:
        made.header.set_slope_inter(*slope)
    return made.to_bytes()


SEEDS = [
    _file(nib.Nifti1Image),
    _file(nib.Nifti1Image, ">", np.float32),
    _file(nib.Nifti1Image, "<", np.uint8, (0.5, -3)),
    _file(nib.Nifti2Image, "<", np.float64),
    _file(nib.Nifti2Image, ">", np.int32, shape=(4, 5, 6, 3)),
]

mutations = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 355), st.integers(0, 1500)), st.one_of(st.sampled_from(WORDS), st.binary(max_size=4))
    ),
    max_size=4,
)


@settings(max_examples=EXAMPLES, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.sampled_from(SEEDS),
    changes=mutations,
    length=st.one_of(st.none(), st.integers(-1200, 40)),
    compressed=st.sampled_from(["no", "inside", "outside"]),
    canonical=st.booleans(),
)
def test_any_damage_is_a_rejection_or_harmless(tmp_path, seed, changes, length, compressed, canonical):
    if compressed == "outside":  # the damage is done to the gzip file itself
        seed = gzip.compress(seed, 1, mtime=0)
    data = bytearray(seed)
    for position, word in changes:
        data[position : position + len(word)] = word
    if length is not None:
        data = data[:length] if length < 0 else data + b"\0" * length
    path = tmp_path / ("x.nii" if compressed == "no" else "x.nii.gz")
    path.write_bytes(gzip.compress(bytes(data), 1) if compressed == "inside" else bytes(data))
    for split_time in (False, True):
        source = Nifti(path, canonical=canonical, split_time=split_time)
        items = list(source.volumes())
        assert source.describe().n_volumes == len(items) <= 5000
        for item in items:
            _check(item, tmp_path)


TEXT_SEEDS = {
    "x.mha": b"ObjectType = Image\nNDims = 3\nBinaryData = True\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\n"
    b"ElementSpacing = 1 2 3\nDimSize = 4 3 2\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n",
    "x.nrrd": b"NRRD0004\ntype: uchar\ndimension: 3\nspace: left-posterior-superior\nsizes: 4 3 2\n"
    b"space directions: (1,0,0) (0,2,0) (0,0,3)\nencoding: raw\nspace origin: (0,0,0)\n\n",
    "x.nhdr": b"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 4 3 2\nspacings: 1 2 3\nencoding: raw\ndata file: x.raw",
}
TEXT_WORDS = [
    b"nan",
    b"inf",
    b"-1",
    b"0",
    b"1e308",
    b"1e-308",
    b"99999999999",
    b"\n",
    b" ",
    b"\0",
    b"LIST",
    b"gzip",
    b"none",
]


@settings(max_examples=EXAMPLES, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(TEXT_SEEDS)),
    changes=st.lists(
        st.tuples(st.integers(0, 260), st.integers(0, 6), st.sampled_from(TEXT_WORDS) | st.binary(max_size=3)),
        max_size=4,
    ),
)
def test_text_headers_too(tmp_path, name, changes):
    (tmp_path / "x.raw").write_bytes(bytes(range(24)))
    data = TEXT_SEEDS[name] + (b"" if name == "x.nhdr" else bytes(range(24)))
    for position, removed, word in changes:
        data = data[:position] + word + data[position + removed :]
    path = tmp_path / name
    path.write_bytes(data)
    [item] = ImageFolder(path).volumes()
    assert ImageFolder(path).describe().n_volumes == 1
    _check(item, tmp_path)


def _pair(image, dtype=np.int16):
    array = (np.arange(120) % 97).reshape(4, 5, 6).astype(dtype)
    made = image(array, np.diag([1.0, 2, 3, 1]))
    files = made.make_file_map()
    for holder in files.values():
        holder.fileobj = io.BytesIO()
    made.to_file_map(files)
    return {"x.hdr": files["header"].fileobj.getvalue(), "x.img": files["image"].fileobj.getvalue()}


def _npy(array, version=None):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version)
    return stream.getvalue()


def _npz(array):
    stream = io.BytesIO()
    np.savez_compressed(stream, array)
    return stream.getvalue()


BINARY_SEEDS = [
    *map(_pair, (nib.Nifti1Pair, nib.Nifti2Pair, nib.AnalyzeImage)),
    {"x.mgh": nib.MGHImage(np.arange(120, dtype=np.int16).reshape(4, 5, 6), np.diag([1.0, 2, 3, 1])).to_bytes()},
    {"x.mgh": nib.MGHImage(np.arange(240, dtype=np.float32).reshape(4, 5, 6, 2), np.diag([1.0, 2, 3, 1])).to_bytes()},
    {"x.npy": _npy(np.arange(120.0).reshape(4, 5, 6))},
    {"x.npy": _npy(np.arange(120).reshape(1, 4, 5, 6), (2, 0))},
    {"x.npz": _npz(np.arange(120.0).reshape(4, 5, 6))},
]  # fmt: skip


@settings(max_examples=EXAMPLES, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.sampled_from(BINARY_SEEDS),
    changes=mutations,
    length=st.one_of(st.none(), st.integers(-600, 40)),
    compressed=st.booleans(),
)
def test_pairs_mgh_and_numpy_too(tmp_path, seed, changes, length, compressed):
    for old in tmp_path.iterdir():
        old.unlink()
    name = next(iter(seed))
    data = bytearray(seed[name])
    for position, word in changes:
        data[position : position + len(word)] = word
    if length is not None:
        data = data[:length] if length < 0 else data + b"\0" * length
    for other in seed.keys() - {name}:
        (tmp_path / other).write_bytes(seed[other])
    if compressed and name == "x.mgh":
        name, data = "x.mgz", gzip.compress(bytes(data), 1)
    (tmp_path / name).write_bytes(data)
    for split_time in (False, True):
        source = ImageFolder(tmp_path / name, split_time=split_time)
        items = list(source.volumes())
        assert source.describe().n_volumes == len(items)
        for item in items[:50]:
            _check(item, tmp_path)
    assert guess_source(tmp_path).kind in ("images", "nifti", "arrays")


TABLE = b"path,id,label,split,group,spacing_z,spacing_y,spacing_x\na.npy,1,x,train,NA,1,1,2.5\nb.npy,2,1.0,,p,,,\n"
TABLE_WORDS = [
    b",", b";", b"\t", b"\n", b"\r\n", b'"', b"\xff\xfe", b"\xef\xbb\xbf", b"sep=;\n", b"nan", b"1,5", b"..", b"/",
    b"\\", b"file:///", b"https://u:p@h/a.npy?token=1", b"\0", b"\xe9", b" ",
]  # fmt: skip


@settings(max_examples=EXAMPLES, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(TABLE)), st.integers(0, 6), st.sampled_from(TABLE_WORDS) | st.binary(max_size=3)),
        max_size=4,
    ),
    suffix=st.sampled_from(["csv", "tsv"]),
)
def test_tables_too(tmp_path, changes, suffix):
    data = TABLE
    for position, removed, word in changes:
        data = data[:position] + word + data[position + removed :]
    for name in ("a.npy", "b.npy"):
        (tmp_path / name).write_bytes(_npy(np.arange(120.0).reshape(4, 5, 6)))
    path = tmp_path / f"m.{suffix}"
    path.write_bytes(data)
    said = []
    for read in (lambda: list(Manifest(path, bad_rows="quarantine").volumes()), lambda: read_table(path)):
        try:
            said.append(str(read()))
        except InputError as error:
            said.append(str(error))
    # What mutations make of an address may be none any more.
    assert not re.search(r"://\S*token=1", "".join(said))


def test_the_seeds_themselves_are_volumes(tmp_path):
    for name, header in TEXT_SEEDS.items():
        (tmp_path / "x.raw").write_bytes(bytes(range(24)))
        (tmp_path / name).write_bytes(header + (b"" if name == "x.nhdr" else bytes(range(24))))
        [item] = ImageFolder(tmp_path / name).volumes()
        assert isinstance(item, Volume)
    for seed in BINARY_SEEDS:
        for name, data in seed.items():
            (tmp_path / name).write_bytes(data)
        assert all(
            isinstance(item, Volume) for item in ImageFolder(tmp_path / next(iter(seed)), split_time=True).volumes()
        )
    for seed in SEEDS:
        (tmp_path / "x.nii").write_bytes(seed)
        assert all(isinstance(item, Volume) for item in Nifti(tmp_path / "x.nii", split_time=True).volumes())


def _check(item, tmp_path):
    if isinstance(item, Rejected):
        assert str(tmp_path) not in item.reason
        # Nothing but a reader's own words; what it did not foresee is contained, and a fault of the reader.
        assert "its reader meets a" not in item.reason
        assert "\n" not in item.reason
        return
    assert isinstance(item, Volume)
    assert check_voxels(item.voxels) is None
    assert min(item.voxels.shape) > 1
    assert item.voxels.flags.c_contiguous
    assert item.voxels.dtype.isnative
    assert all(np.isfinite(s) and s > 0 for s in item.spacing)
    json.dumps(dict(item.facts), allow_nan=False)


def test_a_folder_of_nothing_but_noise_is_all_rejected(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(30):
        (tmp_path / f"{i}.nii{'.gz' * (i % 2)}").write_bytes(rng.bytes(int(rng.integers(0, 900))))
    items = list(Nifti(tmp_path).volumes())
    assert len(items) == 30
    assert all(isinstance(item, Rejected) for item in items)
