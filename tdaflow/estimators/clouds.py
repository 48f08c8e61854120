"""Volumes to superpixel point clouds, as a scikit-learn transformer."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from tdaflow.arrays import refuse_masked, refuse_other_axes
from tdaflow.errors import InputError
from tdaflow.estimators.lists import ListTransformer, each, samples_of, volume_of
from tdaflow.extents import intensity_extent
from tdaflow.option_types import check_types
from tdaflow.superpixels import CohortScale, SuperpixelOptions, cohort_scale, superpixel_point_cloud
from tdaflow.superpixels.options import IntensityScale, Smoothing

_DEFAULT = SuperpixelOptions()


class SuperpixelPointCloud(ListTransformer, BaseEstimator):
    """Turn volumes into 4D point clouds of superpixels.

    Parameters
    ----------
    n_superpixels : int
        Wanted number of points, from 8 to the number of voxels.
    spacing : (3,) float
        Voxel size (z, y, x) in mm of all volumes that do not bring their own.
    smoothing : "step", float or None
        Gaussian filter before intensities are read, as a multiple of the grid's step; "step" is 0.5.
    space_weight : float in [0, 1]
        λ: ½ is the plain (z, y, x, I), 1 ignores intensity, 0 ignores space.
    intensity_scale : float > 0, "auto", "cohort" or "volume"
        Multiplies intensities. `fit` learns from the training volumes, as a run does from its reference volumes: the
        factor that makes their typical extent of grey values as long as their longest edge in mm ("cohort"), or that
        each volume gets a factor of its own ("volume"). "auto" is "cohort" where the middle 80 % of the extents agree
        within a factor of four, see `tdaflow.superpixels.cohort_scale`.
    intensity_step : float > 0 or None
        Intensities are rounded to multiples of it; None takes 1/4096 of the extent of the volume's grey values, or a
        little less.
    grid : "nearest" or "integer-step"
    intensity : "point" or "mean"
    method : "grid" or "slic"
        See `tdaflow.superpixels.superpixels`, which explains all of the above in full.
    n_jobs : int or None
        Volumes at a time (threads); None is 1 unless in a `joblib.parallel_config`.

    Attributes
    ----------
    intensity_scale_ : float or "volume"
        What was learned; only with ``intensity_scale="auto"`` or "cohort". Otherwise `fit` learns nothing, and
        `transform` works without it.
    scale_ : CohortScale
        What it was learned from; as above.

    See Also
    --------
    tdaflow.superpixel_point_cloud : the same for one volume.

    Examples
    --------
    >>> import numpy as np
    >>> from tdaflow import SuperpixelPointCloud
    >>> volumes = np.arange(2 * 4 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4, 4)
    >>> [cloud.shape for cloud in SuperpixelPointCloud(n_superpixels=8).fit_transform(volumes)]
    [(8, 4), (8, 4)]
    """

    intensity_scale_: float | Literal["volume"]
    scale_: CohortScale
    output_name = "superpixel_point_cloud"

    def __init__(
        self,
        n_superpixels: int = _DEFAULT.n_superpixels,
        *,
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        smoothing: Smoothing = _DEFAULT.smoothing,
        space_weight: float = _DEFAULT.space_weight,
        intensity_scale: IntensityScale = _DEFAULT.intensity_scale,
        intensity_step: float | None = _DEFAULT.intensity_step,
        grid: Literal["nearest", "integer-step"] = _DEFAULT.grid,
        intensity: Literal["point", "mean"] = _DEFAULT.intensity,
        method: Literal["grid", "slic"] = _DEFAULT.method,
        n_jobs: int | None = None,
    ) -> None:
        self.n_superpixels = n_superpixels
        self.spacing = spacing
        self.smoothing = smoothing
        self.space_weight = space_weight
        self.intensity_scale = intensity_scale
        self.intensity_step = intensity_step
        self.grid = grid
        self.intensity = intensity
        self.method = method
        self.n_jobs = n_jobs

    def fit(self, X: Sequence[ArrayLike] | NDArray[Any], y: Any = None) -> "SuperpixelPointCloud":
        """Check the parameters and, unless it is given, learn the intensity scale.

        Parameters
        ----------
        X : array (n, z, y, x), or list of arrays (z, y, x) of any shapes
            Volumes of any integer, float or bool dtype, finite. An element may also be a `tdaflow.Volume`, or an image
            of nibabel or SimpleITK (see `tdaflow.volume_from`); these bring their spacing.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        InputError
            For bad parameters, and for volumes that are not finite when their extent is asked for.
        """
        _check_stack(X)
        samples_of(X)
        check_types({"spacing": (self.spacing, tuple[float, float, float])})
        self._check_parameters()
        if hasattr(self, "intensity_scale_"):
            del self.intensity_scale_, self.scale_  # of an earlier fit with other parameters
        if self._learns:
            found = np.array(list(each(partial(_edge_and_extent, self.spacing), X, self.n_jobs)))
            self.scale_ = cohort_scale(found[:, 0], found[:, 1], self.intensity_scale)  # type: ignore[arg-type]
            self.intensity_scale_ = self.scale_.for_clouds
        return self

    def transform(self, X: Sequence[ArrayLike] | NDArray[Any]) -> list[NDArray[np.float64]]:
        """Make the clouds.

        Parameters
        ----------
        X : array (n, z, y, x), or list of arrays (z, y, x) of any shapes
            As for `fit`.

        Returns
        -------
        list of float64 (n_points, 4)
            One a volume; columns z, y, x, I. A Series with the same index where `X` is a pandas Series.

        Raises
        ------
        InputError
            Naming the volume that cannot be used.
        sklearn.exceptions.NotFittedError
            With ``intensity_scale="auto"`` or "cohort" before `fit`.
        """
        check_is_fitted(self)
        scale = self.intensity_scale_ if self._learns else self.intensity_scale
        _check_stack(X)
        return each(partial(_cloud, self.spacing, self._options(scale)), X, self.n_jobs)

    def _check_parameters(self) -> None:
        SuperpixelOptions(**self._options(self.intensity_scale))
        # The least volume refuses a spacing that any other would refuse.
        superpixel_point_cloud(np.zeros((2, 2, 2)), 8, spacing=self.spacing)

    def _options(self, scale: float | str) -> dict[str, Any]:
        names = ("n_superpixels", "smoothing", "space_weight", "intensity_step", "grid", "intensity", "method")
        return {**{name: getattr(self, name) for name in names}, "intensity_scale": scale}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = self._learns
        return tags

    @property
    def _learns(self) -> bool:
        return isinstance(self.intensity_scale, str) and self.intensity_scale in ("auto", "cohort")


def _check_stack(X: Any) -> None:
    if isinstance(X, np.ndarray) and X.dtype != object and X.ndim != 4:
        raise InputError(f"X of shape {X.shape} is not a stack of volumes (n, z, y, x); put a single volume in a list")


def _cloud(spacing: tuple[float, float, float], options: dict[str, Any], sample: Any) -> NDArray[np.float64]:
    volume = volume_of(sample)
    return superpixel_point_cloud(volume, spacing=None if hasattr(volume, "voxels") else spacing, **options)


def _edge_and_extent(spacing: tuple[float, float, float], sample: Any) -> tuple[float, float]:
    """Return the longest edge in mm and the extent of the grey values."""
    volume = volume_of(sample)
    size = volume.spacing if hasattr(volume, "voxels") else spacing
    given = getattr(volume, "voxels", volume)
    refuse_masked(given, "a volume")
    refuse_other_axes(given)
    voxels = np.asarray(given)
    if voxels.dtype.kind not in "biuf" or voxels.size == 0:
        raise InputError(f"a volume of shape {voxels.shape} and dtype {voxels.dtype} has no extent; leave it out")
    if not np.isfinite(voxels).all():
        raise InputError("the volume holds NaN or infinite voxels; replace them or leave the volume out")
    return float(np.max(np.array(voxels.shape) * size)), intensity_extent(voxels).width
