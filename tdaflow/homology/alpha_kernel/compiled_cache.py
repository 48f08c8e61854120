"""Where the compiled kernel is kept, and how its modules are imported.

numba stores compiled functions in a directory fixed when a module is imported. Ours is private to the user: the cache
holds machine code that later runs with the user's rights. Only the kernel's own imports see the setting; other users
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
from functools import cache
from pathlib import Path
from types import ModuleType

_PACKAGE = __name__.rpartition(".")[0]
_STAGES = ("delaunay", "faces", "values", "sorting", "persistence")
_lock = threading.RLock()


@cache
def cache_directory() -> Path:
    """Return the directory of the compiled kernel, created with mode 0700.

    ``NUMBA_CACHE_DIR`` if the user has set it; else ``numba-<version>-<digest of the kernel's sources>`` in the
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


def _sources_digest() -> str:
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
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


def _marker() -> Path:
    """A file whose presence says that everything is compiled for this processor."""
    import llvmlite.binding as llvm

    features = hashlib.sha256(llvm.get_host_cpu_features().flatten().encode()).hexdigest()[:8]
    return cache_directory() / f"tdaflow-{_sources_digest()}-{llvm.get_host_cpu_name()}-{features}.ready"


def is_compiled() -> bool:
    """Whether the kernel can run without compiling first; takes milliseconds and imports no numba."""
    return _marker().exists()


def mark_compiled() -> None:
    """Record that every function has been compiled and stored."""
    try:
        _marker().touch(mode=0o600)
    except OSError:
        return  # an unwritable cache given by the user: each process then compiles for itself


@cache
def _loaded() -> dict[str, ModuleType]:
    from numba import config

    before = config.CACHE_DIR
    config.CACHE_DIR = str(cache_directory())
    try:
        return {name: importlib.import_module(f"{_PACKAGE}.{name}") for name in _STAGES}
    finally:
        config.CACHE_DIR = before


def stage(name: str) -> ModuleType:
    """Return a compiled module of this package, imported on first use with the private cache."""
    with _lock:
        return _loaded()[name]
