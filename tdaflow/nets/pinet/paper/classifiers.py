"""The classifiers of Som et al. 2019, section 5 and Table 2, alone or with persistence images beside.

All return logits; the softmax is in the loss.
"""

import torch
from torch import nn

DROPOUT = 0.2
MLP_WIDTHS = (1024, 1024, 512, 512, 256, 256, 128, 128)
PI_WIDTHS = (1024, 512)


def dense_layers(n_inputs: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Dense layers with ReLU, each followed by dropout and batch normalisation."""
    layers: list[nn.Module] = []
    for before, after in zip((n_inputs, *widths), widths, strict=False):
        layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(DROPOUT), nn.BatchNorm1d(after)]
    return nn.Sequential(*layers)


class MLP(nn.Module):
    """Eight dense layers on statistics, persistence images, or both side by side.

    Parameters
    ----------
    n_inputs, n_classes : int
    """

    def __init__(self, n_inputs: int, n_classes: int) -> None:
        super().__init__()
        self.layers = dense_layers(n_inputs, MLP_WIDTHS)
        self.output = nn.Linear(MLP_WIDTHS[-1], n_classes)

    def forward(self, features: torch.Tensor, images: torch.Tensor | None = None) -> torch.Tensor:
        """Return the logits of features (n, …), with images (n, …) flattened beside them."""
        inputs = features.flatten(1) if images is None else torch.cat([features.flatten(1), images.flatten(1)], dim=1)
        logits: torch.Tensor = self.output(self.layers(inputs))
        return logits


class SignalCNN(nn.Module):
    """Ten convolutions of 64 filters on a signal (n, channels, t).

    Each is followed by batch normalisation, ReLU and max pooling of size 3, whose stride is 1 after odd and 2 after
    even layers; the last one by the mean over time. Images are joined there.

    Parameters
    ----------
    n_channels, n_classes : int
    n_pixels : int
        Of the images beside, 0 for none.
    """

    def __init__(self, n_channels: int, n_classes: int, n_pixels: int = 0) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for number in range(1, 11):
            blocks += [nn.Conv1d(n_channels if number == 1 else 64, 64, 3, padding=1), nn.BatchNorm1d(64), nn.ReLU()]
            if number < 10:
                blocks.append(nn.MaxPool1d(3, stride=2 - number % 2, padding=1))
        self.encoder = nn.Sequential(*blocks, nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.output = nn.Linear(64 + n_pixels, n_classes)

    def forward(self, signals: torch.Tensor, images: torch.Tensor | None = None) -> torch.Tensor:
        """Return the logits."""
        return _joined(self.output, self.encoder(signals), images)


class AlexNetVariant(nn.Module):
    """Table 2, left: four convolutions and a dense layer on 32×32 images (n, 3, 32, 32).

    Images are passed through two dense layers and joined with the output of the last dropout.
    """

    def __init__(self, n_classes: int, n_pixels: int = 0) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *_conv(3, 32, 3, 1), *_conv(32, 32, 3, 0), nn.MaxPool2d(2), nn.Dropout(DROPOUT),
            *_conv(32, 64, 3, 1), *_conv(64, 64, 3, 0), nn.MaxPool2d(2), nn.Dropout(DROPOUT),
            nn.Flatten(), nn.Linear(64 * 6 * 6, 1024), nn.ReLU(), nn.Dropout(DROPOUT),
        )  # fmt: skip
        self.images = dense_layers(n_pixels, PI_WIDTHS) if n_pixels else None
        self.output = nn.Linear(1024 + (PI_WIDTHS[-1] if n_pixels else 0), n_classes)

    def forward(self, photographs: torch.Tensor, images: torch.Tensor | None = None) -> torch.Tensor:
        """Return the logits."""
        beside = None if images is None or self.images is None else self.images(images.flatten(1))
        return _joined(self.output, self.encoder(photographs), beside)


class NetworkInNetwork(nn.Module):
    """Table 2, right: three groups of convolutions on 32×32 images (n, 3, 32, 32).

    Alone it ends in a convolution with a map a class and their means; with images the means are taken one layer before,
    joined with the images' dense features, and classified by a dense layer.
    """

    def __init__(self, n_classes: int, n_pixels: int = 0) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *_conv(3, 192, 5, 2), *_conv(192, 160, 1, 0), *_conv(160, 96, 1, 0), nn.MaxPool2d(3, 2, padding=1),
            *_conv(96, 192, 5, 2), *_conv(192, 192, 1, 0), *_conv(192, 192, 1, 0), nn.MaxPool2d(3, 2, padding=1),
            *_conv(192, 192, 3, 1), *_conv(192, 192, 1, 0),
        )  # fmt: skip
        self.mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.images = dense_layers(n_pixels, PI_WIDTHS) if n_pixels else None
        self.output: nn.Module = (
            nn.Linear(192 + PI_WIDTHS[-1], n_classes) if n_pixels else nn.Sequential(*_conv(192, n_classes, 1, 0))
        )

    def forward(self, photographs: torch.Tensor, images: torch.Tensor | None = None) -> torch.Tensor:
        """Return the logits."""
        maps = self.encoder(photographs)
        if images is None or self.images is None:
            logits: torch.Tensor = self.mean(self.output(maps))
            return logits
        return _joined(self.output, self.mean(maps), self.images(images.flatten(1)))


def _conv(before: int, after: int, size: int, padding: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, size, padding=padding), nn.ReLU()]


def _joined(output: nn.Module, features: torch.Tensor, beside: torch.Tensor | None) -> torch.Tensor:
    together = features if beside is None else torch.cat([features, beside.flatten(1)], dim=1)
    logits: torch.Tensor = output(together)
    return logits
