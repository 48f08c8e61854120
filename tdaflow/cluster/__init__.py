"""Kinds of clusters, and `connect`, which starts or reaches one and returns an engine for the pipeline."""

from tdaflow.cluster.connect import connect
from tdaflow.cluster.kinds import KINDS, cluster_spec, read_spec
from tdaflow.cluster.spec import ClusterSpec

__all__ = ["KINDS", "ClusterSpec", "cluster_spec", "connect", "read_spec"]
