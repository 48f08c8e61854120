"""The compiled modules of the alpha kernel."""

from tdaflow.compiled_cache import CompiledKernel

KERNEL = CompiledKernel(__name__.rpartition(".")[0], ("delaunay", "faces", "values", "sorting", "persistence"))
is_compiled, stage = KERNEL.is_compiled, KERNEL.stage
