"""Checks of stores and runs: readable, consistent, and fit to learn from."""

import lazy_loader

# Names are imported on first use, so that one does not cost what all of them need: see `__init__.pyi`.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
