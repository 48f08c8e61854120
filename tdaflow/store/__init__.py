"""Zarr v3 stores of a run, its folder, and digests; independent of Dask."""

from tdaflow.atomic import remove_leftovers, remove_whole, written_whole
from tdaflow.store.coverage import overlapping
from tdaflow.store.diagrams import DiagramBatch, DiagramStore, bars_digest
from tdaflow.store.digests import content_digest, options_digest, settings_digest
from tdaflow.store.feature_axes import ChannelAxes, SummaryAxes
from tdaflow.store.features import FeatureStore
from tdaflow.store.run_folder import RunFolder
from tdaflow.store.volume_builder import VolumeBuilder
from tdaflow.store.volumes import VolumeStore, VolumeTable

__all__ = [
    "ChannelAxes",
    "DiagramBatch",
    "DiagramStore",
    "FeatureStore",
    "RunFolder",
    "SummaryAxes",
    "VolumeBuilder",
    "VolumeStore",
    "VolumeTable",
    "bars_digest",
    "content_digest",
    "options_digest",
    "overlapping",
    "remove_leftovers",
    "remove_whole",
    "settings_digest",
    "written_whole",
]
