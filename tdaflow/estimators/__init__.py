"""scikit-learn transformers over the kernels: volumes → point clouds → persistence diagrams → images or vectors.

They work in a `Pipeline`, can be cloned and searched, and know neither Dask nor Zarr. For data sets that do not fit in
memory there is `tdaflow run`, which gives the same images.
"""

from tdaflow.estimators.clouds import SuperpixelPointCloud
from tdaflow.estimators.diagrams import Persistence
from tdaflow.estimators.images import PersistenceImage
from tdaflow.estimators.vectorisations import PersistenceVectorisation

__all__ = ["Persistence", "PersistenceImage", "PersistenceVectorisation", "SuperpixelPointCloud"]
