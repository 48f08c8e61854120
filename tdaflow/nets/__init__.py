"""Neural networks as baselines (extra ``torch``): ResNet-18 in 2D, 2.5D, 3D and ACS, and their training.

Nothing here imports torch or MONAI before a network is made or trained.
"""

from tdaflow.nets.optional import require_torch
from tdaflow.nets.schedule import MEDMNIST, REDUCED, Schedule, schedule_for

__all__ = ["MEDMNIST", "REDUCED", "Schedule", "require_torch", "schedule_for"]
