"""Reader of DICOM series.

``listing`` finds files, ``header`` reads one file's header, ``series`` puts slices in order with the checks of
``image_checks`` and ``spacing_checks``, ``scan`` does so for a folder, ``pixels`` and ``resample`` make voxels of it,
``build`` puts a volume together, and ``source`` is what the rest of tdaflow sees.
"""

from tdaflow.sources.dicom.source import Dicom

__all__ = ["Dicom"]
