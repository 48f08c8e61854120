"""Persistence diagrams, and the records from which the ranges of a cohort come."""

from tdaflow.diagrams.bars import NO_BARS, Bars
from tdaflow.diagrams.diagram import EssentialPolicy, PersistenceDiagram
from tdaflow.diagrams.ranges import AXES, Axis, Channel, ChannelRanges, RangeRecord
from tdaflow.diagrams.resolve import Plane, ResolvedRange, resolve_ranges

__all__ = [
    "AXES",
    "NO_BARS",
    "Axis",
    "Bars",
    "Channel",
    "ChannelRanges",
    "EssentialPolicy",
    "PersistenceDiagram",
    "Plane",
    "RangeRecord",
    "ResolvedRange",
    "resolve_ranges",
]
