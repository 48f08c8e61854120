"""Scales and ranges from quantiles against those from extremes: repeated cross-validation inside train, paired.

    python tests/benchmarks/bench_scales.py --data DIR [--sets ...] [--hippocampus DIR] [--repeats 5] [--out FILE]

Features are alpha H0–H2 images at the default options; scales and ranges are learnt from the training split, without
labels; the classifier is always the same (scaling, 40 principal components, logistic regression with C = 1). Validation
and test splits are never read. A difference is that of two variants on the same folds, with the corrected resampled t
interval for folds that share training volumes (Nadeau and Bengio, "Inference for the generalization error", Machine
Learning 52, 2003); pooled is the mean over the sets. Of hippocampi (images/ and labels/ of the Medical Segmentation
Decathlon; whether the anterior part is large beside the posterior one) the figures are shown and not pooled.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import t as student
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tdaflow.estimators import Persistence, PersistenceImage, SuperpixelPointCloud
from tdaflow.sources import Nifti

SETS = ("organmnist3d", "adrenalmnist3d", "nodulemnist3d", "fracturemnist3d")
FOLDS = 5
HIPPOCAMPUS = "hippocampus"


@dataclass(frozen=True)
class Variant:
    """One row: the intensity scale ("extremes": edge over max − min) and the quantiles of the ranges."""

    scale: str
    quantiles: tuple[float, float]

    @property
    def name(self) -> str:
        """Such as "cohort, ranges 0.01–0.99"."""
        low, high = self.quantiles
        return f"{self.scale}, ranges {'of extremes' if (low, high) == (0, 1) else f'{low:g}–{high:g}'}"


EXTREMES = Variant("extremes", (0.0, 1.0))
VARIANTS = (
    EXTREMES,
    Variant("cohort", (0.0, 1.0)),
    Variant("cohort", (0.01, 0.99)),
    Variant("cohort", (0.02, 0.98)),
    Variant("cohort", (0.05, 0.95)),
    Variant("volume", (0.02, 0.98)),
)


def training_volumes(path: Path, limit: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Voxels and labels of the training split."""
    with np.load(path) as file:
        return file["train_images"][:limit], file["train_labels"].ravel()[:limit]


def hippocampi(folder: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Voxels and labels of three fifths of the volumes, those of `tests/sources/test_manifest_hippocampus.py`."""
    images = {v.id: v.voxels for v in Nifti(folder / "images").volumes()}
    ratios = {m.id: (m.voxels == 1).sum() / (m.voxels == 2).sum() for m in Nifti(folder / "labels").volumes()}
    train = [name for i, name in enumerate(sorted(ratios)) if i % 5 > 1]
    median = np.median(list(ratios.values()))
    return [images[name] for name in train], np.array([int(ratios[name] > median) for name in train])


def diagrams_of(volumes: Sequence[np.ndarray], scale: str) -> list[Any]:
    """Alpha diagrams at an intensity scale."""
    number: Any = scale
    if scale == "extremes":
        low, high = min(float(v.min()) for v in volumes), max(float(v.max()) for v in volumes)
        number = max(n for v in volumes for n in v.shape) / (high - low)
    return Persistence().fit_transform(SuperpixelPointCloud(intensity_scale=number).fit_transform(volumes))


def fold_scores(columns: np.ndarray, labels: np.ndarray, repeats: int) -> np.ndarray:
    """AUC (one-vs-rest macro) of every fold of every repeat."""
    scores = []
    for repeat in range(repeats):
        for train, held in StratifiedKFold(FOLDS, shuffle=True, random_state=repeat).split(columns, labels):
            components = PCA(min(40, len(train) - 1), whiten=True, random_state=0, svd_solver="randomized")
            model = make_pipeline(StandardScaler(), components, LogisticRegression(max_iter=2000))
            said = model.fit(columns[train], labels[train]).predict_proba(columns[held])
            said = said[:, 1] if said.shape[1] == 2 else said
            scores.append(roc_auc_score(labels[held], said, multi_class="ovr"))
    return np.array(scores)


def difference(mine: np.ndarray, base: np.ndarray) -> tuple[float, float]:
    """Mean difference and the lower end of its two-sided 95 % interval (corrected resampled t)."""
    d = mine - base
    variance = (1 / len(d) + 1 / (FOLDS - 1)) * float(d.var(ddof=1))
    return float(d.mean()), float(d.mean() - student.ppf(0.975, len(d) - 1) * math.sqrt(variance))


def pooled(differences: list[np.ndarray]) -> tuple[float, float]:
    """Mean difference over data sets and the lower end of its 95 % interval; data sets are independent."""
    means = [float(d.mean()) for d in differences]
    variances = [(1 / len(d) + 1 / (FOLDS - 1)) * float(d.var(ddof=1)) for d in differences]
    mean = float(np.mean(means))
    return mean, mean - 1.96 * math.sqrt(sum(variances)) / len(differences)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--hippocampus", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    scores: dict[str, dict[str, list[float]]] = {}
    for name in [*chosen.sets.split(","), *([HIPPOCAMPUS] if chosen.hippocampus else [])]:
        volumes: Any
        if name == HIPPOCAMPUS:
            volumes, labels = hippocampi(chosen.hippocampus)
        else:
            volumes, labels = training_volumes(chosen.data / f"{name}.npz", chosen.limit)
        of_scale: dict[str, list[Any]] = {}
        for variant in VARIANTS:
            if variant.scale not in of_scale:
                of_scale = {variant.scale: diagrams_of(volumes, variant.scale)}
            columns = PersistenceImage(quantiles=variant.quantiles).fit_transform(of_scale[variant.scale])
            found = fold_scores(np.asarray(columns, dtype=np.float64), labels, chosen.repeats)
            scores.setdefault(variant.name, {})[name] = found.tolist()
            base = np.array(scores[EXTREMES.name][name])
            mean, lower = difference(found, base)
            print(f"{name:16} {variant.name:32} AUC {found.mean():.3f}  {mean:+.4f} (from {lower:+.4f})", flush=True)
    for variant in VARIANTS[1:]:
        found_by_set = {name: np.array(s) for name, s in scores[variant.name].items() if name != HIPPOCAMPUS}
        mean, lower = pooled([found - np.array(scores[EXTREMES.name][name]) for name, found in found_by_set.items()])
        print(f"{'pooled':16} {variant.name:32} {mean:+.4f} (from {lower:+.4f})")
    if chosen.out:
        chosen.out.write_text(json.dumps(scores))


@pytest.mark.benchmark
def test_a_table_is_made_of_a_few_volumes(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    labels = np.arange(20)[:, None] % 2
    images = rng.integers(0, 100, (20, 9, 9, 9)) + 100 * labels[:, :, None, None]
    np.savez(tmp_path / "few.npz", train_images=images.astype(np.uint8), train_labels=labels)
    monkeypatch.setattr("sys.argv", ["", "--data", str(tmp_path), "--sets", "few", "--repeats", "1"])
    main()
    assert capsys.readouterr().out.count("AUC") == len(VARIANTS)


if __name__ == "__main__":
    main()
