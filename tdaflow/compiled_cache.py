"""Where compiled kernels are kept, and how their modules are imported.

numba stores compiled functions in a directory fixed when a module is imported. Ours is private to the user: the cache
holds machine code that later runs with the user's rights. Only the kernels' own imports see the setting; other users
of numba in the process keep theirs.
"""

import contextlib
import hashlib
import importlib
import importlib.metadata
import os
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

_lock = threading.RLock()
# Compiling takes some ten seconds, on a busy machine a minute.
_TURN_SECONDS = 300


@cache
def cache_directory() -> Path:
    """Return the directory of the compiled kernels, created with mode 0700.

    ``NUMBA_CACHE_DIR`` if the user has set it; else ``numba-<version>-<digest of the kernels' sources>`` in the
    user's cache directory; else, where that cannot be written, the same in a directory of the user's own under the
    system's temporary one. A cache of other sources is therefore never read. Nothing is compiled or imported here.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    import platformdirs

    name = f"numba-{importlib.metadata.version('numba')}-{_sources_digest()}"
    parents = [Path(tempfile.gettempdir()) / f"tdaflow-{os.getuid() if hasattr(os, 'getuid') else os.getlogin()}"]
    with contextlib.suppress(RuntimeError):  # an account without a home
        parents.insert(0, platformdirs.user_cache_path("tdaflow"))
    for parent in parents:
        if _make_private(parent) and _make_private(parent / name):
            return parent / name
    return Path(tempfile.mkdtemp(prefix="tdaflow-"))  # of this process alone, always 0700


@cache
def _sources_digest() -> str:
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*/*_kernel/*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _make_private(directory: Path) -> bool:
    """Create ``directory`` (0700) or check that it is a directory only its owner, this user, can write; then try it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode):
            return False
        if hasattr(os, "getuid"):
            if found.st_uid != os.getuid():
                return False
            if stat.S_IMODE(found.st_mode) != 0o700:
                directory.chmod(0o700)
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False


class CompiledKernel:
    """The compiled modules of one kernel, imported on first use with the private cache.

    Parameters
    ----------
    package : str
        Dotted name of the package that holds them.
    stages : tuple of str
        Names of the modules; all are imported together.
    """

    def __init__(self, package: str, stages: tuple[str, ...]) -> None:
        self._package = package
        self._stages = stages
        self._loaded: dict[str, ModuleType] = {}
        self._prepared = False

    def _marker(self) -> Path:
        """A file whose presence says that everything is compiled for this processor."""
        import llvmlite.binding as llvm

        kernel = self._package.rpartition(".")[2]
        features = hashlib.sha256(llvm.get_host_cpu_features().flatten().encode()).hexdigest()[:8]
        return cache_directory() / f"{kernel}-{_sources_digest()}-{llvm.get_host_cpu_name()}-{features}.ready"

    def is_compiled(self) -> bool:
        """Return True if the kernel can run without compiling first; takes milliseconds and imports no numba."""
        return self._marker().exists()

    def warmup(self, exercise: Callable[[], object]) -> float:
        """Compile the kernel, or load what an earlier process compiled.

        Parameters
        ----------
        exercise : callable
            Calls every compiled function with the types that it is used with.

        Returns
        -------
        float
            Seconds it took: some ten for the first time on a machine, under one afterwards.
        """
        start = time.perf_counter()
        exercise()
        # A cache given by the user may be unwritable: each process then compiles for itself.
        with contextlib.suppress(OSError):
            self._marker().touch(mode=0o600)
        return time.perf_counter() - start

    def prepare(self, exercise: Callable[[], object]) -> None:
        """Compile everything at once the first time, so that no later call waits.

        Of many processes with the same cache and processor, such as those of all jobs of a cluster, one compiles; the
        others wait for it.
        """
        if not self._prepared:
            if not self.is_compiled():
                with self._turn():
                    if not self.is_compiled():
                        self.warmup(exercise)
            self._prepared = True

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other process compiles; on a file system without locks, or after minutes, not any longer."""
        from filelock import FileLock

        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError, NotImplementedError):  # a timeout is an OSError
                stack.enter_context(FileLock(self._marker().with_suffix(".lock"), timeout=_TURN_SECONDS, mode=0o600))
            yield

    def stage(self, name: str) -> ModuleType:
        """Return a compiled module of the package."""
        with _lock:
            if not self._loaded:
                from numba import config

                before = config.CACHE_DIR
                config.CACHE_DIR = str(cache_directory())
                try:
                    self._loaded = {n: importlib.import_module(f"{self._package}.{n}") for n in self._stages}
                finally:
                    config.CACHE_DIR = before
            return self._loaded[name]
