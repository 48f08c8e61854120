from .connect import connect, on_demand
from .kinds import KINDS, cluster_spec, read_spec
from .spec import ClusterSpec

__all__ = ["KINDS", "ClusterSpec", "cluster_spec", "connect", "on_demand", "read_spec"]
