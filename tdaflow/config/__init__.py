"""One typed, validated configuration of a run: preset ← TOML ← command line."""

from tdaflow.config.load import apply_overrides, find_config, load_config
from tdaflow.config.model import RunConfig, is_joint, told_reference
from tdaflow.config.presets import PRESETS
from tdaflow.config.sections import ExecutionConfig, FiltrationConfig, tolerates

__all__ = [
    "PRESETS",
    "ExecutionConfig",
    "FiltrationConfig",
    "RunConfig",
    "apply_overrides",
    "find_config",
    "is_joint",
    "load_config",
    "told_reference",
    "tolerates",
]
