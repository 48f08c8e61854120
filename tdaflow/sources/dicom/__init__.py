"""Source of DICOM series.

``listing`` finds files, ``header`` reads one file's header, ``series`` sorts and checks slices (``image_checks``,
``spacing_checks``), ``scan`` does so for a folder, ``pixels`` and ``resample`` read voxels, ``build`` makes a volume,
and ``source`` is the interface to the rest of tdaflow.
"""

from tdaflow.sources.dicom.source import Dicom

__all__ = ["Dicom"]
