"""From labelled volumes to the classes of others, by commands alone."""

import io

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

import tdaflow as api
from tdaflow.evaluation import Predictions

N = 60


@pytest.fixture(scope="module")
def stack():
    """Smooth and rough noise in turn."""
    rng = np.random.default_rng(0)
    made = [gaussian_filter(rng.standard_normal((12, 12, 12)), 0.8 + 0.7 * (i % 2)) for i in range(N)]
    return np.stack([np.rint(120 + 40 * v / v.std()).clip(0, 255).astype(np.uint8) for v in made])


@pytest.fixture
def evaluated(tdaflow, stack, tmp_path):
    np.save(tmp_path / "stack.npy", stack)
    splits = ["train"] * 40 + ["val"] * 10 + ["test"] * 10
    rows = [f"v{i:02d},{i % 2},{split}" for i, split in enumerate(splits)]
    (tmp_path / "table.csv").write_text("\n".join(["id,label,split", *rows]) + "\n")
    config = tmp_path / "mine.toml"
    config.write_text(
        f'reference = "train"\n[data]\nkind = "arrays"\npath = "{tmp_path / "stack.npy"}"\n'
        f'table = "{tmp_path / "table.csv"}"\n[superpixels]\nn_superpixels = 60\n[images]\nresolution = 8\n'
        '[run]\ncluster = "sync"\n'
    )
    run = tmp_path / "run"
    assert tdaflow("run", config, "--out", run).code == 0
    assert tdaflow("evaluate", run, "--classifiers", "logistic").code == 0
    return run


def test_volumes_that_came_later_are_classified_as_the_evaluation_would(tdaflow, evaluated, stack, tmp_path):
    later = tmp_path / "later"
    later.mkdir()
    for i in range(54, 60):
        np.save(later / f"case_{i}.npy", stack[i])
    np.save(later / "bad.npy", np.full((12, 12, 12), np.nan))
    ended = tdaflow("predict", evaluated, later, "--out", tmp_path / "p.csv", "--cluster", "sync")
    assert ended.code == 4, ended.err
    assert "1 of 7 volumes has no prediction" in ended.err
    found = pd.read_csv(tmp_path / "p.csv", keep_default_na=False).set_index("id")
    (saved,) = [Predictions.load(p) for p in (evaluated / "evaluation" / "predictions").glob("tda*.npz")]
    test = saved.of_split("test")
    for i in range(54, 60):
        at = test.ids.tolist().index(f"v{i:02d}")
        row = found.loc[f"case_{i}"]
        expected = np.mean([p[at] for p in test.probabilities.values()], axis=0)
        np.testing.assert_allclose([float(row["probability_0"]), float(row["probability_1"])], expected, atol=1e-12)
    assert "NaN" in found.loc["bad", "quarantined"]
    again = tdaflow("predict", evaluated, later / "case_55.npy", "--cluster", "sync")
    alone = pd.read_csv(io.StringIO(again.out)).set_index("id")
    assert alone.loc["case_55", "probability_1"] == pytest.approx(
        float(found.loc["case_55", "probability_1"]), abs=1e-12
    )
    assert api.open_run(evaluated).predict(later / "case_55.npy", cluster="sync", progress=False)["class"][0] in "01"


def test_what_cannot_be_predicted_is_one_sentence_and_nothing_is_written(tdaflow, evaluated, config, tmp_path):
    plain = tmp_path / "plain"
    assert tdaflow("run", config(), "--out", plain).code == 0
    refused = tdaflow("predict", plain, plain / "volumes.zarr")
    assert (refused.code, "run `tdaflow evaluate" in refused.sentence) == (2, True)
    refused = tdaflow("predict", evaluated, tmp_path / "nowhere")
    assert (refused.code, "there is no file or folder" in refused.sentence) == (2, True)
    refused = tdaflow(
        "apply", evaluated, plain / "volumes.zarr", "--out", tmp_path / "x", "--set", "images.epsilon=0.5"
    )
    assert (refused.code, "is the run's own" in refused.sentence) == (2, True)
    refused = tdaflow("apply", tmp_path / "nothing", plain / "volumes.zarr", "--out", tmp_path / "x")
    assert (refused.code, "there is no file or folder" in refused.sentence) == (2, True)
    assert not (tmp_path / "x").exists()
    assert not (evaluated / "applied").exists()
