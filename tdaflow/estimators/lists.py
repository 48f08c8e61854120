"""Base and helpers of transformers whose samples are volumes, clouds or diagrams, not rows of a table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sklearn.base import TransformerMixin
from sklearn.utils.parallel import Parallel, delayed

from tdaflow.errors import InputError

R = TypeVar("R")


class ListTransformer(TransformerMixin):
    """Transformer that returns a list with one object a sample; stateless unless a subclass says otherwise."""

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
    X : list, tuple or array
        One sample an element, or an element of the first axis.

    Raises
    ------
    InputError
        If `X` is no such collection, or empty.
    """
    table_or_mapping = isinstance(X, str | bytes | Mapping) or hasattr(X, "columns")
    if table_or_mapping or not (hasattr(X, "__len__") and hasattr(X, "__getitem__")):
        raise InputError(
            f"X is a {type(X).__name__}, not a list or array of samples; put a single sample in a list, and read an "
            f"iterator into one"
        )
    if len(X) == 0:
        raise InputError("X has 0 samples; give at least one")
    return [X[i] for i in range(len(X))]


def each(function: Callable[[Any], R], samples: Sequence[Any], n_jobs: int | None) -> list[R]:
    """Apply `function` to every sample, in order of the samples; an InputError says which sample it is about.

    Parameters
    ----------
    function : callable
    samples : sequence
    n_jobs : int or None
        As in scikit-learn. Threads unless `joblib.parallel_config` says otherwise: the kernels release the GIL, and
        volumes need not be copied.
    """
    return Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(_named)(function, sample, i) for i, sample in enumerate(samples)
    )


def _named(function: Callable[[Any], R], sample: Any, i: int) -> R:
    try:
        return function(sample)
    except InputError as error:
        raise InputError(f"sample {i} of X: {error}") from error
