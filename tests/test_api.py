"""A run from Python is the run of the shell, on any client; and what can be done with a run."""

import subprocess
import sys

import nbformat
import numpy as np
import pytest
import xarray as xr
from distributed import Client, LocalCluster
from nbclient import NotebookClient
from scipy.ndimage import gaussian_filter

import tdaflow
from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError, InputError
from tdaflow.store import VolumeStore

TABLES = {
    "superpixels": {"n_superpixels": 60},
    "filtrations": {"alpha": {}, "sublevel": {"kind": "cubical", "homology_dimensions": [0, 1]}},
    "images": {"resolution": 8},
    "preprocess": {"steps": [{"step": "rescale"}]},
}


@pytest.fixture(scope="module")
def stack():
    rng = np.random.default_rng(0)
    smooth = np.stack([gaussian_filter(rng.standard_normal((12, 13, 14)), 1.2) for _ in range(9)])
    return np.rint(255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


@pytest.fixture(scope="module")
def data(stack, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "stack.npy"
    np.save(path, stack)
    return {"kind": "arrays", "path": str(path)}


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "run"
    return tdaflow.run({"data": data, **TABLES}, out=out, cluster="sync", progress=False)


def images(run):
    return np.concatenate([run.features[name].values.ravel() for name in ("persistence_image", "persistence_vector")])


def test_every_way_to_say_a_configuration_is_the_same_run(data, made, tmp_path):
    toml = tmp_path / "mine.toml"
    toml.write_text(
        f'[data]\nkind = "arrays"\npath = "{data["path"]}"\n[superpixels]\n'
        "n_superpixels = 60\n[filtrations.alpha]\n[filtrations.sublevel]\nkind = 'cubical'\n"
        'homology_dimensions = [0, 1]\n[images]\nresolution = 9\n[[preprocess.steps]]\nstep = "rescale"\n'
    )
    given = {
        "toml": (toml, {"images.resolution": 8}),
        "config": (RunConfig.model_validate({"data": data, **TABLES}), ()),
        "set": ({"data": data, **TABLES, "images": {}}, ["images.resolution=8"]),
    }
    for name, (config, changes) in given.items():
        run = tdaflow.run(config, out=tmp_path / name, cluster="sync", set=changes, progress=False)
        np.testing.assert_array_equal(images(run), images(made))


def test_a_client_of_ones_own_gives_the_same_bits_and_stays_open(data, made, tmp_path):
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        run = tdaflow.run({"data": data, **TABLES}, out=tmp_path / "run", client=client, progress=False)
        assert client.submit(sum, [1, 2]).result() == 3
        with pytest.raises(ConfigError, match="either client or cluster"):
            tdaflow.run({"data": data}, out=tmp_path / "x", client=client, cluster="sync")
    np.testing.assert_array_equal(images(run), images(made))
    assert run.state["engine"]["name"] == "client"


def test_a_run_tells_about_itself(made):
    assert made.status()["state"] == "done"
    assert made.status()["stages"]["images"]["state"] == "done"
    assert made.quarantined == {}
    assert "9 volumes ok" in repr(made)
    assert "alpha H1" in made._repr_html_()
    assert [p for p in made.check() if p.severity == "error"] == []
    assert tdaflow.open_run(made.folder.path).sigma == made.sigma


def test_a_part_of_the_volumes_is_applied_to_with_the_bits_of_the_run(made, stack, tmp_path):
    folder = tmp_path / "later"
    folder.mkdir()
    for i in (6, 2):
        np.save(folder / f"case_{i}.npy", stack[i])
    applied = made.apply(folder, tmp_path / "applied", cluster="sync", progress=False)
    there, here = made.features.persistence_image.values, applied.features.persistence_image.values
    np.testing.assert_array_equal(here, there[[2, 6]])
    assert applied.sigma == made.sigma
    again = made.apply(folder, tmp_path / "applied", cluster="sync", progress=False)
    assert again.state["stages"]["images"]["computed"] == 0


def test_one_file_and_a_store_are_applied_to(made, stack, tmp_path):
    np.save(tmp_path / "one.npy", stack[4])
    one = made.apply(
        {"kind": "images", "path": str(tmp_path / "one.npy")},
        tmp_path / "a", cluster="sync", progress=False,
    )  # fmt: skip
    np.testing.assert_array_equal(one.features.persistence_image.values[0], made.features.persistence_image.values[4])
    assert len(VolumeStore(one.folder.volumes).table()) == 1
    stored = made.apply(made.folder.volumes, tmp_path / "b", cluster="sync", progress=False)
    np.testing.assert_array_equal(images(stored), images(made))


def test_what_would_change_the_features_is_refused_when_a_run_is_applied(made, data, tmp_path):
    with pytest.raises(ConfigError, match=r"images\.resolution is the run's own"):
        made.apply(data, tmp_path / "x", set={"images.resolution": 9})
    with pytest.raises(InputError, match="there is no file or folder"):
        made.apply(tmp_path / "nothing", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_bad_new_volume_is_quarantined_and_the_others_go_on(made, stack, tmp_path):
    folder = tmp_path / "later"
    folder.mkdir()
    np.save(folder / "good.npy", stack[1])
    np.save(folder / "bad.npy", np.full((12, 13, 14), np.nan))
    applied = made.apply(folder, tmp_path / "applied", cluster="sync", progress=False)
    assert list(applied.quarantined) == ["bad"]
    np.testing.assert_array_equal(
        applied.features.persistence_image.values[0], made.features.persistence_image.values[1]
    )


def test_a_script_without_a_guard_is_refused_before_a_process_starts(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"import tdaflow\ntdaflow.run('quickstart', out={str(tmp_path / 'r')!r}, cluster='processes')\n")
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert 'put the call under `if __name__ == "__main__":`' in ended.stderr
    assert not (tmp_path / "r").exists()


@pytest.mark.realdata
def test_organs_in_a_notebook_with_a_client_of_ones_own(data_dir, tmp_path):
    cells = [
        "from distributed import Client, LocalCluster\n"
        "cluster = LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=':0')\n"
        "client = Client(cluster)",
        "import tdaflow\n"
        f"run = tdaflow.run('organmnist3d', data={str(data_dir / 'medmnist')!r}, out='organ', client=client,\n"
        "                  set={'data.limit': 8})\nrun",
        "run.features.persistence_image.shape",
        "client.close(); cluster.close()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = notebook.cells[1].outputs
    assert any("<progress" in output.get("data", {}).get("text/html", "") for output in shown)
    assert "<table>" in shown[-1]["data"]["text/html"]
    assert xr.open_zarr(tmp_path / "organ" / "features.zarr").sizes["volume"] > 0


def test_a_package_that_loads_ipykernel_makes_no_notebook(monkeypatch):
    from tdaflow.progress import NotebookBars, observer

    monkeypatch.delitem(sys.modules, "ipykernel.kernelapp", raising=False)
    monkeypatch.setitem(sys.modules, "ipykernel", type(sys)("ipykernel"))
    assert not isinstance(observer(), NotebookBars)


@pytest.fixture
def cropped(tmp_path):
    """A run of images that are cropped to masks, listed in a manifest; and a folder of later images with masks."""
    nibabel = pytest.importorskip("nibabel")
    rng = np.random.default_rng(0)
    rows = ["path,mask"]
    for where in ("scans", "later"):
        for folder in (where, f"{where}-masks"):
            (tmp_path / folder).mkdir()
        for i in range(4):
            mask = np.zeros((14, 14, 14), np.uint8)
            mask[3:12, 2:11, 3:13] = 1
            for folder, voxels in ((where, rng.random(mask.shape).astype(np.float32)), (f"{where}-masks", mask)):
                nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / folder / f"{i}.nii.gz")
            rows += [f"scans/{i}.nii.gz,scans-masks/{i}.nii.gz"] * (where == "scans")
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n")
    config = {
        "data": {"kind": "manifest", "path": str(tmp_path / "table.csv"), "mask_mode": "crop"},
        "filtrations": {"below": {"kind": "cubical", "homology_dimensions": [0]}},
        "images": {"resolution": 4},
    }
    return tdaflow.run(config, out=tmp_path / "run", cluster="sync", progress=False), tmp_path


def test_new_volumes_are_cropped_as_those_of_the_run_whatever_they_come_in(cropped):
    made, folder = cropped
    with pytest.raises(ConfigError, match=r"mask_mode='crop' needs data.mask_dir"):
        made.apply(folder / "later", folder / "a", cluster="sync", progress=False)
    assert not (folder / "a" / "volumes.zarr").exists()
    masks = {"data.mask_dir": str(folder / "later-masks")}
    applied = made.apply(folder / "later", folder / "a", set=masks, cluster="sync", progress=False)
    assert {tuple(shape) for shape in applied.rows.shape} == {tuple(shape) for shape in made.rows.shape}
    np.save(folder / "arrays.npy", np.zeros((2, 9, 9, 9)))
    with pytest.raises(ConfigError, match=r"read with data.mask_mode = .crop., and those of kind 'arrays'"):
        made.apply(folder / "arrays.npy", folder / "b", cluster="sync", progress=False)
