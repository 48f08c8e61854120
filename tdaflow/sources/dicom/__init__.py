"""Source of DICOM series.

``listing`` finds files, ``header`` reads one file's header (``frames``: of every frame), ``stacks`` decides which
images belong together, ``series`` sorts and checks slices (``image_checks``, ``spacing_checks``), ``scan`` does so for
a folder, ``pixels`` (``codestream``) and ``resample`` read voxels, ``segmentation`` a mask, ``build`` makes a volume,
and ``source`` is the interface to the rest of tdaflow.
"""

from tdaflow.sources.dicom.source import Dicom

__all__ = ["Dicom"]
