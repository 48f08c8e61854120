"""What scikit-learn asks of every estimator.

`parametrize_with_checks` feeds 2D tables; for estimators of volumes, clouds and diagrams, which say so in their tags,
it yields the clone check alone. The checks of its that need no data are therefore called here by name, and those that
need data are written anew with data of the right kind.
"""

import copy
import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from tdaflow import Persistence, PersistenceImage, PersistenceVectorisation, SuperpixelPointCloud
from tdaflow.homology import Cubical
from tdaflow.superpixels import superpixel_point_cloud
from tdaflow.vectorisations import Atol


def volumes(seed: int = 0, n: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, (n, 6, 5, 7), dtype=np.uint8)


def clouds() -> list[np.ndarray]:
    return [superpixel_point_cloud(volume, 30) for volume in volumes()]


def diagrams() -> list[Any]:
    return Persistence().transform(clouds())


@dataclass(frozen=True)
class Case:
    estimator: BaseEstimator
    data: Callable[[], Any]
    requires_fit: bool


CASES = {
    "cloud": Case(SuperpixelPointCloud(n_superpixels=30), lambda: list(volumes()), requires_fit=True),
    "cloud-number": Case(SuperpixelPointCloud(30, intensity_scale=0.1), volumes, requires_fit=False),
    "cloud-volume": Case(SuperpixelPointCloud(30, intensity_scale="volume"), volumes, requires_fit=False),
    "alpha": Case(Persistence(homology_dimensions=(0, 1)), clouds, requires_fit=False),
    "cubical": Case(Persistence(Cubical(direction="superlevel")), volumes, requires_fit=False),
    "image": Case(PersistenceImage(resolution=(4, 3)), diagrams, requires_fit=True),
    "vectors": Case(PersistenceVectorisation(homology_dimensions=(0, 1)), diagrams, requires_fit=True),
    "vectors-atol": Case(PersistenceVectorisation(Atol(n_centres=3)), diagrams, requires_fit=True),
    "image-dataset-max": Case(
        PersistenceImage(0.9, 4, weight=("power", 2), normalise="dataset-max", quantiles=(0, 0.9)),
        diagrams,
        requires_fit=True,
    ),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def equal(left: Any, right: Any) -> bool:
    """Bitwise equality of tables, lists of arrays and lists of diagrams."""
    if isinstance(left, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(np.array_equal(left, right)) if isinstance(left, np.ndarray) else left == right


def state(estimator: BaseEstimator) -> dict[str, Any]:
    return {name: value for name, value in vars(estimator).items() if name not in estimator.get_params()}


with warnings.catch_warnings():
    warnings.simplefilter("ignore", SkipTestWarning)  # says that it does not test what takes no 2D array
    with_sklearn_checks = parametrize_with_checks([case.estimator for case in CASES.values()])


@with_sklearn_checks
def test_scikit_learns_own_checks(estimator: BaseEstimator, check: Callable[[Any], None]) -> None:
    check(estimator)


@every_case
@pytest.mark.parametrize(
    "check",
    [
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
def test_checks_of_scikit_learn_that_need_no_data(case: Case, check: str) -> None:
    getattr(estimator_checks, check)(type(case.estimator).__name__, clone(case.estimator))


@every_case
def test_fit_returns_self_keeps_parameters_and_gives_a_clone_that_is_unfitted(case: Case) -> None:
    estimator = clone(case.estimator)
    parameters = copy.deepcopy(estimator.get_params())
    assert estimator.fit(case.data()) is estimator
    assert estimator.get_params() == parameters
    assert clone(estimator).get_params() == parameters
    assert state(clone(estimator)) == {}


@every_case
def test_fit_is_idempotent_and_forgets_what_it_learned_before(case: Case) -> None:
    data = case.data()
    once = clone(case.estimator).fit(data)
    twice = clone(case.estimator).fit(data[:2]).fit(data)
    assert state(once) == state(twice)
    assert equal(once.transform(data), twice.transform(data))


@every_case
def test_fit_transform_is_fit_then_transform(case: Case) -> None:
    data = case.data()
    assert equal(clone(case.estimator).fit_transform(data), clone(case.estimator).fit(data).transform(data))
    assert equal(clone(case.estimator).fit_transform(data, [0] * len(data)), clone(case.estimator).fit_transform(data))


@every_case
def test_before_fit_transform_works_if_there_is_nothing_to_learn_and_raises_otherwise(case: Case) -> None:
    estimator = clone(case.estimator)
    assert get_tags(estimator).requires_fit is case.requires_fit
    if case.requires_fit:
        with pytest.raises(NotFittedError):
            estimator.transform(case.data())
        with pytest.raises(NotFittedError):
            check_is_fitted(estimator)
    else:
        assert equal(estimator.transform(case.data()), estimator.fit_transform(case.data()))


@every_case
def test_input_and_fitted_state_are_not_modified(case: Case) -> None:
    data = case.data()
    before = copy.deepcopy(data)
    estimator = clone(case.estimator).fit(data)
    learned = copy.deepcopy(state(estimator))
    estimator.transform(data)
    assert equal(list(data), list(before))
    assert state(estimator) == learned


@every_case
def test_read_only_input_is_accepted(case: Case) -> None:
    data = case.data()
    for sample in data:
        if isinstance(sample, np.ndarray):
            sample.flags.writeable = False
    assert equal(clone(case.estimator).fit_transform(data), clone(case.estimator).fit_transform(case.data()))


@every_case
def test_a_sample_gives_the_same_whatever_stands_beside_it(case: Case) -> None:
    data = case.data()
    estimator = clone(case.estimator).fit(data)
    together = estimator.transform(data)
    alone = [estimator.transform(data[i : i + 1])[0] for i in range(len(data))]
    assert equal(list(together), alone)
    assert equal(list(estimator.transform(data[::-1])), alone[::-1])


@every_case
def test_pickling_keeps_what_was_learned(case: Case) -> None:
    data = case.data()
    estimator = clone(case.estimator).fit(data)
    restored = pickle.loads(pickle.dumps(estimator))
    assert state(restored) == state(estimator)
    assert equal(restored.transform(data), estimator.transform(data))


@pytest.mark.parametrize("case", [c for c in CASES.values() if "n_jobs" in c.estimator.get_params()])
def test_n_jobs_changes_nothing(case: Case) -> None:
    data = case.data()
    assert equal(clone(case.estimator).set_params(n_jobs=2).fit_transform(data), case.estimator.fit_transform(data))


@every_case
@pytest.mark.parametrize(
    ("X", "reason"),
    [
        ([], "0 samples"),
        (None, "NoneType"),
        ("volumes", "put a single sample in a list"),
        ({0: np.zeros((2, 2))}, "dict"),
        (iter([np.zeros((2, 2))]), "read an iterator"),
    ],
)
def test_what_is_no_list_of_samples_is_refused(case: Case, X: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        clone(case.estimator).fit(X)
