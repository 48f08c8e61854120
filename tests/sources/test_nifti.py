"""NIfTI files: voxels, spacing, orientation and the reasons for refusing a file."""

import gzip
import pickle
import struct
import sys

import numpy as np
import pytest

from tdaflow.errors import ConfigError, InputError
from tdaflow.sources import Nifti, Rejected, Source, Volume, open_source
from tdaflow.sources.byte_stream import open_bytes
from tdaflow.sources.nifti_header import scaled_dtype

nib = pytest.importorskip("nibabel")

VOXELS = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)  # (x, y, z), as NIfTI stores them
AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])


@pytest.fixture
def save(tmp_path):
    """Writer of a file; `patch` maps header bytes (offset, struct format) to values."""

    def write(name, voxels=VOXELS, affine=AFFINE, *, image=nib.Nifti1Image, order="<", patch=None, **fields):
        header = image.header_class(endianness=order)
        header.set_data_dtype(voxels.dtype)
        made = image(voxels, affine, header)
        made.header.set_xyzt_units(fields.pop("units", "mm"))
        if "slope" in fields:
            made.header.set_slope_inter(fields.pop("slope"), fields.pop("inter", 0))
        for key, value in fields.items():
            made.header[key] = value
        data = bytearray(made.to_bytes())
        for (offset, kind), value in (patch or {}).items():
            struct.pack_into(order + kind, data, offset, value)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(bytes(data)) if name.endswith(".gz") else bytes(data))
        return path

    return write


def only(path, **options):
    [item] = Nifti(path, **options).volumes()
    return item


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII"])
@pytest.mark.parametrize("image", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_every_type_and_byte_order_is_read_as_it_is(save, name, image, order, dtype):
    item = only(save(name, VOXELS.astype(dtype), image=image, order=order))
    assert isinstance(item, Volume)
    assert item.voxels.dtype == np.dtype(dtype)
    assert item.voxels.flags.c_contiguous
    assert np.array_equal(item.voxels, VOXELS.T)
    assert item.spacing == (3.0, 2.0, 1.0)
    assert (item.label, item.split, item.group) == (None, None, None)


def test_facts_hold_geometry_and_no_text(save):
    secret = b"Jane Doe"
    path = save("a.nii", descrip=secret, aux_file=secret, db_name=secret, intent_name=secret)
    item = only(path)
    assert item.facts == {
        "format": "NIfTI-1",
        "dtype": "int16",
        "slope": 1.0,
        "inter": 0.0,
        "units": "mm",
        "orientation": "RAS",
        "orientation_stored": "RAS",
        "affine": AFFINE.tolist(),
        "affine_stored": AFFINE.tolist(),
    }
    assert secret in path.read_bytes()
    assert "Jane" not in repr(item) + repr(Nifti(path).describe()) + repr(Nifti(path).fingerprint())


@pytest.mark.parametrize(("dtype", "result"), [("u1", "f4"), ("i2", "f4"), ("i4", "f8"), ("f4", "f8")])
def test_scaling_gives_floats(save, dtype, result):
    path = save("a.nii", VOXELS.astype(dtype), slope=0.1, inter=-7.0)
    item = only(path)
    assert item.voxels.dtype == np.dtype(result)
    assert np.allclose(item.voxels, nib.load(path).get_fdata().T, rtol=1e-7, atol=1e-6)
    assert (item.facts["dtype"], round(item.facts["slope"], 6), item.facts["inter"]) == (np.dtype(dtype).name, 0.1, -7)


def test_stored_values_stay_apart_when_the_intercept_dwarfs_the_slope(save):
    assert scaled_dtype(np.dtype("i2"), 1e-6, 1e3) == np.float64
    item = only(save("a.nii", slope=2.0**-20, inter=4096.0))
    assert len(np.unique(item.voxels)) == VOXELS.size


@pytest.mark.parametrize(
    ("unit", "factor", "name"),
    [("mm", 1, "mm"), ("micron", 1e-3, "micron"), ("meter", 1e3, "m"), ("unknown", 1, "unknown, taken as mm")],
)
def test_lengths_are_in_mm_whatever_the_unit(save, unit, factor, name):
    item = only(save("a.nii", units=unit))
    assert item.spacing == pytest.approx((3 * factor, 2 * factor, factor))
    assert np.allclose(item.facts["affine"], np.diag([factor, 2 * factor, 3 * factor, 1]))
    assert item.facts["units"] == name


@pytest.mark.parametrize("codes", ["RAS", "LPS", "ASR", "PIL", "SLA"])
def test_canonical_is_nibabels_closest_canonical(save, codes):
    affine = nib.orientations.inv_ornt_aff(nib.orientations.axcodes2ornt(codes), VOXELS.shape)
    affine = np.diag([1.0, 2.0, 3.0, 1.0]) @ np.linalg.inv(affine)
    path = save("a.nii", affine=affine)
    canonical = nib.as_closest_canonical(nib.load(path))
    item, stored = only(path), only(path, canonical=False)
    assert np.array_equal(item.voxels, canonical.get_fdata().T)
    assert item.spacing == tuple(map(float, canonical.header.get_zooms()[::-1])) == (3, 2, 1)
    assert np.allclose(item.facts["affine"], canonical.affine)
    assert item.facts["orientation"] == "RAS"
    assert item.facts["orientation_stored"] == stored.facts["orientation"] == "".join(nib.aff2axcodes(affine))
    assert np.array_equal(stored.voxels, VOXELS.T)
    assert Nifti(path).describe().shape == item.voxels.shape


def test_without_orientation_codes_nothing_is_flipped_and_facts_say_so(save):
    item = only(save("a.nii", patch={(252, "h"): 0, (254, "h"): 0}))
    assert np.array_equal(item.voxels, VOXELS.T)
    assert item.facts["orientation"] is None
    assert item.facts["affine"] is None


def test_a_quaternion_a_rounding_error_too_long_is_read(save):
    patch = {(252, "h"): 1, (254, "h"): 0, (256, "f"): 1.000002}  # half a turn about x
    item = only(save("a.nii", patch=patch))
    assert item.facts["orientation_stored"] == "RPI"
    assert item.spacing == (3.0, 2.0, 1.0)
    assert np.array_equal(item.voxels, VOXELS[:, ::-1, ::-1].T)


def test_signalling_nan_in_a_header_is_a_rejection_without_a_warning(save):
    for offset in (80, 280, 112):  # pixdim, srow_x, scl_slope
        [item] = Nifti(save("a.nii", patch={(offset, "I"): 0x7FA00000})).volumes()
        assert isinstance(item, Volume if offset == 112 else Rejected)


def test_a_header_whose_affine_has_another_spacing_is_noted(save):
    item = only(save("a.nii", patch={(80, "f"): 1.5}))
    assert item.spacing == (3.0, 2.0, 1.5)
    assert item.facts["spacing_of_affine"] == [3.0, 2.0, 1.0]


def test_trailing_dimensions_of_one_are_dropped(save):
    assert only(save("a.nii", VOXELS[..., None, None])).voxels.shape == (4, 3, 2)


SERIES = np.arange(2 * 3 * 4 * 3, dtype=np.int16).reshape(2, 3, 4, 3)


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
def test_4d_files_are_rejected_with_the_remedy_or_taken_apart(save, name):
    path = save(name, SERIES)
    assert only(path) == Rejected(
        "scan",
        f"{name}: the file holds 3 volumes, not one: choose one with --set data.volume_index=0, "
        "or in a folder take one volume a time point with --set data.split_time=true",
    )
    assert np.array_equal(only(path, volume_index=2).voxels, SERIES[..., 2].T)
    assert only(path, volume_index=2).facts["volume_index"] == 2
    assert "volume_index=3 is not among them" in only(path, volume_index=3).reason
    parts = list(Nifti(path, split_time=True).volumes())
    assert [(p.id, p.group) for p in parts] == [(f"scan/t000{t}", "scan") for t in range(3)]
    assert all(np.array_equal(p.voxels, SERIES[..., t].T) for t, p in enumerate(parts))
    assert Nifti(path, split_time=True).describe().n_volumes == 3
    assert [p.id for p in Nifti(path, split_time=True).volumes(2)] == ["scan/t0002"]


def test_a_series_cut_short_keeps_its_whole_volumes(tmp_path):
    data = nib.Nifti1Image(SERIES, AFFINE).to_bytes()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(data[:-20]))
    items = list(Nifti(tmp_path, split_time=True).volumes())
    assert [isinstance(item, Volume) for item in items] == [True, True, False]
    assert "truncated: 48 bytes of a volume were expected, 28 are there" in items[2].reason


def test_a_folder_is_searched_in_order_and_bad_files_are_rejected_alone(save, tmp_path):
    for name in ("b/two.nii", "a.nii.gz", "b/one.nii", ".hidden/x.nii", "._a.nii"):
        save(f"d/{name}")
    (tmp_path / "d/broken.nii").write_bytes(b"no")
    (tmp_path / "d/gone.nii").symlink_to(tmp_path / "nowhere.nii")
    (tmp_path / "d/notes.txt").write_text("x")
    source = Nifti(tmp_path / "d")
    assert isinstance(source, Source)
    info, items = source.describe(), list(pickle.loads(pickle.dumps(source)).volumes())
    assert [item.id for item in items] == ["a", "b/one", "b/two", "broken", "gone"]
    assert [isinstance(item, Volume) for item in items] == [True, True, True, False, False]
    assert (info.name, info.n_volumes, info.shape, info.dtype) == ("d", 5, (4, 3, 2), "int16")
    assert info.splits == {"unassigned": 5}
    assert info.notes == (
        "1 file is of another kind and not read",
        "1 hidden file and 1 hidden folder are not read",
        "2 of 5 volumes cannot be used",
    )
    assert [item.id for item in source.volumes(3)] == ["broken", "gone"]
    assert set(source.fingerprint()["files"]) == {"a.nii.gz", "b/one.nii", "b/two.nii", "broken.nii", "gone.nii"}
    assert str(tmp_path) not in repr([i for i in items if isinstance(i, Rejected)]) + repr(source.fingerprint())


def test_skipped_files_are_not_opened(save, tmp_path, monkeypatch):
    for i in range(4):
        save(f"d/{i}.nii")
    opened = []

    def counted(path, compressed):
        opened.append(path.name)
        return open_bytes(path, compressed)

    monkeypatch.setattr("tdaflow.sources.nifti.open_bytes", counted)
    assert [item.id for item in Nifti(tmp_path / "d").volumes(2)] == ["2", "3"]
    assert set(opened) == {"2.nii", "3.nii"}


def test_files_that_differ_only_in_suffix_are_not_guessed(save, tmp_path):
    save("d/a.nii")
    save("d/a.nii.gz")
    items = list(Nifti(tmp_path / "d").volumes())
    assert [item.id for item in items] == ["a.nii", "a.nii.gz"]
    assert all("differ only in their suffix" in item.reason for item in items)


# Offsets of header fields: nifti1.h.
DIM, DATATYPE, BITPIX, PIXDIM, VOX_OFFSET, SLOPE, INTER, UNITS = 40, 70, 72, 76, 108, 112, 116, 123
QUATERN, SROW, MAGIC, SFORM_CODE = 256, 280, 344, 254
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ({(0, "i"): 100}, "not NIfTI: its first four bytes"),
        ({(MAGIC, "4s"): b"ni1\0"}, "pair of .hdr and .img files"),
        ({(MAGIC, "4s"): b"\0\0\0\0"}, "is not NIfTI-1: its magic is"),
        ({(DIM, "h"): 9}, "9 dimensions"),
        ({(DIM, "h"): 2}, "a 2D slice of 2×3 voxels"),
        ({(DIM + 2, "h"): 0}, "dimensions 0×3×4 are not all positive"),
        ({(DIM + 2, "h"): -2}, "dimensions -2×3×4 are not all positive"),
        ({(DIM + 2, "h"): 3}, "truncated: its header promises 424 bytes, 400 are there"),
        ({(DIM + 6, "h"): 3}, "goes on after the 388 bytes that its header promises"),
        ({(DATATYPE, "h"): 128, (BITPIX, "h"): 24}, "voxels are RGB colours"),
        ({(DATATYPE, "h"): 32, (BITPIX, "h"): 64}, "voxels are complex numbers"),
        ({(DATATYPE, "h"): 1536, (BITPIX, "h"): 128}, "voxels are 128-bit floats"),
        ({(DATATYPE, "h"): 3}, "data type 3 is not one of NIfTI's"),
        ({(BITPIX, "h"): 8}, "says int16 but 8 bits a voxel"),
        ({(PIXDIM + 4, "f"): 0}, "spacing is (0, 2, 3), all three must be positive and"),
        ({(PIXDIM + 8, "f"): -2}, "spacing is (1, -2, 3)"),
        ({(PIXDIM + 12, "f"): NAN}, "spacing is (1, 2, nan)"),
        ({(PIXDIM + 12, "f"): INF}, "spacing is (1, 2, inf)"),
        ({(VOX_OFFSET, "f"): 0}, "the data begin at byte 0"),
        ({(VOX_OFFSET, "f"): NAN}, "the data begin at byte nan"),
        ({(VOX_OFFSET, "f"): 1e9}, "truncated: its header promises"),
        ({(SLOPE, "f"): INF}, "slope inf"),
        ({(SLOPE, "f"): 1, (INTER, "f"): NAN}, "intercept nan"),
        ({(UNITS, "B"): 5}, "unit of length 5"),
        ({(SROW, "f"): NAN}, "affine holds NaN or infinity"),
        ({(SROW, "f"): 0}, "affine is singular"),
        ({(SFORM_CODE, "h"): 0, (SFORM_CODE - 2, "h"): 1, (QUATERN, "f"): NAN}, "affine holds NaN"),
        ({(SFORM_CODE, "h"): 0, (SFORM_CODE - 2, "h"): 1, (QUATERN, "f"): 3}, "quaternion is longer than 1"),
    ],
)
def test_a_header_that_is_wrong_is_named(save, patch, reason):
    path = save("a.nii", patch=patch)
    item = only(path)
    assert isinstance(item, Rejected)
    assert item.reason.startswith("a.nii: the ")
    assert reason in item.reason
    assert "\n" not in item.reason
    assert Nifti(path).describe().notes == ("1 of 1 volume cannot be used",)


@pytest.mark.parametrize(
    ("voxels", "reason"),
    [
        (VOXELS[:, :, 0], "2D slice of 2×3 voxels"),
        (VOXELS[:, :, :1], "a slice of 1×3×2 voxels (z, y, x), not a volume"),
        (np.where(VOXELS == 5, np.nan, VOXELS).astype("f4"), "1 NaN among 24 voxels"),
        (np.ones_like(VOXELS), "constant"),
        (np.zeros((2, 3, 4, 1, 3), "i2"), "5 dimensions 2×3×4×1×3"),
    ],
)
def test_an_image_that_is_no_volume_is_named(save, voxels, reason):
    assert reason in only(save("a.nii", voxels)).reason


def test_damaged_compression_is_named(save, tmp_path):
    good = save("good.nii.gz").read_bytes()
    cases = {
        "short": (good[: len(good) // 2], "truncated"),
        "tail": (good[:-4], "truncated"),
        "crc": (good[:-8] + b"\0\0\0\0" + good[-4:], "compressed data are damaged"),
        "garbage": (good + b"garbage", "compressed data are damaged"),
        "plain": (gzip.decompress(good), "not gzip-compressed as its name says"),
        "empty": (b"", "not gzip-compressed"),
    }
    for name, (data, reason) in cases.items():
        (tmp_path / f"{name}.nii.gz").write_bytes(data)
        assert reason in only(tmp_path / f"{name}.nii.gz").reason, name
    (tmp_path / "a.nii").write_bytes(good)
    assert "gzip-compressed but its name" in only(tmp_path / "a.nii").reason
    (tmp_path / "b.nii").write_bytes(b"")
    assert "0 bytes are there" in only(tmp_path / "b.nii").reason


def test_a_small_gzip_cannot_promise_a_huge_volume(save):
    item = only(save("a.nii.gz", patch={(DIM + 2 * i, "h"): 32767 for i in (1, 2, 3)}))
    assert "truncated: its header promises" in item.reason


def test_sources_that_cannot_be_read_at_all_raise(save, tmp_path):
    with pytest.raises(InputError, match="no file or folder"):
        Nifti(tmp_path / "absent").describe()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no files that end in .nii.gz, .nii"):
        list(Nifti(tmp_path / "empty").volumes())
    (tmp_path / "x.npy").write_bytes(b"")
    with pytest.raises(InputError, match="has none of the suffixes"):
        Nifti(tmp_path / "x.npy").describe()


def test_a_missing_library_is_one_sentence_with_the_remedy(save, monkeypatch):
    path = save("a.nii")
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(InputError, match=r'nibabel, which is not installed: pip install "tdaflow\[medical\]"'):
        list(Nifti(path).volumes())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"volume_index": -1}, "volume_index=-1"),
        ({"volume_index": 0, "split_time": True}, "give one of the two"),
        ({"mask_mode": "crop"}, "needs mask_dir"),
        ({"mask_mode": "cut", "mask_dir": "m"}, "mask_mode"),
        ({"margin": -1}, "margin=-1"),
        ({"margin": 1.5, "margin_unit": "voxels"}, "whole number of voxels"),
        ({"mask_label": 0}, "mask_label=0 is the background"),
        ({"colour": 1}, "the nifti source has no option 'colour'"),
    ],
)
def test_wrong_options_are_config_errors(options, message):
    with pytest.raises(ConfigError, match=message):
        open_source({"kind": "nifti", "path": "d", **options})


def test_plain_options_make_the_source(tmp_path):
    source = open_source({"kind": "nifti", "path": str(tmp_path / "scans"), "canonical": False, "volume_index": 0})
    assert source == Nifti(tmp_path / "scans", canonical=False, volume_index=0)
    assert source.name == "scans"
