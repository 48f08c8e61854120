"""Archives hold what nobody planned: pipes, odd names, archives of zeros. The fault of one file stays its own."""

import gzip
import os
import socket
import struct
import zipfile

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.sources import Arrays, ImageFolder, Rejected, Volume
from tdaflow.sources.byte_stream import check_expansion
from tdaflow.sources.guess import guess_source
from tdaflow.sources.readers import NumpyReader
from tdaflow.sources.stack import ArrayStack
from tdaflow.sources.walk import Walk

VOXELS = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)


def reasons(source):
    return {item.id: item.reason for item in source.volumes() if isinstance(item, Rejected)}


@pytest.mark.parametrize("suffix", [".npy", ".nii.gz", ".mha", ".nrrd", ".mgz", ".dcm", ""])
def test_pipes_and_sockets_are_left_out_and_counted(tmp_path, suffix, monkeypatch):
    np.save(tmp_path / "b.npy", VOXELS)
    os.mkfifo(tmp_path / f"a{suffix}")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(tmp_path)  # the path of a socket may have some hundred characters only
        listener.bind(f"s{suffix}")
        source = ImageFolder(tmp_path)
        assert [item.id for item in source.volumes()] == ["b"]
        assert "2 of the files are a pipe, a socket or a device, and not read" in source.describe().notes
        assert guess_source(tmp_path).n == 1


@pytest.mark.parametrize("name", ["a.mhd", "a.nhdr", "a.hdr"])
def test_the_data_of_a_header_are_no_pipe_either(tmp_path, name):
    nib = pytest.importorskip("nibabel")
    nib.save(nib.Nifti1Pair(VOXELS, np.eye(4)), tmp_path / "a.hdr")
    (tmp_path / "a.img").unlink()
    (tmp_path / "a.mhd").write_text("NDims = 3\nDimSize = 4 3 2\nElementType = MET_SHORT\nElementDataFile = a.img")
    (tmp_path / "a.nhdr").write_text(
        "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 4 3 2\nencoding: raw\ndata file: a.img"
    )
    os.mkfifo(tmp_path / "a.img")
    assert "is a pipe, a socket, a device or a folder" in reasons(ImageFolder(tmp_path / name))["a"]


def test_names_that_are_no_text_become_ids_with_escapes(tmp_path):
    names = {
        b"caf\xe9.npy": "caf\\xe9",
        b"line\nbreak.npy": "line\\nbreak",
        "é.npy".encode(): "é",
        b"\x1b[31m.npy": "\\x1b[31m",
    }
    for name in names:
        np.save(tmp_path / "x.npy", VOXELS)
        os.rename(os.fsencode(tmp_path / "x.npy"), os.fsencode(tmp_path) + b"/" + name)
    for source in (ImageFolder(tmp_path), Arrays(tmp_path)):
        items = list(source.volumes())
        assert all(isinstance(item, Volume) for item in items)
        assert {item.id for item in items} == set(names.values())
        assert all(item.id.isprintable() for item in items)
        "".join(source.fingerprint()["files"]).encode()


def test_whatever_a_reader_raises_is_the_fault_of_its_file_alone(tmp_path, monkeypatch):
    for name in "abc":
        np.save(tmp_path / f"{name}.npy", VOXELS)
    header, read = NumpyReader.header, NumpyReader.read

    def failing_header(self, path, **options):
        if path.stem == "b":
            raise RecursionError("text of the file\nand more")
        return header(self, path, **options)

    def failing_read(self, path, indices, **options):
        if path.stem == "c":
            raise AssertionError("secret")
        yield from read(self, path, indices, **options)

    monkeypatch.setattr(NumpyReader, "header", failing_header)
    monkeypatch.setattr(NumpyReader, "read", failing_read)
    source = ImageFolder(tmp_path)
    assert source.describe().n_volumes == 3
    assert reasons(source) == {
        "b": "b.npy: the file is damaged, its reader meets a RecursionError; copy or export it again",
        "c": "c.npy: the file is damaged, its reader meets a AssertionError; copy or export it again",
    }


@pytest.mark.parametrize("text", ["{'descr': '<i2', 'shape': (2, 3, 4", "(" * 9000, "{'descr': \"<i2\n", "\\", "{}"])
def test_a_damaged_header_of_an_array_ends_nothing_else(tmp_path, text):
    np.save(tmp_path / "good.npy", VOXELS)
    body = text.encode() + b"\n"
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(body)) + body + VOXELS.tobytes())
    for source in (ImageFolder(tmp_path), Arrays(tmp_path)):
        assert source.describe().n_volumes == 2
        assert list(reasons(source)) == ["bad"]
    assert guess_source(tmp_path).kind == "images"


def test_few_bytes_that_promise_very_many_are_refused_before_they_are_unpacked(tmp_path):
    check_expansion(4 << 30, 1)
    check_expansion(10 << 30, 100 << 20)
    with pytest.raises(InputError, match=r"promise 10737418240 bytes, as an archive of zeros would; .* uncompressed"):
        check_expansion(10 << 30, 10 << 20)


def test_an_archive_of_zeros_is_refused_by_its_promised_size(tmp_path):
    nib = pytest.importorskip("nibabel")
    header = nib.Nifti1Header()
    header.set_data_shape((3000, 2000, 2000))
    header.set_data_dtype(np.uint8)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(header.binaryblock + bytes(4)) + os.urandom(12 << 20))
    (tmp_path / "b.mha").write_bytes(
        b"NDims = 3\nDimSize = 3000 2000 2000\nElementType = MET_UCHAR\nCompressedData = True\n"
        b"ElementDataFile = LOCAL\n" + os.urandom(12 << 20)
    )
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
        archive.writestr("arr_0.npy", b"x" * 1000)
    made = (tmp_path / "c.npz").read_bytes()
    central = made.rindex(b"PK\x01\x02")
    promise = struct.pack("<I", (4 << 30) - 1)
    (tmp_path / "c.npz").write_bytes(made[: central + 24] + promise + made[central + 28 :])
    said = reasons(ImageFolder(tmp_path))
    assert "as an archive of zeros would" in said["a"]
    assert "as an archive of zeros would" in said["b"]
    assert "c" in said


@pytest.mark.parametrize(("shape", "kept"), [((5, 1, 2, 3, 4), (5, 2, 3, 4)), ((5, 2, 3, 4, 1), (5, 2, 3, 4))])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_channel_of_length_one_is_left_out(tmp_path, shape, kept, suffix):
    stack = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    path = tmp_path / f"s{suffix}"
    np.save(path, stack) if suffix == ".npy" else np.savez(path, images=stack)
    assert guess_source(path).kind == "arrays"
    assert np.array_equal([item.voxels for item in Arrays(path).volumes()], stack.reshape(kept))


def test_single_volumes_with_a_channel_are_volumes_and_a_stack_of_one_stays_a_stack(tmp_path):
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", VOXELS[None])
    assert guess_source(tmp_path).kind == "images"
    for source in (ImageFolder(tmp_path), Arrays(tmp_path)):
        assert [(item.id, item.voxels.shape) for item in source.volumes()] == [("a", (2, 3, 4)), ("b", (2, 3, 4))]
    assert guess_source(tmp_path / "a.npy").kind == "arrays"
    assert ArrayStack(tmp_path / "a.npy").volume_header(4).shape == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.asfortranarray(VOXELS[None].repeat(3, 0))}, "Fortran order .* save numpy.ascontiguousarray"),
        (
            {"X_train": VOXELS[None], "y_train": np.zeros(1)},
            r"it has X_train, y_train\): name one with --set data.key=NAME",
        ),
    ],
)
def test_the_guess_leaves_the_reader_its_own_reason(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    found = guess_source(tmp_path / "a.npz")
    assert found.kind == "arrays"
    with pytest.raises(InputError, match=message):
        Arrays(found.path).describe()


def test_a_walk_counts_a_special_file_once(tmp_path):
    os.mkfifo(tmp_path / "p")
    walk = Walk(tmp_path)
    assert list(walk.files()) == []
    assert walk.notes() == ("1 of the files is a pipe, a socket or a device, and not read",)


def detached(folder):
    """Write one image thrice, with a header of its own each, and return the headers with their data files."""
    nib = pytest.importorskip("nibabel")
    nib.save(nib.Nifti1Pair(VOXELS, np.eye(4)), folder / "a.hdr")
    VOXELS.tofile(folder / "b.raw")
    (folder / "b.mhd").write_text("NDims = 3\nDimSize = 4 3 2\nElementType = MET_SHORT\nElementDataFile = b.raw")
    VOXELS.tofile(folder / "c.bin")
    (folder / "c.nhdr").write_text(
        "NRRD0004\ntype: short\ndimension: 3\nsizes: 4 3 2\nencoding: raw\nendian: little\ndata file: c.bin\n"
    )
    return {"a.hdr": "a.img", "b.mhd": "b.raw", "c.nhdr": "c.bin"}


@pytest.mark.parametrize("as_masks", [False, True])
def test_data_replaced_behind_an_unchanged_header_are_another_source(tmp_path, as_masks):
    (tmp_path / "scans").mkdir()
    (tmp_path / "masks").mkdir()
    headers = detached(tmp_path / "masks" if as_masks else tmp_path / "scans")
    for header in headers if as_masks else ():
        np.save((tmp_path / "scans" / header).with_suffix(".npy"), VOXELS)
    options = {"mask_dir": tmp_path / "masks", "mask_mode": "crop"} if as_masks else {}
    source = ImageFolder(tmp_path / "scans", **options)
    told = [(source.fingerprint(), source.members())]
    assert source.fingerprint() == told[0][0]
    for header, data in headers.items():
        file = next(tmp_path.glob(f"*/{data}"))
        before = file.with_name(header).stat()
        os.utime(file, ns=(0, len(told)))
        assert file.with_name(header).stat() == before
        told.append((source.fingerprint(), source.members()))
        assert told[-1][0] != told[-2][0]
        changed = [one.id for one, other in zip(told[-1][1], told[-2][1], strict=True) if one != other]
        assert changed == [header[0]]


def test_stamps_of_files_that_hold_their_data_are_size_and_time_alone(tmp_path):
    detached(tmp_path)
    np.save(tmp_path / "d.npy", VOXELS)
    (tmp_path / "c.bin").unlink()
    files = ImageFolder(tmp_path).fingerprint()["files"]
    assert {name: sorted(stamp) for name, stamp in files.items()} == {
        "a.hdr": ["data", "mtime_ns", "size"], "b.mhd": ["data", "mtime_ns", "size"],
        "c.nhdr": ["mtime_ns", "size"], "d.npy": ["mtime_ns", "size"],
    }  # fmt: skip
    VOXELS.tofile(tmp_path / "c.bin")
    assert "data" in ImageFolder(tmp_path).fingerprint()["files"]["c.nhdr"]
