"""Persistence images from 3D medical volumes, at the scale of real archives."""

import lazy_loader

__version__ = "0.1.0"

# Public names are imported on first use, so that `import tdaflow` stays light: see `__init__.pyi`.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
