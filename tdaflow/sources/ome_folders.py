"""Find OME-Zarr images in a folder by their JSON metadata."""

import json
from pathlib import Path
from typing import Any

from tdaflow.sources.ome_metadata import ome_attributes
from tdaflow.sources.walk import Walk


def image_folders(root: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Return all image folders at or below `root`, sorted, and sentences about what was left out.

    A group that is no image is searched for images, except for its ``labels``. One without groups inside is listed, so
    that it is rejected by name; so is a folder called ``.zarr`` that is not Zarr. Folders are searched as
    `tdaflow.sources.walk.Walk` describes.
    """
    walk = Walk(root)

    def below(name: str) -> list[Path]:
        folder = walk.path(name)
        kind, _, attributes = node(folder)
        if kind == "array" or "multiscales" in ome_attributes(attributes):
            return [folder]
        children, _ = walk.inside(name)
        if kind == "group":
            inside = ((child, walk.path(child)) for child in children)
            children = [child for child, path in inside if path.name != "labels" and node(path)[0] == "group"]
        found = [path for child in children for path in below(child)]
        return found or ([folder] if kind == "group" or folder.suffix == ".zarr" else [])

    images = below("")
    walk.check_readable()
    # Files of a group that begin with a dot are metadata of version 0.4.
    return images, walk.notes(folders_only=True)


def node(folder: Path) -> tuple[str | None, Any, dict[str, Any]]:
    """Return kind ("group", "array" or None), Zarr format and attributes of a folder; none from a damaged file."""
    if (folder / "zarr.json").is_file():
        metadata = _json(folder / "zarr.json")
        attributes = metadata.get("attributes")
        kind = "array" if metadata.get("node_type") == "array" else "group"
        return kind, 3, attributes if isinstance(attributes, dict) else {}
    for kind in ("group", "array"):
        if (folder / f".z{kind}").is_file():
            return kind, 2, _json(folder / ".zattrs")
    return None, None, {}


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def image_stamp(folder: Path, level: str | None) -> dict[str, int]:
    """Return number, bytes and last change (ns) of the files of a group's metadata and of one of its arrays."""
    files = [file for name in ("zarr.json", ".zgroup", ".zattrs") if (file := folder / name).is_file()]
    if level is not None:
        files += [file for file in (folder / level).rglob("*") if file.is_file()]
    stats = [file.stat() for file in files]
    return {
        "files": len(stats),
        "size": sum(stat.st_size for stat in stats),
        "mtime_ns": max((stat.st_mtime_ns for stat in stats), default=0),
    }


def stem(name: str) -> str:
    """Return a name without ``.zarr`` or ``.ome.zarr``."""
    return name.removesuffix(".zarr").removesuffix(".ome")
