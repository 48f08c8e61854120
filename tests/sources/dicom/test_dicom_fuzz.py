"""Damaged files: whatever bytes say, every series ends as a volume or a rejection, without a warning."""

import io
import os
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread

from tdaflow.sources import Rejected, Volume, check_voxels
from tdaflow.sources.dicom import Dicom

SECONDS = float(os.environ.get("TDAFLOW_FUZZ_SECONDS", "3"))
SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "RLE")
SHIPPED = ("MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "JPGExtended.dcm")


@pytest.fixture
def seeds(one_slice, stored):
    """Three intact slices in each transfer syntax, as bytes; and as the frames of one enhanced object."""
    series = {}
    for syntax in SYNTAXES:
        slices = []
        for k in range(3):
            data = one_slice(
                stored[k], (0, 0, 2.0 * k), instance=k + 1, syntax=syntax if syntax[0] == "1" else SYNTAXES[1]
            )
            if syntax == "RLE":
                data.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
            buffer = io.BytesIO()
            data.save_as(buffer, enforce_file_format=True)
            slices.append(buffer.getvalue())
        series[syntax] = slices
    for name in SHIPPED:
        series[name] = []
        data = dcmread(Path(pydicom.data.__file__).parent / "test_files" / name)
        data.StudyInstanceUID, data.SeriesInstanceUID, data.PixelSpacing = "1.2.4", "1.2.5", [1, 1]
        data.RescaleSlope, data.RescaleIntercept, data.ImageOrientationPatient = 1, 0, [1, 0, 0, 0, 1, 0]
        for k in range(3):
            data.ImagePositionPatient, data.InstanceNumber, data.SOPInstanceUID = [0, 0, 2.0 * k], k + 1, f"1.2.6.{k}"
            buffer = io.BytesIO()
            data.save_as(buffer)
            series[name].append(buffer.getvalue())
    series["enhanced"] = [_enhanced(one_slice, stored)]
    return series


def _enhanced(one_slice, stored):
    def group(sequence, **values):
        inner, outer = Dataset(), Dataset()
        inner.update(values)
        setattr(outer, sequence, [inner])
        return outer

    data = one_slice(stored[0], (0, 0, 0), ImagePositionPatient=None, NumberOfFrames=3, PixelData=stored[:3].tobytes())
    data.SharedFunctionalGroupsSequence = [group("PixelMeasuresSequence", PixelSpacing=[0.5, 0.25])]
    data.PerFrameFunctionalGroupsSequence = [
        group("PlanePositionSequence", ImagePositionPatient=[0.0, 0.0, 2.0 * k]) for k in range(3)
    ]
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def outcome(source):
    """Read everything: each file in a volume or a rejection, all well-formed, nothing raised or set aside."""
    items = list(source.volumes())
    info = source.describe()
    assert info.n_volumes == len(items)
    assert not any("set aside" in note for note in info.notes)
    for item in items:
        if isinstance(item, Volume):
            assert check_voxels(item.voxels) is None
            assert np.isfinite(item.spacing).all()
            assert min(item.spacing) > 0
            assert np.isfinite(item.facts["affine"]).all()
        else:
            assert isinstance(item, Rejected)
            assert item.reason.startswith(("series ", "file "))
            assert "\n" not in item.reason
    return " + ".join(sorted(type(item).__name__ for item in items))


def mutate(raw, rng):
    """A few random changes of the kinds that disks, networks and bad software make."""
    raw = bytearray(raw)
    for _ in range(rng.integers(1, 4)):
        at, kind = int(rng.integers(132, max(133, len(raw)))), rng.integers(6)
        if kind == 0 and at < len(raw):
            raw[at] ^= 1 << int(rng.integers(8))
        elif kind == 1 and at < len(raw):
            raw[at] = int(rng.integers(256))
        elif kind == 2:
            del raw[at : at + int(rng.integers(1, 40))]
        elif kind == 3:
            raw[at:at] = rng.bytes(int(rng.integers(1, 20)))
        elif kind == 4:
            raw[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"SQ\0\0", b"NaN "])
        else:
            del raw[at:]
    return bytes(raw)


def test_mutated_files_never_break_the_reader(seeds, tmp_path):
    """Set TDAFLOW_FUZZ_SECONDS to fuzz for longer."""
    rng = np.random.default_rng(int(os.environ.get("TDAFLOW_FUZZ_SEED", "0")))
    folder = tmp_path / "images"
    folder.mkdir()
    outcomes, slowest, began = Counter(), 0.0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        kinds = list(seeds)
        slices = list(seeds[kinds[rng.integers(len(kinds))]])
        same = rng.integers(2)  # one damaged slice, or the same damage in all
        seed = int(rng.integers(1 << 32))
        for k in range(len(slices)) if same else [int(rng.integers(len(slices)))]:
            slices[k] = mutate(slices[k], np.random.default_rng(seed))
        for path in folder.iterdir():
            path.unlink()
        for k, raw in enumerate(slices):
            (folder / f"{k}.dcm").write_bytes(raw)
        started = time.perf_counter()
        outcomes[
            outcome(
                Dicom(folder, tmp_path / "id.key", allow_uneven=bool(rng.integers(2)), split_time=bool(rng.integers(2)))
            )
        ] += 1
        slowest = max(slowest, time.perf_counter() - started)
    print(f"{outcomes.total()} folders, slowest {slowest:.2f} s, {dict(outcomes.most_common())}")
    assert slowest < 10
    assert outcomes.total() > 10


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), magic=st.booleans())
def test_arbitrary_bytes_are_one_rejection(tmp_path, content, magic):
    folder = tmp_path / "images"
    folder.mkdir(exist_ok=True)
    (folder / "a.dcm").write_bytes(b"\0" * 128 + b"DICM" + content if magic else content)
    outcome(Dicom(folder, tmp_path / "id.key"))
