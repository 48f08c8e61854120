"""The validation figures behind the default preset: one option changed at a time, train fitted, validation scored.

    python tests/benchmarks/preset_validation.py --data DIR [--sets ...] [--out figures.json]

Features are alpha H0–H2 images with ranges from the training split; the classifier is always the same (scaling, 40
principal components, logistic regression with C = 1, balanced classes). Test splits are never read.
"""

import argparse
import json
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tdaflow.estimators import Persistence, PersistenceImage, SuperpixelPointCloud

SETS = ("organmnist3d", "adrenalmnist3d", "nodulemnist3d", "fracturemnist3d")


@dataclass(frozen=True)
class Variant:
    """One row of the table: what differs from the base."""

    name: str
    cloud: dict[str, Any] = field(default_factory=dict)
    image: dict[str, Any] = field(default_factory=dict)


BASE_CLOUD: dict[str, Any] = {"intensity_scale": "auto"}
BASE_IMAGE: dict[str, Any] = {
    "weight": "constant", "plane": "birth-persistence", "sampling": "midpoint", "resolution": 32, "epsilon": 0.95,
}  # fmt: skip

VARIANTS = [
    Variant("the default: scale auto, birth–persistence, constant weight, 32×32, ε 0.95, quantiles .02–.98"),
    *(Variant(f"linear weight, {r}×{r}", image={"weight": "linear", "resolution": r}) for r in (20, 50)),
    *(Variant(f"weight {w}", image={"weight": w}) for w in ("linear", "arctan", "power(2)")),
    Variant("plane birth–death, weight gaussian (Definition 1)", image={"plane": "birth-death", "weight": "gaussian"}),
    Variant("ranges from extremes", image={"quantiles": (0.0, 1.0)}),
    *(Variant(f"ranges from quantiles {q}–{1 - q}", image={"quantiles": (q, 1 - q)}) for q in (0.001, 0.01, 0.05)),
    *(Variant(f"ε {e}", image={"epsilon": e}) for e in (0.90, 0.97)),
    *(Variant(f"resolution {r}", image={"resolution": r}) for r in (10, 20, 50)),
    Variant("integral per pixel", image={"sampling": "integral"}),
    Variant("intensity in grey levels (scale 1)", cloud={"intensity_scale": 1.0}),
    Variant("a scale for each volume", cloud={"intensity_scale": "volume"}),
    *(Variant(f"space weight {w}", cloud={"space_weight": w}) for w in (0.3, 0.7)),
    Variant("intensity mean of the block", cloud={"intensity": "mean"}),
    Variant("1000 superpixels (integer-step)", cloud={"grid": "integer-step"}),
    Variant("preset zhu2024 with H0–H2", cloud={"grid": "integer-step", "intensity_scale": 1.0},
            image={"plane": "birth-death", "weight": "gaussian", "normalise": "max", "resolution": 100,
                   "quantiles": (0.0, 1.0), "constant_birth": "image"}),
]  # fmt: skip


def score(train: np.ndarray, y_train: np.ndarray, val: np.ndarray, y_val: np.ndarray) -> tuple[float, float]:
    """AUC (one-vs-rest macro) and accuracy on validation."""
    model = make_pipeline(
        StandardScaler(),
        PCA(40, random_state=0, svd_solver="randomized"),
        LogisticRegression(C=1.0, max_iter=2000, class_weight="balanced"),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(train, y_train)
    probability = model.predict_proba(val)
    if probability.shape[1] == 2:
        auc = roc_auc_score(y_val, probability[:, 1])
    else:
        auc = roc_auc_score(y_val, probability, multi_class="ovr", labels=model.classes_)
    return float(auc), float(accuracy_score(y_val, model.predict(val)))


def main() -> None:
    """Print one line a variant: AUC / accuracy on every set, and the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TDAFLOW_DATA", ".")) / "medmnist")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--engine", default="kernel")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    from tdaflow.homology import Alpha

    volumes = {}
    for name in arguments.sets:
        with np.load(arguments.data / f"{name}.npz") as archive:
            volumes[name] = [archive[f"{s}_{part}"] for s in ("train", "val") for part in ("images", "labels")]
    cached: dict[str, Any] = {}
    table = []
    for variant in (v for v in VARIANTS if arguments.only in v.name):
        found = []
        for name, (train, y_train, val, y_val) in volumes.items():
            key = f"{name} {variant.cloud}"
            if key not in cached:
                cached.clear() if len(cached) >= 2 * len(volumes) else None
                persistence = Persistence(filtration=Alpha(engine=arguments.engine))
                cloud = SuperpixelPointCloud(**{**BASE_CLOUD, **variant.cloud})
                # The scale is learned from the training volumes alone.
                clouds = [cloud.fit(train).transform(v) for v in (train, val)]
                cached[key] = [persistence.fit_transform(c) for c in clouds]
            image = PersistenceImage(**{**BASE_IMAGE, **variant.image})
            features = [image.fit_transform(cached[key][0]), image.transform(cached[key][1])]
            found.append(score(features[0], y_train.ravel(), features[1], y_val.ravel()))
        auc, accuracy = np.mean(found, axis=0)
        table.append({"variant": variant.name, "mean_auc": auc, "mean_accuracy": accuracy,
                      "sets": dict(zip(volumes, found, strict=True))})  # fmt: skip
        cells = "  ".join(f"{a:.3f}/{b:.3f}" for a, b in found)
        print(f"{auc:.3f}/{accuracy:.3f}  {cells}  {variant.name}", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
