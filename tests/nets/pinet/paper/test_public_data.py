"""Loaders of the public data sets, on small files in their formats."""

import io
import tarfile

import numpy as np
import pytest
from scipy.io import savemat

from tdaflow.errors import InputError
from tdaflow.nets.pinet.paper.accelerometers import (
    USC_HAD_TRAIN_SUBJECTS,
    cut_frames,
    read_geneactiv,
    read_usc_had,
)
from tdaflow.nets.pinet.paper.photographs import PUBLISHED, read_cifar10, read_cifar100, read_svhn


def archive(path, members):
    with tarfile.open(path, "w:gz") as opened:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            opened.addfile(info, io.BytesIO(data))


def record(labels, image):
    return bytes(labels) + image.transpose(2, 0, 1).tobytes()


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)


def test_cifar10_is_read_record_by_record(tmp_path, image):
    members = {f"cifar-10-batches-bin/data_batch_{i}.bin": record([i], image) for i in range(1, 6)}
    members["cifar-10-batches-bin/test_batch.bin"] = record([9], image[::-1]) + record([0], image)
    archive(tmp_path / "cifar-10-binary.tar.gz", members)
    train, test = read_cifar10(tmp_path)
    assert train.labels.tolist() == [1, 2, 3, 4, 5]
    assert test.labels.tolist() == [9, 0]
    np.testing.assert_array_equal(train.images[3], image)
    np.testing.assert_array_equal(test.images[0], image[::-1])


def test_cifar100_has_a_coarse_label_before_the_fine_one(tmp_path, image):
    archive(tmp_path / "cifar-100-binary.tar.gz", {n: record([7, 63], image) for n in ("c/train.bin", "c/test.bin")})
    train, _ = read_cifar100(tmp_path)
    assert train.labels.tolist() == [63]
    np.testing.assert_array_equal(train.images[0], image)


def test_svhn_calls_the_digit_zero_ten(tmp_path, image):
    for part in ("train", "test"):
        stack = np.stack([image, image[:, ::-1]], axis=-1)
        savemat(tmp_path / f"{part}_32x32.mat", {"X": stack, "y": np.array([[10], [3]], np.uint8)})
    train, _ = read_svhn(tmp_path)
    assert train.labels.tolist() == [0, 3]
    np.testing.assert_array_equal(train.images[1], image[:, ::-1])


def test_what_is_missing_or_broken_is_named(tmp_path, image):
    with pytest.raises(InputError, match="allow the download"):
        read_cifar10(tmp_path)
    archive(tmp_path / "cifar-100-binary.tar.gz", {"train.bin": record([1, 2], image)[:-1]})
    with pytest.raises(InputError, match="no multiple of 3074"):
        read_cifar100(tmp_path)
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="download it again"):
        read_cifar10(tmp_path)
    (tmp_path / "train_32x32.mat").write_bytes(b"no")
    (tmp_path / "test_32x32.mat").write_bytes(b"no")
    with pytest.raises(InputError, match="download it again"):
        read_svhn(tmp_path)


def test_a_download_is_asked_for_with_the_published_sum(tmp_path, monkeypatch):
    asked = []

    def fetched(published, path):
        asked.append((published, path))
        raise InputError("no network")

    monkeypatch.setattr("tdaflow.nets.pinet.paper.photographs.fetch", fetched)
    with pytest.raises(InputError, match="no network"):
        read_cifar10(tmp_path, download=True)
    assert asked == [(PUBLISHED["cifar-10-binary.tar.gz"], tmp_path / "cifar-10-binary.tar.gz")]
    assert asked[0][0].md5 == "c32a1d4ab5d03f1284b67883e8d87530"


def test_frames_do_not_overlap_and_the_rest_is_dropped():
    signal = np.arange(25.0)[:, None] * [1, 10, 100]
    frames = cut_frames(signal, 10)
    assert frames.shape == (2, 3, 10)
    assert frames[1, 1].tolist() == [100.0 + 10 * i for i in range(10)]


def test_usc_had_is_read_by_subject_and_activity(tmp_path):
    rng = np.random.default_rng(0)
    trials = {(1, 12): rng.random((2100, 6)), (9, 3): rng.random((1000, 6))}
    for (subject, activity), readings in trials.items():
        (tmp_path / f"Subject{subject}").mkdir()
        savemat(tmp_path / f"Subject{subject}" / f"a{activity}t1.mat", {"sensor_readings": readings})
    frames = read_usc_had(tmp_path)
    assert frames.signals.shape == (3, 3, 1000)
    assert frames.labels.tolist() == [11, 11, 2]
    np.testing.assert_array_equal(frames.signals[1, 2], trials[1, 12][1000:2000, 2])
    assert frames.of(USC_HAD_TRAIN_SUBJECTS).subjects.tolist() == [1, 1]
    savemat(tmp_path / "Subject9" / "a4t1.mat", {"sensor_readings": np.zeros((5, 3))})
    with pytest.raises(InputError, match="not \\(t, 6\\)"):
        read_usc_had(tmp_path)
    with pytest.raises(InputError, match=r"USC-HAD\.zip"):
        read_usc_had(tmp_path / "Subject9")


def geneactiv(path, rate="100", device="GENEActiv"):
    header = [f"Device Type,{device}", "Device Model,1.1", f"Measurement Frequency,{rate} Hz", *["x,"] * 97]
    rows = [f"2012-05-23 16:47:50:{i:03d},{i / 10},{-i},0.5,12,0,25.1" for i in range(4)]
    path.write_text("\n".join([*header, *rows]) + "\n")
    return path


def test_geneactiv_exports_are_read_after_their_header(tmp_path):
    found = read_geneactiv(geneactiv(tmp_path / "a.csv"))
    assert found.tolist() == [[0.0, 0.0, 0.5], [0.1, -1.0, 0.5], [0.2, -2.0, 0.5], [0.3, -3.0, 0.5]]
    with pytest.raises(InputError, match="not recorded at 100 Hz"):
        read_geneactiv(geneactiv(tmp_path / "b.csv", rate="50"))
    with pytest.raises(InputError, match="no CSV export"):
        read_geneactiv(geneactiv(tmp_path / "c.csv", device="Other"))
    with pytest.raises(InputError, match="export it again"):
        read_geneactiv(tmp_path / "none.csv")
