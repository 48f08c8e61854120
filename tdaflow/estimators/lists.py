"""Base and helpers of transformers whose samples are volumes, clouds or diagrams, not rows of a table."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from tdaflow.arrays import refuse_other_axes
from tdaflow.errors import InputError
from tdaflow.sources import is_image, volume_from

R = TypeVar("R")


class ListTransformer(TransformerMixin):
    """Transformer that returns a list with one object a sample; stateless unless a subclass says otherwise.

    Of a pandas Series of samples it returns a Series with the same index, so that a `ColumnTransformer` puts the
    features of a sample beside the other columns of its row.

    Attributes
    ----------
    output_name : str
        Name of what it makes.
    """

    output_name: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # Lists are no tables, whatever table format is asked for.
        super().__init_subclass__(auto_wrap_output_keys=None, **kwargs)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the one object that is made of a sample, so that a `Pipeline` can ask the steps after it for theirs.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        array of str (1,)
        """
        check_is_fitted(self)
        return np.array([self.output_name], dtype=object)

    def set_output(self, *, transform: str | None = None) -> "ListTransformer":
        """Do nothing: clouds and diagrams are a list whatever table format is asked for.

        It is here so that ``set_output`` of a `Pipeline` reaches the steps that do return tables.

        Parameters
        ----------
        transform : str, optional
            Ignored.

        Returns
        -------
        self
        """
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def samples_of(X: Any) -> list[Any]:
    """Return the samples of `X` in a list.

    Parameters
    ----------
    X : list, tuple, array or pandas Series
        One sample an element, or an element of the first axis.

    Raises
    ------
    InputError
        If `X` is no such collection, or empty.
    """
    if hasattr(X, "columns"):
        raise InputError(
            f"X is a {type(X).__name__}, not a list or array of samples; pass the column that holds them, such as "
            "X['scan'] (in a ColumnTransformer name the column as 'scan', not as ['scan'])"
        )
    if is_image(X) or isinstance(X, str | bytes | Mapping) or not (hasattr(X, "__len__") and hasattr(X, "__getitem__")):
        raise InputError(
            f"X is a {type(X).__name__}, not a list or array of samples; put a single sample in a list, and read an "
            f"iterator into one"
        )
    refuse_other_axes(X)
    if len(X) == 0:
        raise InputError("X has 0 samples; give at least one")
    return list(X)  # not by index: that of a Series is a label


def volume_of(sample: Any) -> Any:
    """The sample; where it is an image of nibabel or SimpleITK, a `tdaflow.Volume` of it.

    Raises
    ------
    InputError
        For a path, and for images that cannot be used.
    """
    if isinstance(sample, str | bytes) or hasattr(sample, "__fspath__"):
        raise InputError(
            f"{sample!r} is a path, not a volume; read it first, such as with nibabel.load(path), or use "
            "tdaflow.open_source for a folder"
        )
    return volume_from(sample) if is_image(sample) else sample


def each(function: Callable[[Any], R], X: Any, n_jobs: int | None) -> list[R]:
    """Apply `function` to every sample, in order of the samples; an InputError says which sample it is about.

    Parameters
    ----------
    function : callable
    X : list, tuple, array or pandas Series
        Of a Series the results are a Series with its index.
    n_jobs : int or None
        As in scikit-learn. Threads unless `joblib.parallel_config` says otherwise: the kernels release the GIL, and
        volumes need not be copied.
    """
    found: list[R] = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(_named)(function, sample, i) for i, sample in enumerate(samples_of(X))
    )
    if "pandas" not in sys.modules or not isinstance(X, sys.modules["pandas"].Series):
        return found
    column = np.empty(len(found), dtype=object)
    for i, result in enumerate(found):  # at once, NumPy would look into them
        column[i] = result
    series: list[R] = sys.modules["pandas"].Series(column, index=X.index)
    return series


def _named(function: Callable[[Any], R], sample: Any, i: int) -> R:
    try:
        return function(sample)
    except InputError as error:
        raise InputError(f"sample {i} of X: {error}") from error
