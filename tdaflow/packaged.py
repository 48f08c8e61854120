"""Files that travel with the package: workflows, cluster specifications and the data registry.

In an installed wheel they lie in ``tdaflow/_packaged/``; in a checkout (editable install) they are the repository's own
top-level folders, so that editing ``workflows/x.toml`` takes effect at once.
"""

from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from tdaflow.errors import InputError

Folder = Literal["workflows", "cluster", "data"]
_SUFFIXES = ("", ".toml", ".yaml", ".yml")


def packaged_folder(folder: Folder) -> Path:
    """Folder that holds the packaged files of one kind.

    Parameters
    ----------
    folder : {"workflows", "cluster", "data"}
        Kind of file.

    Returns
    -------
    pathlib.Path
        An existing folder.

    Raises
    ------
    InputError
        If the kind is unknown or the installation lacks the folder.
    """
    if folder not in get_args(Folder):
        raise InputError(f"no packaged folder is called {folder!r}: choose one of {', '.join(get_args(Folder))}")
    package = Path(str(files("tdaflow")))
    for candidate in (package / "_packaged" / folder, package.parent / folder):
        if candidate.is_dir():
            return candidate
    raise InputError(f"the packaged folder {folder!r} is missing from {package}: reinstall tdaflow")


def packaged_names(folder: Folder) -> tuple[str, ...]:
    """Sorted names of the files in a packaged folder, in sub-folders as ``best/organmnist3d.toml``; none hidden."""
    root = packaged_folder(folder)
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return tuple(sorted(path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts)))


def packaged_file(folder: Folder, name: str) -> Path:
    """Path of one packaged file.

    Parameters
    ----------
    folder : {"workflows", "cluster", "data"}
        Kind of file.
    name : str
        As `packaged_names` lists it; ``.toml``, ``.yaml`` or ``.yml`` may be left out, so ``"quickstart"`` finds
        ``quickstart.toml``.

    Returns
    -------
    pathlib.Path
        An existing file.

    Raises
    ------
    InputError
        If there is no such file; the message lists those that exist.
    """
    names = packaged_names(folder)
    for suffix in _SUFFIXES:
        # Membership in the listing keeps "../x" and absolute paths out.
        if name + suffix in names:
            return packaged_folder(folder) / (name + suffix)
    listing = ", ".join(names) or "it is empty"
    raise InputError(f"{folder}/ has no file {name!r}: choose one of {listing}")
