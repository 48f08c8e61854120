"""How to reach workers: one function that turns what a user typed into an engine for the pipeline."""

from tdaflow.cluster.connect import connect
from tdaflow.cluster.spec import ClusterSpec, read_spec

__all__ = ["ClusterSpec", "connect", "read_spec"]
