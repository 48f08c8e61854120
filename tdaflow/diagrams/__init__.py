"""Persistence diagrams, and the mergeable records from which dataset-wide ranges come."""

from tdaflow.diagrams.diagram import EssentialPolicy, PersistenceDiagram
from tdaflow.diagrams.histogram import LogHistogram
from tdaflow.diagrams.ranges import AXES, Axis, Channel, ChannelRange, RangeRecord
from tdaflow.diagrams.resolve import Plane, ResolvedRange, resolve_ranges

__all__ = [
    "AXES",
    "Axis",
    "Channel",
    "ChannelRange",
    "EssentialPolicy",
    "LogHistogram",
    "PersistenceDiagram",
    "Plane",
    "RangeRecord",
    "ResolvedRange",
    "resolve_ranges",
]
