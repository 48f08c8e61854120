"""The compiled modules of the cubical kernel."""

from tdaflow.compiled_cache import CompiledKernel

KERNEL = CompiledKernel(__name__.rpartition(".")[0], ("paths", "links", "stars", "components", "loops"))
is_compiled, stage = KERNEL.is_compiled, KERNEL.stage
