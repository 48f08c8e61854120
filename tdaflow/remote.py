"""Paths of object stores: ``s3://``, ``gs://``, ``az://`` and ``memory://``, used as `pathlib.Path` is.

A `RemotePath` is a `pathlib.Path` whose text is the address, so that code which reads and writes through methods of a
path works on both. The functions of ``os`` and ``open`` refuse one, because they would make a local folder of its name.
`place` makes the right kind of path of what a user gives.

An object store has no folders and no renames. A folder is there if an object lies under it; a Zarr store, whose name
ends in ``.zarr``, if the object of its root is there, which is put last. While a store is in progress
(``.NAME.in-progress``) its objects lie under NAME already and its root is called ``.zarr.json``, so that the commit is
one small object.

Requests go through obstore, which retries and backs off. Credentials come from the environment alone, as obstore reads
it: ``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL`` …, ``GOOGLE_SERVICE_ACCOUNT`` …, ``AZURE_STORAGE_ACCOUNT_NAME`` ….
"""

import errno
import fnmatch
import io
import os
import re
import stat
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any
from urllib.parse import unquote

from tdaflow.errors import ConfigError

SCHEMES = ("s3", "gs", "az", "memory")
ROOT = "zarr.json"
# pathlib turns "://" into ":/"; a drive of Windows has one letter.
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|([A-Za-z][A-Za-z0-9+.-]+):/")
_IN_PROGRESS = re.compile(r"\.(.+)\.in-progress$")
_ROOTS = (ROOT, ".zgroup", ".zarray")
# One request brings so much of an object that is opened; a header needs no second.
_BLOCK = 4 << 20
# Requests at the same time; latency, not bandwidth, is what small objects wait for.
_PARALLEL = 16
# How long what a listing said of objects is believed, s; a run asks again when it begins and when it has read all.
_FRESH = 300.0
# A server may be away for half a minute. Whether there is one at all is to be known at once.
_RETRY: Any = {"max_retries": 12, "retry_timeout": timedelta(seconds=60)}
_FIRST_RETRY: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
_OPTIONS = {"connect_timeout": "10s", "timeout": "120s"}


class RemotePath(type(Path())):  # type: ignore[misc]
    """A path of an object store.

    It keeps no state but its parts, of which the first is the scheme with its colon, the second the bucket. `OSError`
    is raised as a file system would: FileNotFoundError, PermissionError, and EIO where the network or the server fails.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return re.sub(r"^([a-z0-9]+):/", r"\1://", super().__str__())

    def __fspath__(self) -> str:
        raise TypeError(f"{self} is the address of an object, not a path of this machine")

    def __reduce__(self) -> tuple[Any, ...]:
        return _pickled, (str(self),)

    @property
    def bucket(self) -> str:
        """Scheme and bucket, such as ``s3://cohorts``."""
        return f"{self.parts[0]}//{self.parts[1]}"

    @property
    def key(self) -> str:
        """Name of the object in its bucket."""
        parts = list(self.parts[2:])
        for i, part in enumerate(parts):
            if working := _IN_PROGRESS.match(part):
                parts[i] = working[1]
                if parts[i + 1 :] == [ROOT]:
                    parts[i + 1] = f".{ROOT}"
        return "/".join(parts)

    def is_symlink(self) -> bool:
        """Return False."""
        return False

    def is_file(self) -> bool:
        """Return True if there is an object of this name."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Return True if an object lies under this name; of a Zarr store, if its root does."""
        if self.suffix == ".zarr" or _IN_PROGRESS.match(self.name):
            roots = _ROOTS if self.suffix == ".zarr" else (ROOT,)
            return any((self / root).is_file() for root in roots)
        if _recently_listed(self) is not None:
            return any(True for _ in self._below())
        with _told(self):
            stream = _obstore().list(store_of(self), _prefix(self.key), chunk_size=1)
            return any(True for _ in stream)

    def exists(self, **_: Any) -> bool:
        """Return True if there is an object of this name, or a folder."""
        return self.is_file() or self.is_dir()

    def stat(self, **_: Any) -> Any:
        """Return ``st_size``, ``st_mtime_ns`` (of the server), ``st_mtime`` and ``st_mode`` of an object."""
        if (listed := _recently_listed(self)) is not None:
            found = listed.get(self.key)
            if found is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))
            return _status(found)
        with _told(self):
            return _status(_obstore().head(store_of(self), self.key))

    def iterdir(self) -> Iterator["RemotePath"]:
        """Yield objects and folders right below; none if there are none."""
        with _told(self):
            found = _obstore().list_with_delimiter(store_of(self), _prefix(self.key))
        names = [prefix.rstrip("/") for prefix in found["common_prefixes"]] + [o["path"] for o in found["objects"]]
        for name in sorted(names):
            yield self / name.rpartition("/")[2]

    def rglob(self, pattern: str) -> Iterator["RemotePath"]:
        """Yield the objects at any depth whose name fits a pattern."""
        return (self / name for name in self._below() if fnmatch.fnmatchcase(name.rpartition("/")[2], pattern))

    def glob(self, pattern: str) -> Iterator["RemotePath"]:
        """Yield objects and folders whose relative name fits a pattern without ``**``, ascending."""
        wanted = pattern.split("/")
        fitting = {
            "/".join(parts[: len(wanted)])
            for parts in (name.split("/") for name in self._below())
            if len(parts) >= len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))
        }
        return (self / name for name in sorted(fitting))

    def _below(self) -> Iterator[str]:
        """Names of all objects below this one, relative to it."""
        prefix = _prefix(self.key)
        return (key.removeprefix(prefix) for key in objects_below(self))

    def open(self, mode: str = "r", *_: Any, **options: Any) -> IO[Any]:
        """Open an object to read it, in blocks."""
        if mode not in ("r", "rb", "rt"):
            raise OSError(errno.EROFS, "an object is written as a whole", str(self))
        stream = io.BufferedReader(_Object(self), _BLOCK)
        return stream if mode == "rb" else io.TextIOWrapper(stream, options.get("encoding", "utf-8"))

    def read_bytes(self) -> bytes:
        """Return the bytes of an object."""
        with _told(self):
            return bytes(_obstore().get(store_of(self), self.key).bytes())

    def read_text(self, encoding: str | None = None, errors: str | None = None, *_: Any) -> str:
        """Return the text of an object."""
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def write_bytes(self, data: Any) -> int:
        """Put an object, in place of one of its name."""
        with _told(self):
            _obstore().put(store_of(self), self.key, bytes(data))
        return len(data)

    def write_text(self, data: str, *_: Any, **__: Any) -> int:
        """Put an object of text as UTF-8, in place of one of its name."""
        return self.write_bytes(data.encode())

    def create(self, data: bytes) -> str:
        """Put an object unless there is one of this name; return its ETag, FileExistsError if there is."""
        return self._put(data, "create")

    def swap(self, data: bytes, etag: str) -> str:
        """Put an object in place of the one of this ETag; return the new ETag, FileExistsError if it is another."""
        return self._put(data, {"e_tag": etag})

    def read_tagged(self) -> tuple[bytes, str]:
        """Return the bytes of an object and its ETag."""
        with _told(self):
            found = _obstore().get(store_of(self), self.key)
            return bytes(found.bytes()), str(found.meta["e_tag"])

    def _put(self, data: bytes, mode: Any) -> str:
        with _told(self):
            return str(_obstore().put(store_of(self), self.key, data, mode=mode, use_multipart=False)["e_tag"])

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete an object; nothing is done if there is none, as object stores have it."""
        with suppress(FileNotFoundError), _told(self):
            _obstore().delete(store_of(self), self.key)

    def mkdir(self, *_: Any, **__: Any) -> None:
        """Do nothing: there are no folders."""

    def touch(self, *_: Any, **__: Any) -> None:
        """Put an empty object."""
        self.write_bytes(b"")

    def resolve(self, strict: bool = False) -> "RemotePath":
        """Return the path itself."""
        return self

    def absolute(self) -> "RemotePath":
        """Return the path itself."""
        return self

    def expanduser(self) -> "RemotePath":
        """Return the path itself."""
        return self

    def is_absolute(self) -> bool:
        """Return True if it has a bucket."""
        return bool(self.parts) and self.parts[0].endswith(":")


def _pickled(text: str) -> Path:
    return RemotePath(text)


def is_address(given: object) -> bool:
    """Return True for an address such as ``s3://bucket/run``, also one that a `pathlib.Path` was made of."""
    return bool(ADDRESS.match(str(given)))


def place(given: str | os.PathLike[str] | Path) -> Path:
    """Return the path that a user means: a `RemotePath` for an address of an object store, else a local one.

    Parameters
    ----------
    given : str or path
        ``file://`` is a path of this machine. A `pathlib.Path` made from an address is recognised.

    Raises
    ------
    ConfigError
        For an address of another kind, or one with a user, a password or a query.
    """
    if isinstance(given, RemotePath):
        return given
    text = os.fspath(given)
    found = ADDRESS.match(text)
    if not found:
        return Path(text)
    scheme, rest = (found[1] or found[2]).lower(), text[found.end() :].lstrip("/")
    if scheme == "file":
        return Path("/" + unquote(rest))
    bucket = rest.partition("/")[0]
    if "@" in bucket or "?" in rest or "#" in rest:
        raise ConfigError(
            f"{scheme}://{bucket.rpartition('@')[2].partition('?')[0]} comes with a user, a password or a query: leave "
            "them out, and give credentials in the environment, such as AWS_ACCESS_KEY_ID"
        )
    if scheme not in SCHEMES:
        raise ConfigError(
            f"{scheme}://{rest.partition('?')[0]} is an address that is neither of "
            f"{', '.join(f'{s}://' for s in SCHEMES)} nor a path: copy or mount what is there and give its path"
        )
    if not bucket or any(part in (".", "..") for part in rest.split("/")):
        raise ConfigError(f"{scheme}://{rest} names no place in an object store: write {scheme}://BUCKET/NAME")
    return RemotePath(f"{scheme}:/{rest}")


def is_remote(path: object) -> bool:
    """Return True for a path of an object store."""
    return isinstance(path, RemotePath)


@contextmanager
def local_folder(path: Path, names: Iterable[str] | None = None) -> Iterator[Path]:
    """Yield a local copy of the objects below a path, for the block; a local path as it is.

    `names` says which, relative to the path, by default all; one that is not there is left out.
    """
    if not isinstance(path, RemotePath):
        yield path
        return
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch) / path.name

        def fetch(name: str) -> None:
            target = here / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                target.write_bytes((path / name).read_bytes())

        in_parallel(fetch, path._below() if names is None else names)
        yield here


def upload(source: Path, target: RemotePath, *, keep_existing: bool = False) -> None:
    """Put a local file, or all files of a folder, the root of a Zarr store last.

    With `keep_existing` an object, or a folder with a root, that is there by then stays.
    """
    if not source.is_dir():
        if keep_existing:
            with suppress(FileExistsError):
                target.create(source.read_bytes())
        else:
            target.write_bytes(source.read_bytes())
        return
    files = [Path(here, name) for here, _, names in os.walk(source) for name in names]
    in_parallel(lambda file: upload(file, target / file.relative_to(source).as_posix()),
                [file for file in files if file != source / ROOT])  # fmt: skip
    if source / ROOT in files:
        upload(source / ROOT, target / ROOT, keep_existing=keep_existing)


def commit(working: RemotePath, target: RemotePath) -> None:
    """Give a store in progress its name: put its root last."""
    if target.key != working.key:
        raise ValueError(f"{working} does not become {target}")
    (target / ROOT).write_bytes((working / ROOT).read_bytes())
    (working / ROOT).unlink()


def delete(path: RemotePath) -> None:
    """Delete an object and all below it, the root of a store first, so that no part passes for a whole one.

    Objects of a store in progress lie where those of the finished one will; deleting the one leaves the other.
    """
    keys = list(objects_below(path))
    whole, working = (path.with_name(_IN_PROGRESS.sub(r"\1", path.name)) / name for name in (ROOT, f".{ROOT}"))
    if _IN_PROGRESS.match(path.name):
        if whole.key in keys:
            working.unlink()
            return
    elif working.key in keys and whole.key not in keys:
        return
    for root in (path / ROOT, path / f".{ROOT}", path):
        if root is path or root.key in keys:
            root.unlink()
    with _told(path):
        for start in range(0, len(keys), 1000):
            _obstore().delete(store_of(path), keys[start : start + 1000])


def objects_below(path: RemotePath) -> Mapping[str, Mapping[str, Any]]:
    """Return what a listing says of all objects below a path, by key, ascending."""
    prefix = _prefix(path.key)
    if (listed := _recently_listed(path)) is not None:
        keys = listed.ascending
        return {key: listed[key] for key in keys[bisect_left(keys, prefix) : bisect_left(keys, prefix + _LAST)]}
    with _told(path):
        pages = _obstore().list(store_of(path), prefix)
        return dict(sorted((one["path"], one) for page in pages for one in page if one["path"].startswith(prefix)))


_LAST = chr(0x10FFFF)


class _Listed(dict[str, Mapping[str, Any]]):
    """What was said of objects by key, ascending, and when."""

    def __init__(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(found)
        self.ascending, self.when = list(found), time.monotonic()


_listings: dict[Path, _Listed] = {}


def list_once(folder: RemotePath) -> Mapping[str, Mapping[str, Any]]:
    """Return all objects below a folder that nobody is writing; what is asked for soon after comes from it.

    Thousands of files are listed by one request, and would be asked for by one each.
    """
    if (listed := _recently_listed(folder)) is None:
        listed = _listings[folder] = _Listed(objects_below(folder))
        return listed
    return objects_below(folder)


def ask_for(paths: Iterable[Path]) -> None:
    """Ask for many objects at the same time; sizes and times of single ones asked for soon after come from it.

    Local paths are left out.
    """

    def ask(path: RemotePath) -> None:
        try:
            with _told(path):
                found = {path.key: _obstore().head(store_of(path), path.key)}
        except FileNotFoundError:
            found = {}
        _listings[path] = _Listed(found)

    in_parallel(ask, dict.fromkeys(path for path in paths if isinstance(path, RemotePath)))


def forget_listings() -> None:
    """Ask the server again from now on."""
    _listings.clear()


def _recently_listed(path: RemotePath) -> _Listed | None:
    for folder in (path, *path.parents) if _listings else ():
        if (listed := _listings.get(folder)) is not None:
            if time.monotonic() - listed.when <= _FRESH:
                return listed
            _listings.pop(folder, None)
    return None


def in_parallel(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Return what a function, which waits for requests, makes of every item."""
    with ThreadPoolExecutor(_PARALLEL) as pool:
        return list(pool.map(function, items))


class _Object(io.RawIOBase):
    """An object that is read in blocks; its beginning with the first request."""

    def __init__(self, path: RemotePath) -> None:
        self._path, self._at = path, 0
        self.name, self.mode = str(path), "rb"  # as those of files, for readers that ask
        with _told(path):
            try:
                first = _obstore().get(store_of(path), path.key, options={"range": (0, _BLOCK)})
                self._first, self._size = bytes(first.bytes()), int(first.meta["size"])
            except Exception:  # a range of an empty object
                self._first = bytes(_obstore().get(store_of(path), path.key).bytes())
                self._size = len(self._first)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        n = max(0, min(len(buffer), self._size - self._at))
        if n == 0:
            return 0
        if self._at < len(self._first):
            data = self._first[self._at : self._at + n]
        else:
            with _told(self._path):
                found = _obstore().get_range(store_of(self._path), self._path.key, start=self._at, length=n)
            data = bytes(found)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _prefix(key: str) -> str:
    return f"{key}/" if key else ""


def _status(found: Mapping[str, Any]) -> Any:
    seconds = found["last_modified"].timestamp()
    return SimpleNamespace(
        st_size=int(found["size"]),
        st_mtime=seconds,
        st_mtime_ns=round(seconds * 1e3) * 10**6,
        st_mode=stat.S_IFREG | 0o644,
    )


def _obstore() -> Any:
    try:
        import obstore
    except ImportError:
        raise ConfigError("object stores need obstore: pip install 'tdaflow[cloud]'") from None
    return obstore


def store_of(path: RemotePath) -> Any:
    """Return the obstore store of the bucket of a path."""
    return _store(path.bucket)


@lru_cache(maxsize=64)
def _store(bucket: str) -> Any:
    _obstore()
    from obstore.store import MemoryStore, from_url

    if bucket.startswith("memory:"):
        return MemoryStore()
    options: Any = {**_OPTIONS, **_allow_http()}
    first: Any = from_url(bucket, retry_config=_FIRST_RETRY, client_options=options)
    with suppress(FileNotFoundError, PermissionError), _told(RemotePath(bucket)):
        _obstore().head(first, "tdaflow-is-there-a-server")
    return from_url(bucket, retry_config=_RETRY, client_options=options)


def _allow_http() -> dict[str, bool]:
    """A server without TLS may be named in the environment, as those for tests are."""
    named = (value for name, value in os.environ.items() if name.upper().startswith("AWS_ENDPOINT"))
    return {"allow_http": True} if any(value.startswith("http://") for value in named) else {}


@contextmanager
def _told(path: RemotePath) -> Iterator[None]:
    """Turn the errors of obstore into those of a file system."""
    try:
        yield
    except Exception as error:
        if not is_of_obstore(error):
            raise
        raise as_os_error(error, str(path)) from None


def is_of_obstore(error: BaseException) -> bool:
    """Return True for an error that obstore raised; of those of Python it uses, it does not fill in the number."""
    return type(error).__module__.startswith("obstore") or (isinstance(error, OSError) and error.errno is None)


def as_os_error(error: BaseException, name: str) -> OSError:
    """Return an error of obstore as a file system would raise it; without what the server or the library quotes."""
    kind = type(error).__name__
    if isinstance(error, FileNotFoundError) or kind == "NotFoundError":
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    if kind in ("AlreadyExistsError", "PreconditionError"):
        return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
    if kind in ("PermissionDeniedError", "UnauthenticatedError"):
        return PermissionError(errno.EACCES, "the object store refuses these credentials", name)
    return OSError(errno.EIO, f"the object store does not answer ({_first_words(str(error))})", name)


def _first_words(text: str) -> str:
    """What happened, without addresses, headers and the dump that follows them."""
    first = re.sub(r"\w+://\S+", "…", text.strip().split("\n")[0])
    return first[:160].rstrip(" :.,") or "no reason given"
