"""Persistence diagrams to short vectors (curves, statistics, soft counts), as a scikit-learn transformer."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from tdaflow.diagrams import PersistenceDiagram, RangeRecord, resolve_ranges
from tdaflow.errors import InputError
from tdaflow.estimators.checks import common_filtration, diagrams_of, of_filtration, wanted_dimensions
from tdaflow.estimators.options import NestedOptions
from tdaflow.images import ImageOptions
from tdaflow.vectorisations import (
    VECTORISATIONS,
    Atol,
    BarSample,
    Bounds,
    Vectorisation,
    fit_atol,
    term_names,
    usual_bars,
    vectorisation_from,
)

_DEFAULT = ImageOptions()


class PersistenceVectorisation(TransformerMixin, NestedOptions):
    """Turn diagrams into vectors: `fit` learns what the diagrams of a homology dimension share, `transform` applies it.

    Parameters
    ----------
    vectorisation : str or object
        A name in `tdaflow.vectorisations.VECTORISATIONS` ("betti", "landscape", "silhouette", "entropy", "statistics",
        "atol"), or an instance such as ``Landscape(n_landscapes=5)`` of the same module. Its options can be set and
        searched as ``vectorisation__n_landscapes``.
    homology_dimensions : sequence of int or None
        Which dimensions of the diagrams to use; None for all.
    quantiles : (low, high)
        As for `PersistenceImage`: of births and deaths of most training diagrams, between which curves are sampled.
    dtype : "float32" or "float64"
        Of the table.

    Attributes
    ----------
    filtration_ : str
        Name of the filtration that the training diagrams are of; "" if they name none.
    homology_dimensions_ : tuple of int
        Ascending. The dicts below have these keys.
    bounds_ : dict of int to (float, float)
        Smallest birth and largest death between which curves are sampled, in the filtration's unit.
    vectorisations_ : dict of int to object
        The options, with the centres that were found for "atol".

    Notes
    -----
    Fitted on the volumes of the split "train", the vectors equal those of ``tdaflow run`` with ``reference = "train"``
    (those of "atol" as long as there are no more bars than ``Atol.n_bars``, of which it draws some otherwise).

    Examples
    --------
    >>> from tdaflow import Persistence, PersistenceVectorisation
    >>> squares = [[[0, 0], [0, side], [side, 0], [side, side]] for side in (1, 2)]
    >>> diagrams = Persistence(homology_dimensions=(0, 1)).fit_transform(squares)
    >>> vectors = PersistenceVectorisation("betti", homology_dimensions=(1,)).set_params(vectorisation__resolution=4)
    >>> vectors.fit_transform(diagrams).tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]
    """

    nested: ClassVar = {"vectorisation": vectorisation_from}

    def __init__(
        self,
        vectorisation: str | Vectorisation | Atol = "landscape",
        *,
        homology_dimensions: Sequence[int] | None = None,
        quantiles: tuple[float, float] = _DEFAULT.quantiles,
        dtype: Literal["float32", "float64"] = _DEFAULT.dtype,
    ) -> None:
        self.vectorisation = vectorisation
        self.homology_dimensions = homology_dimensions
        self.quantiles = quantiles
        self.dtype = dtype

    def fit(self, X: Sequence[PersistenceDiagram], y: Any = None) -> "PersistenceVectorisation":
        """Learn the range of values of every homology dimension, and the centres for "atol".

        Parameters
        ----------
        X : list of PersistenceDiagram
            Training diagrams, all of one filtration.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        InputError
            For bad parameters, for anything else than diagrams, and for diagrams of several filtrations or without a
            wanted homology dimension.
        """
        options = vectorisation_from(self.vectorisation)
        checked = ImageOptions(quantiles=self.quantiles, dtype=self.dtype)
        diagrams = diagrams_of(X)
        self.filtration_ = common_filtration(diagrams)
        self.homology_dimensions_ = wanted_dimensions(self.homology_dimensions, diagrams)
        record = RangeRecord.from_diagrams(diagrams, self.homology_dimensions_, self.filtration_, checked.quantiles)
        self.bounds_: dict[int, Bounds] = {}
        self.vectorisations_: dict[int, Vectorisation] = {}
        for k in self.homology_dimensions_:
            ranges = resolve_ranges(record, (self.filtration_, k), resolution=1, plane="birth-death")
            self.bounds_[k] = ranges.observed_birth_range[0], ranges.observed_death_range[1]
            self.vectorisations_[k] = self._learnt(options, diagrams, k) if isinstance(options, Atol) else options
        self._kind = next((kind for kind, of in VECTORISATIONS.items() if type(options) is of), type(options).__name__)
        self._dtype = checked.dtype
        return self

    def transform(self, X: Sequence[PersistenceDiagram]) -> NDArray[np.floating]:
        """Make the vectors, as a table.

        Parameters
        ----------
        X : list of PersistenceDiagram

        Returns
        -------
        array (n_diagrams, n_features) of ``dtype``
            The numbers of every homology dimension in turn; `get_feature_names_out` names them.

        Raises
        ------
        InputError
            For diagrams of another filtration than the training diagrams, or without one of their dimensions.
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        check_is_fitted(self)
        diagrams = of_filtration(X, self.filtration_, self.homology_dimensions_)
        rows = [
            np.concatenate([v.vector(d.bars[k], self.bounds_[k]) for k, v in self.vectorisations_.items()])
            for d in diagrams
        ]
        with np.errstate(over="ignore", under="ignore"):
            table: NDArray[np.floating] = np.stack(rows).astype(self._dtype)
        if not np.isfinite(table).all():
            raise InputError(f"a vector has numbers that {self._dtype} does not hold; use dtype='float64'")
        return table

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the columns of `transform`.

        Parameters
        ----------
        input_features : ignored
            Diagrams have no named features.

        Returns
        -------
        array of str
            Such as "alpha_h2_landscape_1_t17", the first landscape of alpha H2 at the eighteenth value, or
            "alpha_h1_statistics_mean_of_birth".
        """
        check_is_fitted(self)
        prefix = f"{self.filtration_}_" if self.filtration_ else ""
        names = [
            f"{prefix}h{k}_{self._kind}_{term}"
            for k, vectorisation in self.vectorisations_.items()
            for term in term_names(vectorisation.terms(self.bounds_[k]))
        ]
        return np.array(names, dtype=object)

    def _learnt(self, options: Atol, diagrams: Sequence[PersistenceDiagram], k: int) -> Vectorisation:
        sample = BarSample(options.n_bars)
        for position, diagram in enumerate(diagrams):
            key = (position, self.filtration_, k)
            sample = sample.merge(BarSample.from_pairs(diagram[k], key, size=options.n_bars, seed=options.seed))
        return fit_atol(options, usual_bars(sample.bars, *self.bounds_[k]))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags
