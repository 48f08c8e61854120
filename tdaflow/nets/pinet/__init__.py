"""PI-Net (extra ``torch``): persistence images predicted by a network instead of computed.

Som, Choi, Ramamurthy, Buman and Turaga, "PI-Net: a deep learning approach to extract topological persistence images"
(2019): Signal PI-Net and Image PI-Net with their ground truth; and Volume PI-Net for the images of a run.

Nothing here imports torch before a network is made, trained or used.
"""

from tdaflow.nets.pinet.paper.targets import IMAGES, SIGNALS, TargetOptions, image_targets, signal_targets

__all__ = ["IMAGES", "SIGNALS", "TargetOptions", "image_targets", "signal_targets"]
