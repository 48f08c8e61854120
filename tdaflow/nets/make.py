"""Make the network of a baseline by its kind."""

from typing import cast

from torch import nn

from tdaflow.nets.early_fusion import EarlyFusion
from tdaflow.nets.inputs import NetInputs
from tdaflow.nets.networks import resnet18
from tdaflow.nets.schedule import Schedule
from tdaflow.nets.small import SmallCNN


def make_network(kind: str, inputs: NetInputs, n_classes: int, schedule: Schedule, *, width: float = 1.0) -> nn.Module:
    """Make a network with random weights from torch's generator.

    Parameters
    ----------
    kind : str
        Of a `NetBaseline`.
    inputs : NetInputs
        Give the shape of one row.
    n_classes : int
    schedule : Schedule
        Says the stem and the precision of a ResNet.
    width : float
        Of a ResNet, see `resnet18`.
    """
    options = {"stem": schedule.stem, "precision": schedule.precision, "width": width}
    n_channels = inputs.shape[0]
    if kind in ("cnn2d", "cnn3d"):
        return SmallCNN(2 if kind == "cnn2d" else 3, n_channels, n_classes)
    if not kind.startswith("early-"):
        return resnet18(kind, n_channels, n_classes, **options)  # type: ignore[arg-type]
    assert inputs.volume_shape is not None
    n_columns = n_channels - inputs.n_voxels
    if kind == "early-cnn3d":
        small = SmallCNN(3, inputs.volume_shape[0], n_classes)
        return EarlyFusion(small.trunk, inputs.volume_shape, small.n_features, n_columns, n_classes)
    trunk = resnet18("3d", inputs.volume_shape[0], n_classes, **options)  # type: ignore[arg-type]
    head = cast(nn.Linear, trunk.fc)
    n_features = head.in_features
    trunk.fc = nn.Identity()
    return EarlyFusion(trunk, inputs.volume_shape, n_features, n_columns, n_classes)
