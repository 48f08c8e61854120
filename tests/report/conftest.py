"""A small run with names that a page must escape, and its features evaluated."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

for library in ("matplotlib", "jinja2"):
    if importlib.util.find_spec(library) is None:
        collect_ignore_glob = ["test_*.py"]

SCRIPT = "<script>alert(1)</script>"
# Whatever matplotlib's mathematics, HTML or Markdown would make of it is text.
NAMES = (f"{SCRIPT}$x", "a & b")
N = 24


def stack() -> np.ndarray:
    """float32 volumes: blobs, those of class 1 larger; the last one holds NaN."""
    rng = np.random.default_rng(0)
    noise = [gaussian_filter(rng.standard_normal((12, 12, 12)), 1 + i % 2) for i in range(N)]
    volumes = np.stack([200 * (v - v.min()) / np.ptp(v) for v in noise]).astype(np.float32)
    volumes[-1, 0, 0, 0] = np.nan
    return volumes


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory) -> Path:
    """A finished run of two filtrations over two classes; volume 23 was quarantined. Read it only."""
    from tdaflow.config import RunConfig
    from tdaflow.pipeline import InProcess, Silent, run
    from tdaflow.store import RunFolder

    folder = tmp_path_factory.mktemp("report")
    np.save(folder / "stack.npy", stack())
    splits = ["val" if i % 12 >= 10 else "test" if i % 12 >= 8 else "train" for i in range(N)]
    rows = [f"{SCRIPT}{i},{i % 2},{split}" for i, split in enumerate(splits)]
    (folder / "table.csv").write_text("\n".join(["id,label,split", *rows]) + "\n")
    config = RunConfig.model_validate(
        {
            "data": {"kind": "arrays", "path": str(folder / "stack.npy"), "table": str(folder / "table.csv")},
            "superpixels": {"n_superpixels": 60},
            "filtrations": {"alpha": {}, "sublevel": {"kind": "cubical", "homology_dimensions": [0]}},
            "images": {"resolution": 8},
            "run": {"allow_quarantined": 5},
        }
    )
    target = RunFolder(folder / "run")
    run(config, target, InProcess(), Silent())
    return target.path


@pytest.fixture
def run_copy(finished_run, tmp_path) -> Path:
    """A copy of the run that a test may change."""
    import shutil

    return Path(shutil.copytree(finished_run, tmp_path / "run"))


@pytest.fixture
def evaluated_run(run_copy) -> Path:
    """The run with predictions of a method on its validation and test volumes, the tables, and a sweep."""
    import json

    from tdaflow.evaluation import EvaluationFolder, Predictions, summarise, write_results

    rng = np.random.default_rng(1)
    labels = np.arange(20) % 2
    probabilities = np.clip(0.25 + 0.5 * labels + 0.2 * rng.standard_normal(20), 0.01, 0.99)
    predictions = Predictions(
        method=f"method {SCRIPT}",
        ids=np.array([f"v{i}" for i in range(20)]),
        labels=labels,
        splits=np.array(["val"] * 8 + ["test"] * 12),
        groups=np.array([""] * 20),
        class_names=NAMES,
        probabilities={0: np.column_stack([1 - probabilities, probabilities])},
        thresholds={0: 0.5},
    )
    folder = EvaluationFolder(run_copy)
    folder.save(predictions)
    write_results(summarise([predictions], data_set="small", n_resamples=100), folder.path)
    cells = [
        {"overrides": {"images.epsilon": e}, "subset": s, "metrics": {"auc": e - 0.1 * k, "accuracy": 0.5}}
        for e in (0.9, 0.95)
        for k, s in enumerate(("alpha H1", "alpha H2"))
    ]
    alone = {
        "overrides": {"images.epsilon": 0.95, "images.weight": "arctan"},
        "subset": "alpha H1",
        "metrics": {"auc": 0.7},
    }
    (run_copy / "sweep").mkdir()
    lines = [json.dumps(cells), '[{"cut off', json.dumps([alone])]
    (run_copy / "sweep" / "cells.jsonl").write_text("\n".join(lines))
    (run_copy / "sweep" / "choice.json").write_text(json.dumps(cells[2]))
    return run_copy
