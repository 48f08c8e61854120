"""Persistence diagrams to persistence images on one grid, as a scikit-learn transformer."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from tdaflow.diagrams import PersistenceDiagram, RangeRecord, resolve_ranges
from tdaflow.errors import InputError
from tdaflow.estimators.checks import common_filtration, diagrams_of, of_filtration, wanted_dimensions
from tdaflow.extents import typical
from tdaflow.homology import FILTRATIONS
from tdaflow.images import ImageMaker, ImageOptions, outside_count, stored_dtype
from tdaflow.images.axes import Range, Resolution
from tdaflow.images.options import Outside, Plane
from tdaflow.images.profiles import Sampling
from tdaflow.images.weights import Weight

_DEFAULT = ImageOptions()


class PersistenceImage(TransformerMixin, BaseEstimator):
    """Turn diagrams into persistence images: `fit` learns the ranges and σ, `transform` applies them.

    Parameters
    ----------
    epsilon : float in (0, 1)
        Ratio of diagonally adjacent pixels; sets σ in each homology dimension, see `tdaflow.sigma_from_epsilon`.
    resolution : int or (rows, columns)
    weight : "constant", "linear", "gaussian", "power(n)", ("power", n), "arctan" or callable(birth, persistence)
    plane : "birth-persistence" or "birth-death"
    sampling : "midpoint", "integral" or "centre"
    outside : "tails", "clip" or "drop"
        What becomes of bars outside the learned ranges; `outside_counts` counts them.
        For these five see `tdaflow.persistence_image`.
    normalise : None, "max", "sum" or "dataset-max"
        Divide each image by its largest ``|pixel|`` or by the sum of its ``|pixels|``, or all images of a homology
        dimension by the typical largest pixel of a training image.
    quantiles : (low, high)
        Ranges hold these quantiles of the births and deaths (persistences) of most training diagrams, 0 ≤ low < high ≤
        1, see `tdaflow.diagrams.resolve_ranges`; (0, 1) takes the smallest and largest values of all of them.
    homology_dimensions : sequence of int or None
        Which dimensions of the diagrams to use; None for all.
    constant_birth : "vector" or "image"
        A homology dimension whose bars are all born at one value (alpha H0, at 0) becomes one column or a whole image.
    dtype : "float32" or "float64"
        Of the table; float32 becomes float64 where it would not hold the images.

    Attributes
    ----------
    filtration_ : str
        Name of the filtration that the training diagrams are of; "" if they name none.
    homology_dimensions_ : tuple of int
        Ascending. The dicts below have these keys.
    ranges_ : dict of int to ResolvedRange
        Ranges of the training diagrams, before and after widening of zero-width ones.
    birth_range_, death_range_ : dict of int to (float, float)
        Extent of the images; that of persistence for ``death_range_`` in the birth-persistence plane.
    sigma_ : dict of int to float
        Standard deviation of the Gaussian, in the diagrams' units.
    shape_ : dict of int to (int, int)
        Rows and columns.
    image_maximum_ : dict of int to float
        Typical largest pixel of a training image; only with ``normalise="dataset-max"``.

    Notes
    -----
    Fitted on the volumes of the split "train", the images equal those of ``tdaflow run`` with
    ``reference = "train"``, bit for bit.

    Examples
    --------
    >>> from tdaflow import Persistence, PersistenceImage
    >>> squares = [[[0, 0], [0, side], [side, 0], [side, side]] for side in (1, 2)]
    >>> diagrams = Persistence(homology_dimensions=(0, 1)).fit_transform(squares)
    >>> PersistenceImage(resolution=5).fit_transform(diagrams).shape  # one column for H0, 5 × 5 for H1
    (2, 30)
    """

    image_maximum_: dict[int, float]

    def __init__(
        self,
        epsilon: float = _DEFAULT.epsilon,
        resolution: Resolution = _DEFAULT.resolution,
        *,
        weight: Weight = _DEFAULT.weight,
        plane: Plane = _DEFAULT.plane,
        sampling: Sampling = _DEFAULT.sampling,
        normalise: Literal["max", "sum", "dataset-max"] | None = None,
        outside: Outside = _DEFAULT.outside,
        quantiles: tuple[float, float] = _DEFAULT.quantiles,
        homology_dimensions: Sequence[int] | None = None,
        constant_birth: Literal["vector", "image"] = _DEFAULT.constant_birth,
        dtype: Literal["float32", "float64"] = _DEFAULT.dtype,
    ) -> None:
        self.epsilon = epsilon
        self.resolution = resolution
        self.weight = weight
        self.plane = plane
        self.sampling = sampling
        self.normalise = normalise
        self.outside = outside
        self.quantiles = quantiles
        self.homology_dimensions = homology_dimensions
        self.constant_birth = constant_birth
        self.dtype = dtype

    def fit(self, X: Sequence[PersistenceDiagram], y: Any = None) -> "PersistenceImage":
        """Learn the ranges and σ of every homology dimension.

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
        options = self._checked_options()
        diagrams = diagrams_of(X)
        self.filtration_ = common_filtration(diagrams)
        self.homology_dimensions_ = wanted_dimensions(self.homology_dimensions, diagrams)
        record = RangeRecord.from_diagrams(diagrams, self.homology_dimensions_, self.filtration_, options.quantiles)
        rows, columns = options.shape
        narrow = _constant_births(self.filtration_) if self.constant_birth == "vector" else ()
        self.shape_ = {k: (rows, 1 if k in narrow else columns) for k in self.homology_dimensions_}
        self.ranges_ = {
            k: resolve_ranges(record, (self.filtration_, k), resolution=shape, plane=options.plane)
            for k, shape in self.shape_.items()
        }
        # Kept from here on, so that a parameter set after `fit` cannot mix with what was learned under another.
        self._options = {k: options.with_shape(*shape) for k, shape in self.shape_.items()}
        self.sigma_ = {k: o.sigma(self.birth_range_[k], self.death_range_[k]) for k, o in self._options.items()}
        if hasattr(self, "image_maximum_"):
            del self.image_maximum_  # of an earlier fit with other parameters
        if self.normalise == "dataset-max":
            self.image_maximum_ = {k: typical(images.max(axis=(1, 2))) for k, images in self._images(diagrams).items()}
        return self

    @property
    def birth_range_(self) -> dict[int, Range]:
        """Extent of the columns by homology dimension, in the diagrams' units."""
        return {k: found.birth_range for k, found in self.ranges_.items()}

    @property
    def death_range_(self) -> dict[int, Range]:
        """Extent of the rows by homology dimension: of deaths, or of persistences in the birth-persistence plane."""
        return {k: found.death_range for k, found in self.ranges_.items()}

    def transform(self, X: Sequence[PersistenceDiagram]) -> NDArray[np.floating]:
        """Make the images, as a table.

        Parameters
        ----------
        X : list of PersistenceDiagram

        Returns
        -------
        array (n_diagrams, n_features) of ``dtype``
            The pixels of every homology dimension in turn, row by row; `get_feature_names_out` names them.

        Raises
        ------
        InputError
            For diagrams of another filtration than the training diagrams, or without one of their dimensions.
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        return np.concatenate([images.reshape(len(images), -1) for images in self.images(X).values()], axis=1)

    def images(self, X: Sequence[PersistenceDiagram]) -> dict[int, NDArray[np.floating]]:
        """Make the images, by homology dimension.

        Parameters
        ----------
        X : list of PersistenceDiagram

        Returns
        -------
        dict of int to array (n_diagrams, rows, columns) of ``dtype``
            Row 0: smallest death (persistence), column 0: smallest birth.
        """
        return self._images(self._known(X))

    def outside_counts(self, X: Sequence[PersistenceDiagram]) -> NDArray[np.int64]:
        """Count the bars outside the learned ranges.

        Parameters
        ----------
        X : list of PersistenceDiagram

        Returns
        -------
        int64 (n_diagrams, n_dimensions)
            In the order of ``homology_dimensions_``. With ``quantiles=(0, 1)``, 0 for the training diagrams.
        """
        diagrams = self._known(X)
        counts = [
            [
                outside_count(
                    bars.pairs, found.birth_range, found.death_range, self._options[k].plane, counts=bars.counts
                )
                for bars in (d.bars[k] for d in diagrams)
            ]
            for k, found in self.ranges_.items()
        ]
        return np.array(counts, dtype=np.int64).T

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the columns of `transform`.

        Parameters
        ----------
        input_features : ignored
            Diagrams have no named features.

        Returns
        -------
        array of str
            Such as "alpha_h2_y3_x17": row 3, column 17 of the image of alpha H2; "alpha_h0_y3" where it is one column.
        """
        check_is_fitted(self)
        prefix = f"{self.filtration_}_" if self.filtration_ else ""
        columns = {k: [f"_x{x}" for x in range(n)] if n > 1 else [""] for k, (_, n) in self.shape_.items()}
        names = [
            f"{prefix}h{k}_y{y}{x}" for k, (rows, _) in self.shape_.items() for y in range(rows) for x in columns[k]
        ]
        return np.array(names, dtype=object)

    def _checked_options(self) -> ImageOptions:
        return ImageOptions(**{field.name: getattr(self, field.name) for field in fields(ImageOptions)})

    def _known(self, X: Any) -> list[PersistenceDiagram]:
        """Return the samples; InputError unless they are of the kind that was fitted."""
        check_is_fitted(self)
        return of_filtration(X, self.filtration_, self.homology_dimensions_)

    def _images(self, diagrams: list[PersistenceDiagram]) -> dict[int, NDArray[np.floating]]:
        births, deaths = self.birth_range_, self.death_range_
        maxima = getattr(self, "image_maximum_", {})
        dtype = self._dtype
        found = {}
        for k, options in self._options.items():
            made = ImageMaker(options, births[k], deaths[k], sigma=self.sigma_[k], normalise=maxima.get(k) or None)
            images = [made(bars.pairs, bars.counts) for bars in (d.bars[k] for d in diagrams)]
            with np.errstate(over="ignore", under="ignore"):
                found[k] = np.stack(images).astype(dtype)
            if not np.isfinite(found[k]).all():
                raise InputError(f"images of H{k} have pixels that {dtype} does not hold; use dtype='float64'")
        return found

    @property
    def _dtype(self) -> str:
        """Widest type that a homology dimension needs; a run stores all in one type too."""
        found = set()
        for k, options in self._options.items():
            lengths = self.death_range_[k][1] - (self.birth_range_[k][0] if options.plane == "birth-death" else 0.0)
            found.add(stored_dtype(options, f"{self.filtration_} H{k}", (0.0, lengths), self.sigma_[k]))
        return max(found)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def _constant_births(filtration: str) -> tuple[int, ...]:
    """Return the dimensions that get one column: by filtration, not by data, so that the features are known before."""
    known: Mapping[str, Any] = FILTRATIONS
    return known[filtration].constant_births if filtration in known else ()
