"""Nothing that identifies a patient leaves the reader: planted secrets are searched in all that does."""

import json
import logging
import threading
import traceback
import warnings

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.sources import Rejected, Volume
from tdaflow.sources.dicom import Dicom
from tdaflow.sources.dicom.quiet import quiet_pydicom

SECRET = "Zq7Planted"
NUMBER = "94837162519"  # planted in UIDs, which are digits
PLANTED = {
    "PatientName": f"{SECRET}^Jane",
    "PatientID": f"{SECRET}1",
    "AccessionNumber": SECRET,
    "PatientBirthDate": "19330101",
    "StudyDescription": SECRET,
    "InstitutionName": SECRET,
    "ProtocolName": SECRET,
    "StudyInstanceUID": f"1.2.{NUMBER}.1",
    "ImageComments": SECRET,
    "RescaleType": SECRET,
}


def everything_said(item):
    """All text of an object, its fields and its facts."""
    return f"{item!r} {item} {vars(item)} {json.dumps(dict(item.facts)) if isinstance(item, Volume) else ''}"


def assert_silent(text):
    for secret in (SECRET, NUMBER, "19330101"):
        assert secret.lower() not in text.lower()


@pytest.fixture
def secret_folder(tmp_path):
    path = tmp_path / f"{SECRET}_folder" / "images"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def folder(secret_folder):
    """The folder that `write` and `source` use, with the secret in its path."""
    return secret_folder


@pytest.fixture
def outlets(caplog, capfd):
    """All that was logged, warned and printed; warnings are recorded and never errors."""
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield lambda: f"{caplog.text} {[str(w.message) for w in caught]} {capfd.readouterr()}"


def test_a_good_series(write, source, stored, outlets):
    write(stored, prefix=f"{SECRET}_sub/{SECRET}", **PLANTED)
    made = source()
    (volume,) = made.volumes()
    assert isinstance(volume, Volume)
    said = [everything_said(volume), repr(made), str(made.describe()), json.dumps(made.fingerprint()), outlets()]
    assert_silent(" ".join(said))
    assert volume.facts["dropped"]["PatientName"] == 6
    assert made.private_map()[0][2].startswith(SECRET)  # the one way back


@pytest.mark.parametrize(
    "tags",
    [
        {"NumberOfFrames": 2},
        {"PhotometricInterpretation": SECRET.upper()[:16]},
        {"Modality": SECRET.upper()[:16], "RescaleSlope": 0},
        {"SOPClassUID": f"1.2.{NUMBER}"},
        {"ImageType": [SECRET.upper(), "LOCALIZER"]},
        {"PixelSpacing": None},
        {"ImageOrientationPatient": [1, 0, 0, 0, 0.8, 0.6]},
        {"Rows": 4000},
    ],
)
def test_rejected_series(write, source, stored, outlets, tags):
    import pydicom

    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    try:
        write(stored, prefix=f"{SECRET}_sub/{SECRET}", **{**PLANTED, **tags})
    finally:
        pydicom.config.settings.writing_validation_mode = None
    outlets()
    items = list(source().volumes())
    assert_silent(" ".join([*map(everything_said, items), str(source().describe())]))


def test_words_that_divide_a_series_stay_in_the_reader(write, source, stored, outlets):
    for kernel in (f"{SECRET}1", f"{SECRET}2"):
        tags = {**PLANTED, "ConvolutionKernel": kernel, "ImageType": ["ORIGINAL", "PRIMARY", kernel.upper()]}
        write(
            stored,
            prefix=kernel,
            edit=lambda data, k: setattr(data, "SOPInstanceUID", f"1.2.{data.ConvolutionKernel[-1]}.{k}"),
            **tags,
        )
    outlets()
    items = [item for options in ({}, {"split_time": True}) for item in source(**options).volumes()]
    assert [type(item) for item in items] == [Rejected, Volume, Volume]
    assert_silent(" ".join([*map(everything_said, items), str(source(split_time=True).describe()), outlets()]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"-10.0\\-20.0\\", SECRET.encode() + b"\\"),  # a position that is no number
        (b"ISO_IR 100", SECRET.encode()),  # an unknown character set, of which pydicom warns
        (b"MONOCHROME2", (SECRET + "  ").encode()[:11]),
        (b"1.2.826.0.1.1.7\0", f"1.{NUMBER}.1/2".encode()[:16].ljust(16)),
        (b"DS", b"ZQ"),  # an unknown type
        (b"PN", b"DA"),  # a name as a date
        (b"LO", b"IS"),  # text as integers
        (b"UI", b"FD"),  # identifiers as floating-point numbers
        (b"CS", b"SQ"),  # words as sequences
    ],
)
def test_damaged_headers_that_make_a_parser_complain(write, source, folder, stored, outlets, old, new):
    write(stored, prefix=SECRET, SpecificCharacterSet="ISO_IR 100", **PLANTED)
    for file in folder.iterdir():
        raw = file.read_bytes()
        assert old in raw
        file.write_bytes(raw[:400] + raw[400:].replace(old, new))
    outlets()
    try:
        text = " ".join(map(everything_said, source().volumes()))
    except InputError as error:
        text = "".join(traceback.format_exception(error))
    assert_silent(text + str(source().describe()) + outlets())


def test_errors_have_no_path_and_no_cause_that_has_one(source, folder, tmp_path, outlets):
    table = tmp_path / f"{SECRET}.csv"
    table.write_text(f"id,label\n{SECRET},1\n")
    (folder / f"{SECRET}.txt").write_text("x")
    key = tmp_path / f"{SECRET}.key"
    key.write_bytes(bytes(32))
    key.chmod(0o644)
    for make in (
        lambda: Dicom(folder / SECRET, tmp_path / "k").describe(),
        lambda: Dicom(folder / f"{SECRET}.txt", tmp_path / "k").describe(),
        lambda: source().describe(),
        lambda: source(id_key=key).fingerprint(),
        lambda: source(id_key=folder / "k").fingerprint(),
        lambda: source(labels=tmp_path / f"{SECRET}no.csv").fingerprint(),
        lambda: source().write_private_map(key),
    ):
        with pytest.raises(InputError) as caught:
            make()
        assert_silent(str(caught.value) + repr(caught.value) + "".join(traceback.format_exception(caught.value)))
        assert caught.value.__context__ is None
    assert_silent(outlets())


def complain(pydicom):
    """Make pydicom warn, and quote what it warns of."""
    pydicom.charset.convert_encodings([SECRET])


def test_no_warning_leaves_the_reader_and_others_still_do():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with quiet_pydicom() as pydicom, quiet_pydicom():
            complain(pydicom)
            warnings.warn("ours", stacklevel=1)
        complain(pydicom)
    assert [str(w.message)[:20] for w in caught] == ["ours", f"Unknown encoding '{SECRET}"[:20]]
    assert not logging.getLogger("pydicom").disabled


def test_quiet_readers_in_threads_leave_everything_as_it_was():
    with quiet_pydicom() as pydicom:
        pass

    def state():
        mode = pydicom.config.settings.reading_validation_mode
        return list(warnings.filters), logging.getLogger("pydicom").disabled, mode

    before, errors = state(), []

    def read():
        try:
            for _ in range(200):
                with quiet_pydicom():
                    complain(pydicom)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert state() == before


def test_ids_differ_from_plain_hashes_and_between_keys(write, source, stored, tmp_path):
    import hashlib

    write(stored, **PLANTED)
    (one,) = source().volumes()
    (other,) = source(id_key=tmp_path / "other.key").volumes()
    assert not {one.id, one.group} & {other.id, other.group}
    for text in (PLANTED["PatientID"], PLANTED["StudyInstanceUID"]):
        assert one.group != hashlib.sha256(text.encode()).hexdigest()[:20]
    np.testing.assert_array_equal(one.voxels, other.voxels)
    assert not isinstance(one, Rejected)
