"""The error for a path where a run is wanted: what is there, and what to type."""

from itertools import islice
from pathlib import Path

from tdaflow.errors import InputError
from tdaflow.remote import RemotePath, place
from tdaflow.store import RunFolder

# Names of files that are looked at: an error must not wait for the search of an archive.
_LOOKED_AT = 2000
_GIVE = "give the folder that `tdaflow run --out` was given"


def no_run(path: str | Path) -> InputError:
    """Return the error for a path that is no run: a volume store, data, a part of a run, a folder of runs, nothing."""
    return InputError(f"{path} holds no run (no run.json){_what_is(place(path))}")


def _what_is(path: Path) -> str:
    from tdaflow.config.resolve import is_volume_store  # imports what only an error needs

    if isinstance(path, RemotePath):
        return f"; {_GIVE}"
    inside = next((p for p in path.expanduser().absolute().parents if (p / "run.json").is_file()), None)
    if inside is not None:
        return f", it is a part of the run {inside}: give that folder"
    if not path.exists():
        return f", there is no such folder; {_GIVE}"
    if path.is_file():
        makes_one = path.suffix == ".toml" or _is_data(path.name)
        return f", it is a file; {f'`tdaflow run {path}` makes a run of it' if makes_one else _GIVE}"
    if is_volume_store(path):
        return f", it is a volume store; `tdaflow run {path}` makes a run of it"
    if RunFolder(path).states_of_shards():
        return f", it holds shards of one; `tdaflow merge {path}` joins them"
    runs = sorted(child.parent.name for child in path.glob("*/run.json"))
    if runs:
        return f", it is a folder of runs; give one of them, such as {path / runs[0]}"
    data = next(filter(_is_data, _names(path)), None)
    return f", it holds data, such as {data}; `tdaflow run {path}` makes a run of them" if data else f"; {_GIVE}"


def _names(folder: Path) -> list[str]:
    from tdaflow.sources.walk import Walk

    return list(islice(Walk(folder).files(), _LOOKED_AT))


def _is_data(name: str) -> bool:
    from tdaflow.sources.readers import suffix_of

    return suffix_of(name) is not None or name.lower().endswith((".dcm", ".ima"))
