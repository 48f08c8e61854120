"""The graph of a run and the functions of its batches; knows neither file formats nor kinds of cluster."""

import lazy_loader

# Names are imported on first use, so that one does not cost what all of them need: see `__init__.pyi`.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
