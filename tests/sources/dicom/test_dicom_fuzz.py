"""Damaged files: whatever bytes say, every series ends as a volume or a rejection, without a warning."""

import io
import os
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdaflow.sources import Rejected, Volume, check_voxels
from tdaflow.sources.dicom import Dicom

SECONDS = float(os.environ.get("TDAFLOW_FUZZ_SECONDS", "3"))
SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "RLE")


@pytest.fixture
def seeds(one_slice, stored):
    """Three intact slices in each transfer syntax, as bytes."""
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
    return series


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
        slices = list(seeds[SYNTAXES[rng.integers(len(SYNTAXES))]])
        same = rng.integers(2)  # one damaged slice, or the same damage in all
        seed = int(rng.integers(1 << 32))
        for k in range(3) if same else [int(rng.integers(3))]:
            slices[k] = mutate(slices[k], np.random.default_rng(seed))
        for k, raw in enumerate(slices):
            (folder / f"{k}.dcm").write_bytes(raw)
        started = time.perf_counter()
        outcomes[outcome(Dicom(folder, tmp_path / "id.key", allow_uneven=bool(rng.integers(2))))] += 1
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
