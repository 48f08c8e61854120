"""One typed, validated configuration of a run: preset ← TOML ← command line."""

from tdaflow.config.load import apply_overrides, load_config
from tdaflow.config.model import ExecutionConfig, FiltrationConfig, ImageConfig, RunConfig, SuperpixelConfig
from tdaflow.config.presets import PRESETS

__all__ = [
    "PRESETS",
    "ExecutionConfig",
    "FiltrationConfig",
    "ImageConfig",
    "RunConfig",
    "SuperpixelConfig",
    "apply_overrides",
    "load_config",
]
