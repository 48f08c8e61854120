"""PCA of few rows and many columns is scikit-learn's, and columns without rank are left at zero."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.classifiers import ComponentScaler, preparation
from tdaflow.evaluation.protocol.row_pca import RowPCA


@pytest.fixture
def rows() -> np.ndarray:
    """Thirty rows of 200 columns whose variances differ widely."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((30, 200)) * np.geomspace(1, 1e-3, 200) + 5


def test_components_and_scores_are_those_of_the_full_decomposition(rows):
    ours, theirs = RowPCA(12).fit(rows), PCA(12, svd_solver="full").fit(rows)
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-9)
    np.testing.assert_allclose(ours.singular_values_, theirs.singular_values_, rtol=1e-9)
    others = np.random.default_rng(1).standard_normal((5, 200))
    np.testing.assert_allclose(ours.transform(others), theirs.transform(others), atol=1e-9)


def test_rows_of_low_rank_have_components_of_zero_that_are_dropped_afterwards(rows):
    flat = rows[:, :2] @ np.random.default_rng(2).standard_normal((2, 200))
    fitted = RowPCA(6).fit(flat)
    assert (fitted.components_[2:] == 0).all()
    scores = fitted.transform(flat)
    assert ComponentScaler(whiten=True).fit_transform(scores).shape == (30, 2)
    np.testing.assert_allclose(scores @ fitted.components_ + fitted.mean_, flat, atol=1e-9)


@pytest.mark.parametrize("n_components", [0, 31])
def test_more_components_than_rows_are_refused(rows, n_components):
    with pytest.raises(InputError, match="n_components"):
        RowPCA(n_components).fit(rows)


@pytest.mark.parametrize(("widths", "kind"), [([20, 9], PCA), ([20, 11], RowPCA)])
def test_it_is_used_where_there_are_more_columns_than_rows(widths, kind):
    options = {"n_components": 5, "whiten": True, "square_root": True}
    assert isinstance(preparation(options, widths, 30, seed=0)["pca"], kind)
