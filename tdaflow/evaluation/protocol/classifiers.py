"""Classifiers to choose from, each a scikit-learn pipeline with a small grid of options.

Everything that learns (centring, scaling, PCA, calibration) is a step of the pipeline, so it is fitted on the same rows
and on no others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted, validate_data

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.committee import Folds
from tdaflow.evaluation.protocol.members import signed_root
from tdaflow.evaluation.protocol.patients import patient_units
from tdaflow.evaluation.protocol.row_pca import RowPCA

FOLDS = 5
"""Folds inside train that calibrate the decision values of the SVM into probabilities."""

Options = Mapping[str, Any]


class BlockScaler(TransformerMixin, BaseEstimator):
    """Centre every column and divide every block of columns by its root mean square deviation.

    Pixels of one persistence image keep their relative sizes (far corners hold almost no bars, and scaling each pixel
    to unit variance would blow up their noise), while channels in different units become comparable.

    Parameters
    ----------
    widths : sequence of int
        Columns of each block, in order.
    square_root : bool
        Take the signed square root first, which tames the few long bars that dominate a linearly weighted image.

    Attributes
    ----------
    mean_, scale_ : float64 arrays, shape (columns,)
        Scale 1 in a block that does not vary.
    """

    def __init__(self, widths: Sequence[int], square_root: bool = False) -> None:
        self.widths = widths
        self.square_root = square_root

    def fit(self, X: np.ndarray, y: Any = None) -> "BlockScaler":
        """Learn means and scales from `X`, shape (n, columns)."""
        X = validate_data(self, X, dtype=np.float64)
        if sum(self.widths) != X.shape[1]:
            raise InputError(f"blocks of {tuple(self.widths)} columns do not make up {X.shape[1]}")
        self.mean_, self.scale_ = np.empty(X.shape[1]), np.empty(X.shape[1])
        # A block at a time: copies of all columns would be several times the features.
        for here in self._slices():
            block = self._rooted(X[:, here])
            self.mean_[here] = block.mean(axis=0)
            self.scale_[here] = np.sqrt(block.var(axis=0).mean()) or 1.0
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the centred and scaled columns, float64."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        scaled = np.empty(X.shape)
        for here in self._slices():
            np.divide(self._rooted(X[:, here]) - self.mean_[here], self.scale_[here], out=scaled[:, here])
        return scaled

    def _slices(self) -> list[slice]:
        ends = np.cumsum(self.widths).tolist()
        return [slice(end - width, end) for width, end in zip(self.widths, ends, strict=True)]

    def _rooted(self, X: np.ndarray) -> np.ndarray:
        return signed_root(X) if self.square_root else X


class ComponentScaler(TransformerMixin, BaseEstimator):
    """Drop principal components that are rounding noise, and on request give the others unit variance.

    Whitening divides by standard deviations. Features of low rank (counts of a few bars) have components that differ
    from zero by the rounding of float32 images only, and whitened they would look like features.

    Parameters
    ----------
    whiten : bool

    Attributes
    ----------
    kept_ : bool array, shape (components,)
        Standard deviation above `NOISE` times the largest.
    deviation_ : float64 array, shape (kept,)
    """

    NOISE = 1e-6

    def __init__(self, whiten: bool = False) -> None:
        self.whiten = whiten

    def fit(self, X: np.ndarray, y: Any = None) -> "ComponentScaler":
        """Learn the deviations from `X`, shape (n, components)."""
        deviation = validate_data(self, X, dtype=np.float64).std(axis=0)
        # At least the largest stays, whatever it is.
        self.kept_ = deviation >= max(self.NOISE * deviation.max(), np.finfo(np.float64).tiny)
        self.kept_[deviation.argmax()] = True
        self.deviation_ = np.where(deviation > 0, deviation, 1.0)[self.kept_]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the components that are kept, float64."""
        check_is_fitted(self)
        components = validate_data(self, X, dtype=np.float64, reset=False)[:, self.kept_]
        return components / self.deviation_ if self.whiten else components


@dataclass(frozen=True)
class Classifier:
    """A kind of classifier.

    Attributes
    ----------
    title : str
        Name in tables.
    grid : tuple of mapping
        Options of `make`, simplest first: of candidates that validation cannot tell apart the first is chosen.
    make : callable (options, seed, folds) -> estimator
        Must give an estimator with `predict_proba`.
    needs_folds : bool
        True if it calibrates by cross-validation inside train.
    per_filtration : bool
        True if one is made for each filtration, with its own preparation, and their probabilities are averaged.
    stacked : bool
        True if a regression on out-of-fold decision values takes the place of the average.
    """

    title: str
    grid: tuple[Options, ...]
    make: Callable[[Options, int, Folds], BaseEstimator]
    needs_folds: bool = False
    per_filtration: bool = False
    stacked: bool = False

    @property
    def splits_train(self) -> bool:
        """True if fitting it needs folds inside train."""
        return self.needs_folds or self.stacked


def _logistic(options: Options, seed: int, folds: Folds) -> BaseEstimator:
    return LogisticRegression(C=options["C"], max_iter=5000, random_state=seed)


def _svm(options: Options, seed: int, folds: Folds) -> BaseEstimator:
    machine = SVC(C=options["C"], kernel="rbf", gamma="scale", random_state=seed)
    # One machine fitted on all of train; only its sigmoid comes from the folds.
    return CalibratedClassifierCV(machine, method="sigmoid", cv=list(folds), ensemble=False)


def _forest(options: Options, seed: int, folds: Folds) -> BaseEstimator:
    return RandomForestClassifier(
        n_estimators=300, min_samples_leaf=options["min_samples_leaf"], max_features="sqrt", random_state=seed
    )


def _boosting(options: Options, seed: int, folds: Folds) -> BaseEstimator:
    return HistGradientBoostingClassifier(
        max_iter=options["max_iter"], learning_rate=0.1, max_leaf_nodes=8, max_features=0.5, l2_regularization=1.0,
        early_stopping=False, random_state=seed,
    )  # fmt: skip


def _grid(preparations: Sequence[Options], options: Sequence[Options]) -> tuple[Options, ...]:
    return tuple({**p, **o} for p in preparations for o in options)


# How the columns are prepared. A linear model takes whitened components, which its penalty treats alike; the RBF kernel
# and the trees take them as they are, so that the many small ones do not drown the few large ones.
_WHITE: tuple[Options, ...] = (
    {"n_components": 30, "whiten": True, "square_root": True},
    {"n_components": 120, "whiten": True, "square_root": True},
)
_ROOTED: Options = {"n_components": 60, "whiten": False, "square_root": True}
_PLAIN: Options = {"n_components": 60, "whiten": False, "square_root": False}

CLASSIFIERS: dict[str, Classifier] = {
    "logistic": Classifier(
        "logistic regression", _grid(_WHITE, [{"C": c} for c in (0.001, 0.01, 0.1, 1.0)]), _logistic
    ),
    "svm": Classifier("SVM", _grid([_ROOTED, _PLAIN], [{"C": 1.0}, {"C": 10.0}]), _svm, needs_folds=True),
    "forest": Classifier("random forest", _grid([_ROOTED], [{"min_samples_leaf": n} for n in (5, 1)]), _forest),
    "boosting": Classifier("gradient boosting", _grid([_ROOTED], [{"max_iter": n} for n in (50, 150)]), _boosting),
    "committee": Classifier(
        "committee of logistic regressions, one a filtration",
        _grid([{**_WHITE[0], "n_components": 60}], [{"C": c} for c in (0.01, 0.1)]), _logistic, per_filtration=True,
    ),
    "stacked": Classifier(
        "stacked logistic regressions, one a filtration",
        _grid([{**_WHITE[0], "n_components": 60}], [{"C": c} for c in (0.01, 0.1)]), _logistic, per_filtration=True,
        stacked=True,
    ),
}  # fmt: skip

PREPARATION = ("n_components", "whiten", "square_root")


def chosen_classifiers(names: Sequence[str] | None) -> dict[str, Classifier]:
    """The named classifiers, all of them for None; InputError for an unknown name."""
    unknown = [name for name in names or () if name not in CLASSIFIERS]
    if unknown:
        raise InputError(f"there is no classifier {unknown[0]!r}: choose from {', '.join(CLASSIFIERS)}")
    return {name: c for name, c in CLASSIFIERS.items() if not names or name in names}


def preparation(options: Options, widths: Sequence[int], n_train: int, seed: int) -> Pipeline:
    """Make the pipeline of scaling and PCA.

    Parameters
    ----------
    options : mapping
        ``n_components`` (at most what the training rows and columns allow), ``whiten`` and ``square_root``.
    widths : sequence of int
        Columns of each block.
    n_train : int
        Rows it will be fitted on.
    seed : int
        Of the randomised singular value decomposition, which is used where there are no more columns than rows.
    """
    n_components = min(options["n_components"], n_train - 1, sum(widths))
    solver = "randomized" if n_components < min(n_train, sum(widths)) else "full"
    narrow = PCA(n_components=n_components, svd_solver=solver, random_state=seed)
    return Pipeline(
        [
            ("scale", BlockScaler(tuple(widths), square_root=options["square_root"])),
            ("pca", RowPCA(n_components) if sum(widths) > n_train else narrow),
            ("keep", ComponentScaler(whiten=options["whiten"])),
        ]
    )


def patient_folds(labels: np.ndarray, groups: np.ndarray, seed: int, n_folds: int = FOLDS) -> Folds:
    """Make stratified folds; the volumes of a known patient stay in one fold."""
    units = patient_units(groups)
    if len(np.unique(units)) == len(units):
        return list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(labels, labels))
    return list(StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed).split(labels, labels, units))
