"""Check that the libraries of the extra ``report`` are installed."""

import importlib

from tdaflow.errors import ConfigError

PAGE = ("matplotlib", "jinja2")
"""What a page is made with."""


def require_libraries(*modules: str) -> None:
    """Raise ConfigError, with the command that installs it, if one of the modules cannot be imported."""
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError:
            raise ConfigError(f'reports need {module}, which is not installed: pip install "tdaflow[report]"') from None
