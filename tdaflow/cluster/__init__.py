"""Kinds of clusters, and `connect` and `on_demand`, which start or reach one and give an engine for the pipeline."""

from tdaflow.cluster.connect import connect, on_demand
from tdaflow.cluster.kinds import KINDS, cluster_spec, read_spec
from tdaflow.cluster.spec import ClusterSpec

__all__ = ["KINDS", "ClusterSpec", "cluster_spec", "connect", "on_demand", "read_spec"]
