"""Source of DICOM series.

``listing`` finds files, ``header`` reads one file's header (``frames``: of every frame), ``stacks`` decides which
images belong together, ``series`` sorts and checks slices (``image_checks``, ``spacing_checks``), ``scan`` does so for
a folder, ``pixels`` (``codestream``) and ``resample`` read voxels, ``segmentation`` a mask (``references``: what it is
of, ``grid``: where it lies, ``contours``: those of structure sets), ``build`` makes volumes, and ``source`` is the
interface to the rest of tdaflow.
"""

from tdaflow.sources.dicom.source import Dicom

__all__ = ["Dicom"]
