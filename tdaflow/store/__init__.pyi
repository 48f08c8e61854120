from .coverage import overlapping
from .diagrams import DiagramBatch, DiagramStore, bars_digest
from .digests import content_digest, options_digest, settings_digest
from .feature_axes import ChannelAxes, SummaryAxes
from .features import FeatureStore
from .run_folder import RunFolder
from .volume_builder import VolumeBuilder
from .volumes import VolumeStore, VolumeTable

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
    "settings_digest",
]
