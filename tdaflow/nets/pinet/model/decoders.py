"""Decoders of Volume PI-Net: from a latent vector to the scaled pixels of all channels, flattened one after another."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn


class BasisDecoder(nn.Module):
    """Coefficients of each channel's principal components over the training images, then the images they make.

    Images with a Gaussian several pixels wide lie close to a space of few dimensions, so nothing about the shape of
    Gaussians is left to learn.

    Parameters
    ----------
    hidden : int
        Length of the latent vector.
    means : sequence of tensors, each (pixels,)
        Mean training image of each channel, scaled.
    components : sequence of tensors, each (k, pixels)
        Orthonormal; k may be 0 for a channel that does not vary.
    deviations : sequence of tensors, each (k,)
        Standard deviation of the training images along each component: what a coefficient of 1 means.
    """

    deviations: torch.Tensor

    def __init__(
        self,
        hidden: int,
        means: Sequence[torch.Tensor],
        components: Sequence[torch.Tensor],
        deviations: Sequence[torch.Tensor],
    ) -> None:
        super().__init__()
        self.sizes = [len(d) for d in deviations]
        self.coefficients = nn.Linear(hidden, sum(self.sizes))
        self.register_buffer("deviations", torch.cat(list(deviations)).float())
        for i, (mean, basis) in enumerate(zip(means, components, strict=True)):
            self.register_buffer(f"mean_{i}", mean.float())
            self.register_buffer(f"basis_{i}", basis.float())

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Decode (n, hidden) to (n, pixels)."""
        parts = (self.coefficients(latent) * self.deviations).split(self.sizes, dim=1)
        images = [self.get_buffer(f"mean_{i}") + part @ self.get_buffer(f"basis_{i}") for i, part in enumerate(parts)]
        return torch.cat(images, dim=1)


class DeconvolutionDecoder(nn.Module):
    """From a latent vector through rows×columns values to images, by one transposed convolution of that size.

    The decoder of Image PI-Net (Som et al. 2019, section 4.2).

    Parameters
    ----------
    n_latent, n_channels : int
    shape : (rows, columns)
        Of an image, and of the kernel.
    """

    def __init__(self, n_latent: int, n_channels: int, shape: tuple[int, int]) -> None:
        super().__init__()
        rows, columns = shape
        self.latent = nn.Sequential(nn.Linear(n_latent, rows * columns), nn.ReLU(), nn.Unflatten(1, (1, *shape)))
        self.deconvolution = nn.ConvTranspose2d(1, n_channels, shape)
        self.final = nn.Sequential(nn.BatchNorm2d(n_channels), nn.ReLU())
        # Of (2·rows − 1)×(2·columns − 1) the middle is kept, with the margins that "same" padding means.
        self.middle = tuple(slice((size - 1) // 2, (size - 1) // 2 + size) for size in shape)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predict; all pixels are ≥ 0."""
        rows, columns = self.middle
        images: torch.Tensor = self.final(self.deconvolution(self.latent(x))[..., rows, columns])
        return images


class PaperDecoder(nn.Module):
    """Image PI-Net's decoder for the channels that are images, Signal PI-Net's dense layer for those that are vectors.

    Parameters
    ----------
    hidden : int
        Length of the latent vector.
    shapes : sequence of (rows, columns)
        Of the channels; one column means a vector.
    """

    def __init__(self, hidden: int, shapes: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.is_image = [columns > 1 for _, columns in shapes]
        images = [shape for shape in shapes if shape[1] > 1]
        vectors = [rows for rows, columns in shapes if columns == 1]
        self.images = DeconvolutionDecoder(hidden, len(images), images[0]) if images else None
        self.vectors = nn.Sequential(nn.Linear(hidden, sum(vectors)), nn.ReLU()) if vectors else None
        self.rows = vectors

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Decode (n, hidden) to (n, pixels), all ≥ 0."""
        images = iter(() if self.images is None else self.images(latent).unbind(1))
        vectors = iter(() if self.vectors is None else self.vectors(latent).split(self.rows, dim=1))
        parts = [next(images).flatten(1) if image else next(vectors) for image in self.is_image]
        # Pixels of size 1 come out of the layers; scaled images have size 1 as a whole.
        return torch.cat([part / math.sqrt(part.shape[1]) for part in parts], dim=1)


def principal_components(images: np.ndarray, n_components: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Find the mean (pixels,), orthonormal components (k, pixels) and standard deviations (k,) of training images.

    Parameters
    ----------
    images : (n, pixels) array
        Scaled.
    n_components : int
        Most components; those whose deviation is rounding noise (1e-6 of the largest pixel) are left out.
    """
    values = np.asarray(images, dtype=np.float64)
    if not np.ptp(values, axis=0).any():
        nothing = np.zeros((0, values.shape[1]))
        return torch.from_numpy(values[0]), torch.from_numpy(nothing), torch.zeros(0, dtype=torch.float64)
    most = min(n_components, *values.shape)
    found = PCA(most, random_state=0).fit(values)
    deviations = np.sqrt(found.explained_variance_)
    keep = deviations > 1e-6 * max(np.abs(values).max(), np.finfo(np.float64).tiny)
    mean, components, spread = map(torch.from_numpy, (found.mean_, found.components_[keep], deviations[keep]))
    return mean, components, spread
