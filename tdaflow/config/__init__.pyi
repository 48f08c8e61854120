from .find import config_or_data, find_config, run_workflows
from .load import apply_overrides, load_config
from .model import RunConfig, is_joint, told_reference
from .presets import PRESETS
from .sections import ExecutionConfig, FiltrationConfig, tolerates

__all__ = [
    "PRESETS",
    "ExecutionConfig",
    "FiltrationConfig",
    "RunConfig",
    "apply_overrides",
    "config_or_data",
    "find_config",
    "is_joint",
    "load_config",
    "run_workflows",
    "told_reference",
    "tolerates",
]
