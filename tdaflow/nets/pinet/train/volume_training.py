"""Train a Volume PI-Net on the volumes and images of a run."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from tdaflow.nets.checkpoints import Checkpoints
from tdaflow.nets.pinet.model.channels import channel_shape, n_pixels, split_pixels
from tdaflow.nets.pinet.model.decoders import BasisDecoder, PaperDecoder, principal_components
from tdaflow.nets.pinet.model.image_errors import scaled_errors
from tdaflow.nets.pinet.model.network import VolumeEncoder, VolumeNetOptions, VolumePINet, forward
from tdaflow.nets.pinet.model.uncertainty import Calibration, OutOfDistribution, calibrate, quantile_loss
from tdaflow.nets.pinet.train.fit import Augment, Pairs, fit_images
from tdaflow.nets.pinet.train.pairs import RunPairs
from tdaflow.nets.pinet.train.schedule import PINetSchedule
from tdaflow.nets.training import Epoch, Fitted

# Filtrations that see no difference between a volume and its mirror image. Alpha's superpixel grid does, slightly.
_MIRRORED = ("alpha", "cubical")


@dataclass(frozen=True)
class TrainedVolumeNet:
    """A trained network and what was learned about it.

    Attributes
    ----------
    fitted : Fitted
        Its network is a `VolumePINet`.
    calibration : Calibration
        From the validation volumes.
    out_of_distribution : OutOfDistribution
        From the training volumes.
    val_pixels : float32 (n, pixels)
        Predicted for the validation volumes.
    """

    fitted: Fitted
    calibration: Calibration
    out_of_distribution: OutOfDistribution
    val_pixels: np.ndarray


class ScaledError:
    """Mean squared error in units of each channel's mean squared size, and the uncertainty's quantile loss.

    Without the units a channel whose bars are long in its own unit would be all that is learned.
    """

    def __init__(self, n_channels: int) -> None:
        self._n_channels = n_channels

    def __call__(self, net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return error and loss, see `tdaflow.nets.pinet.train.fit.Objective`; `y` are images in their own units."""
        assert isinstance(net, VolumePINet)
        pixels, uncertainty = net.scaled(x)
        squares = (pixels.float() - y / net.pixel_scale).square().sum(dim=1) / self._n_channels
        error = squares.mean()
        return error, error + quantile_loss(uncertainty.float(), squares.detach().sqrt())


def train_volume_net(
    pairs: RunPairs,
    options: VolumeNetOptions,
    schedule: PINetSchedule,
    seed: int,
    *,
    device: str = "cpu",
    checkpoints: Checkpoints | None = None,
    after_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> TrainedVolumeNet:
    """Train a network and calibrate its uncertainty.

    Parameters
    ----------
    pairs : RunPairs
    options : VolumeNetOptions
    schedule : PINetSchedule
    seed, device, checkpoints, after_epoch
        As for `tdaflow.nets.training.fit`, whose errors it raises.
    """
    scale = pixel_scale(pairs)
    fitted = fit_images(
        lambda: make_network(pairs, options, scale),
        Pairs(pairs.train.voxels, pairs.train.pixels),
        Pairs(pairs.val.voxels, pairs.val.pixels),
        schedule,
        seed,
        objective=ScaledError(len(pairs.channels)),
        augment=augmentation(pairs),
        device=device,
        checkpoints=checkpoints,
        after_epoch=after_epoch,
    )
    assert isinstance(fitted.net, VolumePINet)
    val = forward(fitted.net, pairs.val.voxels, device)
    errors = scaled_errors(val.pixels, pairs.val.pixels, scale, pairs.channels)
    scores = OutOfDistribution.of(forward(fitted.net, pairs.train.voxels, device).features)
    return TrainedVolumeNet(fitted, calibrate(val.uncertainty, errors), scores, val.pixels)


def make_network(pairs: RunPairs, options: VolumeNetOptions, scale: np.ndarray) -> VolumePINet:
    """Make an untrained network for these channels and intensities; random weights come from torch's generator."""
    encoder = VolumeEncoder(options.width)
    decoder: nn.Module
    if options.decoder == "paper":
        decoder = PaperDecoder(options.hidden, [channel_shape(c) for c in pairs.channels])
    else:
        images = split_pixels(pairs.train.pixels / scale, pairs.channels)
        found = [principal_components(values, options.n_components) for values in images]
        decoder = BasisDecoder(options.hidden, *zip(*found, strict=True))
    return VolumePINet(encoder, decoder, options.hidden, pairs.record.intensity_range, torch.from_numpy(scale))


def pixel_scale(pairs: RunPairs) -> np.ndarray:
    """Return the root mean square size of each channel's training images, once a pixel; 1 where all are 0. float32"""
    sizes = [
        float(np.sqrt(np.square(part, dtype=np.float64).sum(axis=1).mean()))
        for part in split_pixels(pairs.train.pixels, pairs.channels)
    ]
    widths = [n_pixels(c) for c in pairs.channels]
    return np.repeat([size if size > 0 else 1.0 for size in sizes], widths).astype(np.float32)


def augmentation(pairs: RunPairs) -> Augment | None:
    """Make a function that mirrors volumes and exchanges axes of isotropic cubes; None if a filtration sees it."""
    kinds = {c.filtration: pairs.exact.state["config"]["filtrations"][c.filtration]["kind"] for c in pairs.channels}
    if not set(kinds.values()) <= set(_MIRRORED) or any(c.region != "whole" for c in pairs.channels):
        return None
    (shape,), low, high = pairs.record.shapes, pairs.record.spacing_low, pairs.record.spacing_high
    isotropic = len(set(shape)) == 1 and len({*low, *high}) == 1

    def augment(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        mirrored = [2 + axis for axis in range(3) if torch.rand((), generator=generator) < 0.5]
        order = torch.randperm(3, generator=generator).tolist() if isotropic else [0, 1, 2]
        return x.flip(mirrored).permute(0, 1, *(2 + axis for axis in order))

    return augment
