"""PI-Net (extra ``torch``): persistence images predicted by a network instead of computed.

``model`` is Volume PI-Net, which predicts the images of a run; ``train`` trains it, ``predict`` applies it to a volume
store, ``assess`` evaluates it. ``paper`` holds Signal PI-Net and Image PI-Net with their ground truth and experiments:
Som, Choi, Ramamurthy, Buman and Turaga, "PI-Net: A Deep Learning Approach to Extract Topological Persistence Images"
(2019).

Nothing here imports torch before a network is made, trained or used.
"""

from tdaflow.nets.pinet.paper.targets import IMAGES, SIGNALS, TargetOptions, image_targets, signal_targets

__all__ = ["IMAGES", "SIGNALS", "TargetOptions", "image_targets", "signal_targets"]
