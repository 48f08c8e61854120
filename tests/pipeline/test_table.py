"""Features for people: a dataset that explains itself, a matrix of all channels, a table for R and pandas."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import tdaflow
from tdaflow.diagrams import Bars
from tdaflow.errors import ConfigError, InputError
from tdaflow.pipeline import table as module
from tdaflow.pipeline.table import table_chunks, write_table
from tdaflow.vectorisations import betti_maximum, summary_names

SECTIONS = {
    "vectorisations": ["betti", "statistics"],
    "filtrations": {
        "alpha": {},
        "dark": {"kind": "cubical", "homology_dimensions": [1, 0], "regions": {"blocks": [2, 1, 1], "whole": True}},
    },
}


@pytest.fixture(scope="module")
def run(tmp_path_factory, settings):
    """A finished run of two filtrations, one of them in blocks, with vectorisations."""
    from tdaflow.pipeline import InProcess, Silent
    from tdaflow.pipeline import run as run_pipeline
    from tdaflow.store import RunFolder

    folder = RunFolder(tmp_path_factory.mktemp("table") / "run")
    folder.create()
    run_pipeline(settings(**SECTIONS), folder, InProcess(), Silent())
    return tdaflow.open_run(folder.path)


def test_every_variable_says_what_it_is_and_in_what_unit(run):
    features = tdaflow.load_features(run.folder.path)
    for name, variable in features.variables.items():
        assert variable.attrs["long_name"], name
        assert "units" in variable.attrs, name
        assert variable.dtype.kind in "iufbU", name
    assert features["vector_sigma"].attrs["units"] == "radius in mm and grey levels"
    assert features["unit"].sel(channel="dark H1 @z1y0x0").item() == "grey levels"


def test_volumes_and_channels_are_found_by_name(run):
    features = run.features
    one = features.sel(volume="v4", channel="alpha H2")
    row, column = features["id"].values.tolist().index("v4"), features["channel"].values.tolist().index("alpha H2")
    np.testing.assert_array_equal(one["persistence_image"], features["persistence_image"][row, column])
    assert one["class_name"].item() == "0"
    assert float(one["sigma"]) == run.sigma["alpha", 2]
    assert features["persistence_vector"].sel(vector_channel="alpha H0").shape == (12, 8)
    assert features["sigma"].sel(channel="dark H0").shape == ()


def test_the_second_axis_is_called_what_it_is(run, sync, settings, folder):
    assert run.features["persistence_image"].coords["persistence"].dims == ("channel", "y")
    assert "death" not in run.features
    sync(settings(images={"plane": "birth-death"}))
    features = tdaflow.load_features(folder.features)
    assert features["persistence_image"].coords["death"].dims == ("channel", "y")
    assert "persistence" not in features
    assert str(tdaflow.feature_matrix(features)["feature"].values[0]) == "alpha_H0_d0"


def test_attributes_hold_the_settings_in_words_and_numbers(run):
    told = run.features.attrs
    assert told["epsilon"] == 0.95
    assert "alpha H2: birth" in told["channels"]
    assert f"{run.sigma['alpha', 2]:.6g}" in told["channels"]
    assert "mm a grey level" in told["intensity_scale"]
    assert f"tdaflow {tdaflow.__version__}" in told["versions"]
    assert told["reference"].endswith("all volumes, labels not used")


def test_it_becomes_a_netcdf_file(run, tmp_path):
    run.features.to_netcdf(tmp_path / "features.nc", engine="scipy")
    with xr.open_dataset(tmp_path / "features.nc", engine="scipy") as again:
        np.testing.assert_array_equal(again["persistence_image"], run.features["persistence_image"])
        assert [str(v) for v in again["channel"].values] == run.features["channel"].values.tolist()
        assert again.attrs["epsilon"] == 0.95


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_a_store_of_the_former_form_is_refused_with_the_remedy(run, tmp_path):
    import json
    import shutil

    import zarr

    shutil.copytree(run.folder.features, tmp_path / "features.zarr")
    group = zarr.open_group(tmp_path / "features.zarr", mode="r+", use_consolidated=False)
    group.attrs.put({"tdaflow": {**json.loads(group.attrs["tdaflow"]), "format": 1}})
    zarr.consolidate_metadata(tmp_path / "features.zarr", zarr_format=3)
    with pytest.raises(InputError, match="not a feature store of format 2; run again with --restart-from images"):
        tdaflow.load_features(tmp_path)
    with pytest.raises(InputError, match="has no features yet"):
        tdaflow.load_features(tmp_path / "nowhere")


def test_the_matrix_holds_every_channel_and_vectorisation(run):
    features = run.features
    matrix = tdaflow.feature_matrix(features)
    n_terms = features.sizes["summary_feature"]
    assert matrix.shape == (12, 8 + 8 * 64 + n_terms)
    channels = matrix["channel"]
    for channel in features["channel"].values.tolist():
        image = features["persistence_image"].sel(channel=channel).values
        np.testing.assert_array_equal(matrix[:, channels == channel].values, image.reshape(12, -1))
    vector = features["persistence_vector"].sel(vector_channel="alpha H0").values
    np.testing.assert_array_equal(matrix[:, channels == "alpha H0"].values, vector)
    pixel = features["persistence_image"].sel(channel="alpha H2", volume="v3")[5, 7]
    assert matrix.sel(volume="v3", feature="alpha_H2_p5_b7").values == pixel.values
    np.testing.assert_array_equal(np.sort(matrix[:, -n_terms:], axis=1), np.sort(features["summary"], axis=1))


def test_the_table_has_a_row_a_volume_and_the_values_of_the_matrix(run):
    table = run.table()
    assert table.columns[:5].tolist() == ["id", "label", "class_name", "split", "group"]
    assert table["id"].tolist() == [f"v{i}" for i in range(12)]
    assert table["label"].tolist() == [i % 2 for i in range(12)]
    matrix = tdaflow.feature_matrix(run.features)
    assert table.columns[5:].tolist() == matrix["feature"].values.tolist()
    np.testing.assert_array_equal(table.iloc[:, 5:].to_numpy(), matrix.values)


def test_the_summary_is_of_the_diagrams(run):
    table = run.table(summary=True).set_index("id")
    assert table.shape == (12, 4 + (3 + 2 * 3) * len(summary_names()))
    pairs = run.diagram("v7")[1]
    lengths = pairs[:, 1] - pairs[:, 0]
    told = table.loc["v7"]
    assert told["alpha_H1_count"] == len(pairs)
    assert told["alpha_H1_total_persistence"] == pytest.approx(lengths.sum(), rel=1e-12)
    assert told["alpha_H1_maximum_persistence"] == lengths.max()
    assert told["alpha_H1_betti_maximum"] == betti_maximum(Bars.of(pairs)).number
    assert told["alpha_H1_percentile_50_of_birth"] == pytest.approx(np.median(pairs[:, 0]), rel=1e-12)
    share = lengths / lengths.sum()
    assert told["alpha_H1_entropy"] == pytest.approx(-(share * np.log(share)).sum(), rel=1e-9)
    block = run.diagram("v7", "dark", region="z1y0x0")[0]
    assert told["dark_H0_z1y0x0_count"] == len(block)


@pytest.mark.parametrize("summary", [False, True])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_files_hold_the_table(run, tmp_path, summary, suffix):
    path = tmp_path / f"features{suffix}"
    expected = run.table(summary=summary)
    assert write_table(run, path, summary=summary) == expected.shape
    read = pd.read_csv(path, keep_default_na=False) if suffix == ".csv" else pd.read_parquet(path)
    assert read.columns.tolist() == expected.columns.tolist()
    assert read["id"].tolist() == expected["id"].tolist()
    np.testing.assert_allclose(read.iloc[:, 5:].to_numpy(float), expected.iloc[:, 5:].to_numpy(float), rtol=1e-7)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("summary", [False, True])
def test_chunks_make_the_same_table_and_stay_small(run, monkeypatch, tmp_path, summary):
    whole = run.table(summary=summary)
    monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    sizes = [len(frame) for frame in table_chunks(run, summary=summary)]
    assert sizes == [1] * 12
    pd.testing.assert_frame_equal(run.table(summary=summary), whole)
    for suffix in (".csv", ".parquet"):
        assert write_table(run, tmp_path / f"small{suffix}", summary=summary) == whole.shape


@pytest.fixture
def odd(sync, settings, save_stack, tmp_path, volumes, folder):
    """A run whose ids and classes look like formulas, with an unlabelled volume."""
    data = save_stack(tmp_path / "odd", volumes)
    names = ["=1+2", "+x", "-3", "@cell", "plain", "a=b", "ünï", "7", "8", "9", "10", "11"]
    rows = [f"{name},{'' if i == 5 else f'-class{i % 2}'},train" for i, name in enumerate(names)]
    (tmp_path / "odd" / "table.csv").write_text("\n".join(["id,label,split", *rows]) + "\n", encoding="utf-8")
    sync(settings(data=data))
    return tdaflow.open_run(folder.path)


def test_cells_that_look_like_formulas_are_escaped_in_csv_alone(odd, tmp_path):
    assert odd.table()["id"].tolist()[:5] == ["=1+2", "+x", "-3", "@cell", "plain"]
    write_table(odd, tmp_path / "t.csv")
    read = pd.read_csv(tmp_path / "t.csv", dtype=str, keep_default_na=False)
    assert read["id"].tolist()[:7] == ["'=1+2", "'+x", "'-3", "'@cell", "plain", "a=b", "ünï"]
    assert read["class_name"].tolist()[:2] == ["'-class0", "'-class1"]
    assert (read["label"][5], read["class_name"][5]) == ("", "")
    write_table(odd, tmp_path / "t.parquet")
    assert pd.read_parquet(tmp_path / "t.parquet")["id"].tolist()[0] == "=1+2"


def test_what_cannot_be_written_is_one_sentence(run, tmp_path, monkeypatch):
    (tmp_path / "there.csv").write_text("mine")
    with pytest.raises(ConfigError, match="there already: replace it with --overwrite"):
        write_table(run, tmp_path / "there.csv")
    assert (tmp_path / "there.csv").read_text() == "mine"
    with pytest.raises(ConfigError, match=r"write \.csv, \.tsv or \.parquet"):
        write_table(run, tmp_path / "t.xlsx")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_table(run, tmp_path / "nowhere" / "t.csv")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match="Parquet needs pyarrow"):
        write_table(run, tmp_path / "t.parquet")
    assert not (tmp_path / "t.parquet").exists()
    assert write_table(run, tmp_path / "there.csv", overwrite=True)[0] == 12


def test_pandas_waits_for_its_use():
    code = "import sys, tdaflow, tdaflow.pipeline.opened, tdaflow.pipeline.table; print('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
