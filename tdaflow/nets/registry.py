"""Registry of the deep baselines."""

from dataclasses import dataclass
from typing import Literal

LEAK = "leaks: best test epoch"


@dataclass(frozen=True)
class NetBaseline:
    """One deep baseline: its row's name, its network, what it reads and the sentence under the table."""

    title: str
    kind: Literal["2d", "2.5d", "3d", "acs", "cnn3d", "early-cnn3d", "early-resnet18-3d"]
    reads: Literal["voxels", "images", "voxels and images", "images per range"]
    note: str
    protocol: Literal["honest", "published"] = "honest"


NETS: dict[str, NetBaseline] = {
    "resnet18-2.5d": NetBaseline(
        "2.5D ResNet-18", "2.5d", "voxels", "2D kernels in axial planes, strides along all axes."
    ),
    "resnet18-3d": NetBaseline("3D ResNet-18", "3d", "voxels", "MONAI's ResNet-18 for volumes."),
    "resnet18-acs": NetBaseline(
        "ACS ResNet-18", "acs", "voxels", "2D kernels split over axial, coronal and sagittal views, not pretrained."
    ),
    "resnet18-pi": NetBaseline(
        "PI + ResNet-18", "2d", "images", "MONAI's ResNet-18 on the persistence images of the run, a channel each."
    ),
    "cnn3d": NetBaseline(
        "small 3D CNN", "cnn3d", "voxels", "Three blocks of convolution and pooling, 16, 32 and 64 channels."
    ),
    "early-cnn3d": NetBaseline(
        "early fusion: small 3D CNN and PI", "early-cnn3d", "voxels and images",
        "Principal components of the recorded choice's channels stand beside the network's features before its head.",
    ),
    "early-resnet18-3d": NetBaseline(
        "early fusion: 3D ResNet-18 and PI", "early-resnet18-3d", "voxels and images",
        "Principal components of the recorded choice's channels stand beside the network's features before its head.",
    ),
    "published-pi": NetBaseline(
        f"PI + ResNet-18, published protocol ({LEAK})", "2d", "images per range",
        "As published: ranges and σ of each image from its own bars, and the epoch with the best accuracy on the test "
        "split itself. It shows what the leak is worth; no result of a method.",
        protocol="published",
    ),
}  # fmt: skip
