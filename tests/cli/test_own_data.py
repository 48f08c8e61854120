"""The page data/README.md, command by command, and what an ingest of one's own data promises."""

import json
import re
import shlex
import stat
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tdaflow.store import VolumeStore
from tdaflow.store.ome_zarr import write_ome_zarr

nibabel = pytest.importorskip("nibabel")
pytest.importorskip("pydicom")

SHAPE = (18, 16, 14)
IDS = "abcd"
README = Path(__file__).parents[2] / "data" / "README.md"
FENCE = re.compile(r"^```(\w+)(?: title=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str, str]]:
    """(language, file name, text) of every fenced block between the markers."""
    (section,) = re.findall(r"<!-- own data -->\n(.*?)<!-- /own data -->", README.read_text(), re.DOTALL)
    return FENCE.findall(section)


def commands() -> list[str]:
    return [line for language, _, text in blocks() if language == "bash" for line in text.splitlines() if line.strip()]


def volumes() -> np.ndarray:
    """int16 volumes (4, z, y, x) that look like CT, all different."""
    rng = np.random.default_rng(7)
    return np.stack([400 * gaussian_filter(rng.standard_normal(SHAPE), 1.5) for _ in IDS]).astype(np.int16)


def write_series(folder: Path, voxels: np.ndarray, patient: str, heights: np.ndarray) -> None:
    """A CT series, one file a slice."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    folder.mkdir(parents=True)
    series, study = generate_uid(), generate_uid()
    for number, (stored, height) in enumerate(zip(voxels, heights, strict=True), start=1):
        data, meta = Dataset(), FileMetaDataset()
        data.file_meta, data.preamble = meta, b"\0" * 128
        meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.StudyInstanceUID, data.SeriesInstanceUID, data.Modality = study, series, "CT"
        data.PatientID, data.PatientName, data.ImageType = patient, f"Doe^{patient}", ["ORIGINAL", "PRIMARY", "AXIAL"]
        data.InstanceNumber, data.ImagePositionPatient = number, [0, 0, float(height)]
        data.ImageOrientationPatient, data.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.7, 0.7]
        data.RescaleSlope, data.RescaleIntercept = 1, 0
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.Rows, data.Columns = stored.shape
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.PixelData = stored.tobytes()
        data["PixelData"].VR = "OW"
        data.save_as(folder / f"{number:03d}", enforce_file_format=True)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The working folder that the README's commands expect, with data under the names that they use."""
    stack = volumes()
    (tmp_path / "scans").mkdir()
    (tmp_path / "masks").mkdir()
    mask = np.zeros(SHAPE, np.uint8)
    mask[2:16, 7:12, 6:9] = 1
    affine = np.diag([0.7, 0.7, 2.5, 1])
    for name, voxels in zip(IDS, stack, strict=True):
        nibabel.save(nibabel.Nifti1Image(voxels.T, affine), tmp_path / "scans" / f"{name}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(mask.T, affine), tmp_path / "masks" / f"{name}.nii.gz")
        write_ome_zarr(tmp_path / "microscopy" / f"{name}.ome.zarr", voxels, (2.5, 0.7, 0.7), name=name)
    even = 2.5 * np.arange(len(stack[0]))
    write_series(tmp_path / "archive" / "Doe_Jane", stack[0], "Patient-0815", even)
    write_series(tmp_path / "archive" / "Doe_John", stack[1], "Patient-0816", even + (even > 20))
    np.savez(tmp_path / "volumes.npz", images=stack)
    for _, name, text in blocks():
        if name:
            (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def in_process(command: str) -> list[str]:
    """Arguments of a README command, on the engine that starts no processes."""
    program, verb, *arguments = shlex.split(re.sub(r" --cluster \S+| --workers \d+", "", command))
    assert program == "tdaflow"
    return [verb, *arguments, *(["--cluster", "sync"] if verb in ("run", "ingest") else [])]


def test_every_command_of_the_readme_does_what_it_says(tdaflow, here):
    assert len(commands()) >= 15
    for command in commands():
        ended = tdaflow(*in_process(command))
        assert ended.code == 0, f"{command}\n{ended.out}{ended.err}"
    assert sorted(p.name for p in (here / "napari").iterdir()) == [f"{name}.ome.zarr" for name in IDS]
    for run in ("scans", "regions", "archive", "microscopy", "arrays", "cohort", "abdomen", "isotropic", "large"):
        checked = tdaflow("check", here / "runs" / run, "--deep", "--json")
        told = json.loads(checked.out)
        assert (checked.code, told["errors"], told["facts"]["state"]) == (0, 0, "done"), checked.out
    # What the section claims, where it can be seen in the stores.
    table = {run: VolumeStore(here / "runs" / run / "volumes.zarr").table() for run in ("regions", "cohort", "abdomen")}
    assert (table["regions"].shape < SHAPE).any()
    assert table["cohort"].group.tolist() == ["p1", "p2", "p3", "p4"]
    assert table["cohort"].split.tolist() == ["train", "train", "val", "test"]
    assert (table["abdomen"].minimum >= 0).all()
    assert (table["abdomen"].maximum <= 255).all()
    assert stat.S_IMODE((here / "study.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((here / "study-map.csv").stat().st_mode) == 0o600
    assert "Doe_Jane" in (here / "study-map.csv").read_text()
    stored = b"".join(f.read_bytes() for f in (here / "runs" / "archive").rglob("*") if f.is_file())
    for secret in (b"Doe", b"Patient-0815", b"Jane", str(here).encode()):
        assert secret not in stored, secret


@pytest.mark.parametrize(
    ("data", "said", "kind"),
    [
        ("scans", "4 NIfTI files", "nifti"),
        ("archive", "36 DICOM files", "dicom"),
        ("microscopy", "4 OME-Zarr images", "ome-zarr"),
        ("volumes.npz", "the stack volumes.npz", "arrays"),
        ("cohort.csv", "the table cohort.csv", "manifest"),
    ],
)
def test_ingest_says_in_one_line_how_it_reads_what_it_was_given(tdaflow, here, data, said, kind):
    ended = tdaflow("ingest", data, "--out", "runs/x", "--cluster", "sync", "--set", "run.allow_quarantined=1")
    assert ended.code == 0, ended.err
    assert ended.err.splitlines()[0].startswith(f"{said}: read as kind {kind!r}")


def test_a_store_is_taken_by_run_in_the_same_folder_in_a_configuration_and_by_its_path(tdaflow, here):
    assert tdaflow("ingest", "scans", "--out", "one", "--cluster", "sync").code == 0
    store = here / "one" / "volumes.zarr"
    assert tdaflow("run", "scans", "--out", "one", "--cluster", "sync").code == 0
    counts = json.loads(tdaflow("status", "one", "--json").out)["stages"]["ingest"]
    assert (counts["computed"], counts["reused"]) == (0, 4)
    (here / "two.toml").write_text(f'[data]\nstore = "{store}"\n')
    assert tdaflow("run", "two.toml", "--out", "two", "--cluster", "sync").code == 0
    assert tdaflow("run", "one/volumes.zarr", "--out", "three", "--cluster", "sync").code == 0
    digests = [json.loads((here / run / "run.json").read_text())["digests"] for run in ("one", "two", "three")]
    assert digests[0] == digests[1] == digests[2]
    assert not (here / "two" / "volumes.zarr").exists()


def test_uneven_series_are_quarantined_and_named_by_their_keyed_id(tdaflow, here):
    ended = tdaflow("ingest", "archive", "--out", "a", "--cluster", "sync", "--id-key", "study.key")
    assert ended.code == 4
    assert "2 quarantined" not in ended.err
    assert re.search(
        r"[0-9a-f]{20}: series [0-9a-f]{20} has uneven gaps of 2.50 to 3.50 mm .*--allow-uneven", ended.err
    )
    assert "Doe" not in ended.err
    assert not (here / "study-map.csv").exists()


REFUSED = {
    "key in the run folder": (["--id-key", "a/id.key"], "id key lies inside"),
    "key among the data": (["--id-key", "archive/id.key"], "id key lies inside"),
    "map in the run folder": (["--write-private-map", "a/map.csv"], "private map lies inside the run's folder"),
    "map that exists": (["--write-private-map", "cohort.csv"], "private map exists already"),
    "map nowhere": (["--write-private-map", "no/map.csv"], "in a folder that does not exist"),
}


@pytest.mark.parametrize("verb", ["ingest", "run"])
@pytest.mark.parametrize(("options", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_would_give_patients_away_is_refused_before_anything_is_made(tdaflow, here, verb, options, sentence):
    ended = tdaflow(verb, "archive", "--out", "a", "--cluster", "sync", *options)
    assert ended.code == 2
    assert sentence in ended.err.splitlines()[-1]
    assert not (here / "a").exists()


@pytest.mark.parametrize("option", [["--id-key", "k"], ["--allow-uneven"], ["--write-private-map", "m.csv"]])
def test_options_of_patients_are_for_dicom_only(tdaflow, here, option):
    ended = tdaflow("ingest", "scans", "--out", "a", *option)
    assert (ended.code, f"{option[0]} is for DICOM, this is a source of kind 'nifti'" in ended.err) == (2, True)


def test_data_of_several_kinds_or_none_are_refused_by_name(tdaflow, here):
    (here / "both").mkdir()
    (here / "scans" / "a.nii.gz").rename(here / "both" / "a.nii.gz")
    (here / "archive" / "Doe_Jane").rename(here / "both" / "x")
    ended = tdaflow("ingest", "both", "--out", "a")
    assert ended.code == 2
    assert "several kinds, 1 NIfTI file (kind 'nifti'), 18 DICOM files (kind 'dicom')" in ended.sentence
    (here / "nothing").mkdir()
    (here / "nothing" / "notes.txt").write_text("no image")
    assert "holds no NIfTI, DICOM, OME-Zarr" in tdaflow("ingest", "nothing").sentence
    assert "give the folder that holds the series" in tdaflow("ingest", "both/x/001").sentence
    assert "leave out --data" in tdaflow("ingest", "scans", "--data", "masks").sentence


def test_a_manifest_on_top_of_a_folder_says_all_about_it(tdaflow, here):
    rows = (here / "cohort.csv").read_text().replace("scans/", "").replace("masks/", "../masks/")
    (here / "scans" / "manifest.csv").write_text(rows)
    ended = tdaflow("ingest", "scans", "--out", "a", "--cluster", "sync")
    assert ended.code == 0, ended.err
    assert VolumeStore(here / "a" / "volumes.zarr").table().split.tolist() == ["train", "train", "val", "test"]


def test_a_workflow_goes_before_a_folder_of_its_name(tdaflow, here):
    (here / "quickstart").mkdir()
    ended = tdaflow("ingest", "quickstart", "--out", "a", "--cluster", "sync", "--set", "data.limit=1")
    assert "limit" in ended.err or ended.code == 0
    assert "holds no NIfTI" not in ended.err


def test_preprocessing_in_layers_gives_the_bits_of_the_whole(monkeypatch):
    from tdaflow.pipeline.stages import volumes as stage
    from tdaflow.preprocessing import Preprocessing
    from tdaflow.sources import Volume

    for steps in (
        Preprocessing(preset="ct-abdomen"),
        Preprocessing(preset="mr-zscore"),
        Preprocessing(({"step": "window", "percentiles": [1, 99]}, {"step": "rescale"})),
        Preprocessing(({"step": "resample", "spacing": 2.0},)),
    ):
        for voxels in (volumes()[0], volumes()[1].astype(np.float32)):
            whole = stage.preprocessed(Volume("a", voxels, (2.5, 0.7, 0.7)), steps)
            with monkeypatch.context() as layers:
                layers.setattr(stage, "_LAYER_VOXELS", 5 * voxels[0].size)
                parts = stage.preprocessed(Volume("a", voxels, (2.5, 0.7, 0.7)), steps)
            np.testing.assert_array_equal(whole.voxels, parts.voxels)
            assert whole.voxels.dtype == parts.voxels.dtype
            assert (whole.spacing, whole.facts) == (parts.spacing, parts.facts)


def test_an_ingest_holds_one_volume_at_a_time(tmp_path):
    import weakref

    from tdaflow.pipeline.stages.volumes import IngestTask, ingest_batch
    from tdaflow.preprocessing import Preprocessing
    from tdaflow.sources import Volume
    from tdaflow.store import VolumeBuilder

    class Watched:
        """Notes how many of the volumes that it gave away are still held when the next is asked for."""

        def volumes(self, start=0):
            given = []
            for number in range(5):
                # The thread in which Zarr writes lets go of a chunk a moment after it is written.
                end = time.monotonic() + 5
                while any(one() is not None for one in given) and time.monotonic() < end:
                    time.sleep(0.01)
                self.held = max(getattr(self, "held", 0), sum(one() is not None for one in given))
                voxels = volumes()[0].copy()
                given.append(weakref.ref(voxels))
                yield Volume(f"v{number}", voxels)
                del voxels

    for steps in (Preprocessing(), Preprocessing(preset="ct-abdomen")):
        source = Watched()
        path = tmp_path / f"store-{len(steps.steps)}"
        VolumeBuilder.create(path, n_entries=5, shape=None, dtype=None, attributes={})
        assert ingest_batch(IngestTask(source, steps, path, 0, 5)).n_quarantined == 0
        assert source.held == 0


@pytest.mark.realdata
def test_sixty_real_hippocampi_with_masks_and_labels_go_through(tdaflow, data_dir, tmp_path, monkeypatch):
    from tdaflow.sources import Nifti
    from tdaflow.sources.manifest import write_manifest

    root = data_dir / "hippocampus"
    # The class is whether the anterior part is large beside the posterior one.
    ratio = {m.id: (m.voxels == 1).sum() / (m.voxels == 2).sum() for m in Nifti(root / "labels").volumes()}
    middle = np.median(list(ratio.values()))
    rows = [
        {
            "id": name,
            "path": f"images/{name}.nii.gz",
            "mask": f"labels/{name}.nii.gz",
            "label": "large" if ratio[name] > middle else "small",
            "split": {0: "test", 1: "val"}.get(number % 5, "train"),
            "group": name,
        }
        for number, name in enumerate(sorted(ratio))
    ]
    write_manifest(rows, tmp_path / "cohort.csv")
    monkeypatch.chdir(tmp_path)
    options = ["--set", f"data.root={root}", "--set", "data.mask_mode=crop", "--set", "data.margin=2"]
    options += ["--set", "superpixels.n_superpixels=200", "--set", "reference=train", "--cluster", "sync"]
    assert tdaflow("ingest", "cohort.csv", "--out", "run", *options).code == 0
    assert tdaflow("run", "cohort.csv", "--out", "run", *options).code == 0
    status = json.loads(tdaflow("status", "run", "--json").out)
    assert {name: counts["done"] for name, counts in status["stages"].items() if name != "ranges"} == {
        "ingest": 60,
        "superpixels+persistence": 60,
        "images": 60,
    }
    checked = json.loads(tdaflow("check", "run", "--deep", "--json").out)
    assert [problem["kind"] for problem in checked["problems"]] == ["extent"]
    assert checked["facts"]["classes"].keys() == {"train", "val", "test"}
    assert sum(map(sum, checked["facts"]["classes"].values())) == 60


@pytest.mark.realdata
def test_the_real_tilted_head_goes_through_only_where_it_is_allowed(tdaflow, data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [data_dir / "dicom" / "ge_head_ct", "--id-key", "study.key", "--cluster", "sync"]
    refused = tdaflow("ingest", *given, "--out", "strict")
    assert refused.code == 4
    assert "sheared by a gantry tilt of 18.5 degrees" in refused.err
    assert tdaflow("run", *given, "--out", "even", "--allow-uneven").code == 0
    assert tdaflow("check", "even", "--deep").code == 0
    (spacing,) = VolumeStore(Path("even/volumes.zarr")).table().spacing
    assert spacing == pytest.approx((4.0025, 0.48828, 0.48828), abs=1e-4)


def test_columns_of_other_names_are_told_of_and_read_when_they_are_named(tdaflow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        np.save(f"{name}.npy", np.arange(27, dtype=np.uint8).reshape(3, 3, 3))
    Path("t.csv").write_text("subject,path,diagnosis\ns1,a.npy,AD\ns2,b.npy,CN\n")
    told = tdaflow("ingest", "t.csv", "--out", "plain", "--cluster", "sync")
    assert "columns that are not read: subject, diagnosis" in told.err
    assert "data.label_column" in told.err
    named = tdaflow("ingest", "t.csv", "--out", "named", "--cluster", "sync", "--label", "diagnosis", "--id", "subject")
    assert named.code == 0
    table = VolumeStore(Path("named/volumes.zarr")).table()
    assert table.id.tolist() == ["s1", "s2"]
    assert table.label.tolist() == [0, 1]
    refused = tdaflow("ingest", "t.csv", "--out", "x", "--label", "diagnosys")
    assert (refused.code, "did you mean 'diagnosis'?" in refused.err) == (2, True)
