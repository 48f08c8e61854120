"""OME-Zarr images as volumes."""

import json
import pickle
import re
import shutil
from pathlib import Path

import numcodecs
import numcodecs.pickles
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec

from tdaflow.errors import ConfigError, InputError
from tdaflow.sources import Rejected, Source, open_source
from tdaflow.sources.ome_zarr import OmeZarr

VOXELS = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
ZYX = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]


def multiscales(*levels, axes=ZYX, **more):
    """Metadata of an image whose levels are given as (path, transformations)."""
    datasets = [{"path": path, "coordinateTransformations": steps} for path, steps in levels]
    return [{"axes": axes, "datasets": datasets, **more}]


def scale(*values):
    return {"type": "scale", "scale": list(values)}


def translation(*values):
    return {"type": "translation", "translation": list(values)}


def write(path, levels, metadata, zarr_format=3, **array_options):
    group = zarr.create_group(path, zarr_format=zarr_format)
    for number, voxels in enumerate(levels):
        options = {"chunks": tuple(min(3, n) for n in voxels.shape), **array_options}
        group.create_array(str(number), data=voxels, config={"write_empty_chunks": True}, **options)
    if zarr_format == 3:
        group.attrs["ome"] = {"version": "0.5", "multiscales": metadata}
    else:
        group.attrs["multiscales"] = [{"version": "0.4", **image} for image in metadata]
    return path


@pytest.fixture
def image(tmp_path):
    """Writer of one image of the voxels above, spacing (2000, 500, 250) µm."""

    def make(name="scan.ome.zarr", voxels=VOXELS, metadata=None, zarr_format=3, **options):
        metadata = metadata if metadata is not None else multiscales(("0", [scale(2000, 500, 250)]))
        return write(tmp_path / name, [voxels], metadata, zarr_format, **options)

    return make


def only(source):
    (item,) = source.volumes()
    return item


def reason(source):
    item = only(source)
    assert isinstance(item, Rejected)
    assert "\n" not in item.reason
    assert str(source.path.parent) not in item.reason
    assert source.describe().n_volumes == 1
    return item.reason


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", ["bool", "uint8", ">i2", "float16", "float64"])
def test_one_image_is_one_volume(image, zarr_format, dtype):
    voxels = (VOXELS % 7 > 2 if dtype == "bool" else VOXELS).astype(dtype)
    source = OmeZarr(image(voxels=voxels, zarr_format=zarr_format))
    assert isinstance(source, Source)
    info, volume = source.describe(), only(source)
    assert (info.name, info.n_volumes, info.shape, info.notes) == ("scan", 1, (4, 5, 6), ())
    assert (info.dtype, info.splits) == (np.dtype(dtype).name, {"unassigned": 1})
    assert (volume.id, volume.spacing, volume.voxels.dtype.isnative) == ("scan", (2, 0.5, 0.25), True)
    assert volume.voxels.flags.c_contiguous
    assert np.array_equal(volume.voxels, voxels)
    assert volume.facts == {
        "format": "OME-Zarr 0.5" if zarr_format == 3 else "OME-Zarr 0.4",
        "level": 0,
        "axes": ["z", "y", "x"],
        "channel": None,
        "timepoint": None,
        "unit": ["micrometer"] * 3,
        "unit_assumed": None,
        "spacing_from": "image",
        "translation": [0, 0, 0],
        "chunks_missing": 0,
    }


def test_a_level_of_the_pyramid_is_chosen_by_number(tmp_path):
    metadata = multiscales(("0", [scale(1, 1, 1)]), ("1", [scale(2, 2, 2), translation(0.5, 0.5, 0.5)]))
    path = write(tmp_path / "a.zarr", [VOXELS, VOXELS[::2, ::2, ::2]], metadata)
    volume = only(OmeZarr(path, level=1))
    assert np.array_equal(volume.voxels, VOXELS[::2, ::2, ::2])
    assert volume.spacing == (0.002, 0.002, 0.002)
    assert volume.facts["translation"] == [0.0005, 0.0005, 0.0005]
    assert reason(OmeZarr(path, level=2)) == "level 2 is out of range, the image has the levels 0 to 1"


def test_a_missing_unit_is_told(image):
    axes = [{"name": "z", "unit": "millimeter"}, {"name": "y"}, {"name": "x"}]
    source = OmeZarr(image(metadata=multiscales(("0", [scale(3, 1, 1)]), axes=axes)))
    assert source.describe().notes == ("1 image states no unit along z, y or x; their scale is taken to be in mm",)
    volume = only(source)
    assert volume.spacing == (3, 1, 1)
    assert (volume.facts["unit"], volume.facts["unit_assumed"]) == (["millimeter", None, None], "millimeter")


def test_the_spacing_option_goes_before_what_the_image_says(image):
    source = OmeZarr(image(metadata=multiscales(("0", []))), spacing=(3, 1, 2))
    volume = only(source)
    assert (volume.spacing, volume.facts["spacing_from"], volume.facts["translation"]) == ((3, 1, 2), "options", None)


def test_axes_go_by_name_whatever_their_order(image):
    axes = [{"name": axis, "unit": "millimeter"} for axis in ("X", "z", "c", "y")]
    stored = np.stack([VOXELS, VOXELS + 1]).transpose(3, 1, 0, 2)
    path = image(voxels=stored, metadata=multiscales(("0", [scale(1, 3, 1, 2)]), axes=axes))
    volume = only(OmeZarr(path, channel=1))
    assert np.array_equal(volume.voxels, VOXELS + 1)
    assert volume.spacing == (3, 2, 1)
    assert OmeZarr(path, channel=1).describe().shape == (4, 5, 6)


def test_time_and_channel_are_chosen_unless_there_is_one(image):
    axes = [{"name": "t"}, {"name": "c"}, *ZYX]
    metadata = multiscales(("0", [scale(1, 1, 1, 1, 1)]), axes=axes)
    single = image("one.zarr", VOXELS[None, None], metadata)
    assert np.array_equal(only(OmeZarr(single)).voxels, VOXELS)
    many = image("many.zarr", np.arange(6).reshape(3, 2, 1, 1, 1) * 1000 + VOXELS, metadata)
    volume = only(OmeZarr(many, channel=1, timepoint=2))
    assert np.array_equal(volume.voxels, VOXELS + 5000)
    assert (volume.facts["channel"], volume.facts["timepoint"]) == (1, 2)
    assert "axis 't' has 3 entries" in reason(OmeZarr(many, channel=1))
    assert "choose one with channel=" in reason(OmeZarr(many, timepoint=0))
    assert reason(OmeZarr(many, channel=2)) == "channel=2 is out of range, the image has 2 along axis 'c'"
    other = [{"name": "lambda"}, *ZYX]
    path = image("spectral.zarr", np.stack([VOXELS] * 2), multiscales(("0", [scale(1, 1, 1, 1)]), axes=other))
    assert "axis 'lambda' has 2 entries" in reason(OmeZarr(path))


def test_arrays_that_cannot_be_used_are_one_sentence(image):
    assert "of type complex64" in reason(OmeZarr(image("complex.zarr", VOXELS.astype(np.complex64))))
    assert "length 1 along z: it is 2D" in reason(OmeZarr(image("flat.zarr", VOXELS[:1])))
    constant = OmeZarr(image("constant.zarr", np.ones_like(VOXELS)))
    assert reason(constant) == "the volume is constant, every voxel is 1"
    holes = VOXELS.astype(float)
    holes[0, 0, 0] = np.nan
    assert "1 NaN among 120 voxels" in reason(OmeZarr(image("nan.zarr", holes)))
    path = image("axes.zarr", metadata=multiscales(("0", [scale(1, 1, 1, 1)]), axes=["c", "z", "y", "x"]))
    assert "4 axes but its array 3 dimensions" in reason(OmeZarr(path))
    path = image("path.zarr", metadata=multiscales(("1", [scale(1, 1, 1)])))
    assert "level 0 ('1') cannot be opened" in reason(OmeZarr(path))
    path = image("up.zarr", metadata=multiscales(("../scan.ome.zarr/0", [scale(1, 1, 1)])))
    assert "names no array inside the image" in reason(OmeZarr(path))
    path = image("group.zarr", metadata=multiscales(("sub", [scale(1, 1, 1)])))
    zarr.open_group(path).create_group("sub")
    assert "is a group, not an array" in reason(OmeZarr(path))


@pytest.mark.parametrize("compressors", ["auto", None, "zstd", "blosc"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_damaged_chunks_are_told(image, zarr_format, compressors):
    if compressors == "blosc":
        compressors = numcodecs.Blosc() if zarr_format == 2 else BloscCodec()
    elif compressors == "zstd":
        compressors = numcodecs.Zstd() if zarr_format == 2 else ZstdCodec()
    path = image(zarr_format=zarr_format, compressors=compressors)
    chunk = next(file for file in sorted((path / "0").rglob("*")) if file.is_file() and "z" not in file.name)
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[: len(whole) // 2])
    assert re.search("chunks? (is|are) damaged or cut short", reason(OmeZarr(path)))
    assert OmeZarr(path).describe().shape == (4, 5, 6)  # metadata only
    chunk.unlink()
    volume = only(OmeZarr(path))
    assert volume.facts["chunks_missing"] == 1
    assert volume.voxels[0, 0, 0] == 0


def test_a_flipped_bit_under_a_checksum_is_told(image):
    path = image(compressors=[Crc32cCodec()])
    chunk = path / "0" / "c" / "0" / "0" / "0"
    raw = bytearray(chunk.read_bytes())
    raw[5] ^= 1
    chunk.write_bytes(raw)
    assert "checksum" in reason(OmeZarr(path))


def test_an_image_without_any_chunk_is_not_a_black_one(image):
    path = image()
    shutil.rmtree(path / "0" / "c")
    assert reason(OmeZarr(path)) == "none of the 8 chunks is there: copy the image again"


def test_a_shape_beyond_memory_is_refused_at_once(image):
    path = image()
    array = path / "0" / "zarr.json"
    metadata = json.loads(array.read_text())
    for shape in ([10**6] * 3, [2**62] * 3):
        array.write_text(json.dumps({**metadata, "shape": shape}))
        assert "does not fit into memory: choose a higher level" in reason(OmeZarr(path))


def test_chunks_of_other_channels_do_not_matter(image):
    axes = [{"name": "c"}, *ZYX]
    metadata = multiscales(("0", [scale(1, 1, 1, 1)]), axes=axes)
    path = image(voxels=np.stack([VOXELS] * 2), metadata=metadata, chunks=(1, 4, 5, 6))
    (path / "0" / "c" / "0" / "0" / "0" / "0").unlink()
    assert only(OmeZarr(path, channel=1)).facts["chunks_missing"] == 0
    assert "none of the 1 chunk is there" in reason(OmeZarr(path, channel=0))


def test_shards_are_read(image):
    path = image(voxels=VOXELS[:, :4, :4], chunks=(2, 2, 2), shards=(4, 4, 4))
    volume = only(OmeZarr(path))
    assert np.array_equal(volume.voxels, VOXELS[:, :4, :4])
    assert volume.facts["chunks_missing"] == 0


class Touch:
    """What a pickle can do."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    "codecs",
    [
        {"compressor": {"id": "pickle"}},
        {"filters": [{"id": "pickle"}], "compressor": None},
        {"filters": [{"id": "vlen-utf8"}, {"id": "pickle"}], "compressor": None, "dtype": "|O", "fill_value": ""},
        {"filters": [{"id": "vlen-utf8"}], "compressor": {"id": "pickle"}, "dtype": "|O", "fill_value": ""},
    ],
    ids=["compressor", "filter", "filter of text", "compressor of text"],
)
def test_nothing_is_unpickled_not_even_where_zarr_would(image, tmp_path, monkeypatch, codecs):
    monkeypatch.setattr(numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False)
    path = image(zarr_format=2)
    metadata = path / "0" / ".zarray"
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), **codecs}))
    for chunk in [file for file in (path / "0").rglob("*") if file.is_file() and not file.name.startswith(".")]:
        chunk.write_bytes(pickle.dumps(Touch(tmp_path / "made-by-a-pickle")))
    assert reason(OmeZarr(path))
    assert not (tmp_path / "made-by-a-pickle").exists()


def test_start_opens_nothing_that_it_skips(image, tmp_path):
    for number in range(3):
        image(f"d/{number}.zarr")
    source = OmeZarr(tmp_path / "d")
    for start in range(5):
        assert [item.id for item in source.volumes(start)] == ["0", "1", "2"][start:]
    (tmp_path / "d" / "0.zarr" / "0" / "zarr.json").write_text("damaged")
    assert not isinstance(next(source.volumes(1)), Rejected)
    assert isinstance(next(source.volumes()), Rejected)


def test_shapes_and_types_may_differ(image, tmp_path):
    image("d/a.zarr")
    image("d/b.zarr", VOXELS[:3].astype(float))
    info = OmeZarr(tmp_path / "d").describe()
    assert (info.shape, info.dtype) == (None, None)


def test_what_is_no_folder_of_images_is_refused(image, tmp_path):
    (tmp_path / "file.zarr.zip").write_text("zip")
    (tmp_path / "empty").mkdir()
    for name, message in {
        "absent": "there is no folder .*absent",
        "file.zarr.zip": "is a file: unpack it",
        "empty": "holds no Zarr group",
    }.items():
        for method in ("describe", "fingerprint"):
            with pytest.raises(InputError, match=message):
                getattr(OmeZarr(tmp_path / name), method)()


def test_options_are_checked_and_come_from_plain_text(image):
    path = image()
    source = open_source({"kind": "ome-zarr", "path": str(path), "level": "0", "spacing": [1, 2, 3]})
    assert source == OmeZarr(path, spacing=(1.0, 2.0, 3.0))
    assert pickle.loads(pickle.dumps(source)) == source
    for wrong in ({"level": -1}, {"channel": -1}, {"limit": 0}, {"spacing": [1, 1, 0]}, {"levels": 1}):
        with pytest.raises(ConfigError):
            open_source({"kind": "ome-zarr", "path": str(path), **wrong})


def test_the_fingerprint_follows_the_level_and_no_folder_name(image, tmp_path):
    path = image()
    source = OmeZarr(path)
    before = source.fingerprint()
    assert json.loads(json.dumps(before)) == before
    assert str(tmp_path) not in json.dumps(before)
    zarr.open_group(path).create_group("labels")  # labels are no voxels
    assert source.fingerprint() == before
    (path / "0" / "c" / "0" / "0" / "0").write_bytes(b"changed")
    assert source.fingerprint() != before


def test_a_folder_of_images_grows(image, tmp_path, assert_grows):
    image("b.ome.zarr")
    image("d.ome.zarr")
    assert_grows(OmeZarr(tmp_path), lambda: (image("a.ome.zarr"), image("c.ome.zarr")))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_files_of_any_content_are_read_or_rejected(image, tmp_path, data):
    number = len(list(tmp_path.iterdir()))
    path = image(f"{number}.zarr", zarr_format=data.draw(st.sampled_from([2, 3])))
    files = sorted(file for file in path.rglob("*") if file.is_file())
    file = data.draw(st.sampled_from(files))
    raw = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    source = OmeZarr(path)
    try:
        assert source.describe().n_volumes == 1
        item = only(source)
    except InputError:
        return  # not a Zarr group any more
    if isinstance(item, Rejected):
        assert "\n" not in item.reason
        assert str(tmp_path) not in item.reason


def test_a_background_of_nan_takes_the_lowest_value_where_it_is_asked_for(image, tmp_path):
    voxels = VOXELS.astype(np.float32) + 7
    voxels[0] = np.nan
    path = image(voxels=voxels)
    (refused,) = OmeZarr(path).volumes()
    assert refused.reason.endswith("take the lowest finite value there with --set data.nan=lowest")
    (filled,) = OmeZarr(path, nan="lowest").volumes()
    np.testing.assert_array_equal(filled.voxels, np.where(np.isnan(voxels), 37, voxels))
    assert filled.facts["nan_filled"] == {"voxels": 30, "value": 37.0}
    assert "nan" not in OmeZarr(path).fingerprint()
    assert OmeZarr(path, nan="lowest").fingerprint()["nan"] == "lowest"
