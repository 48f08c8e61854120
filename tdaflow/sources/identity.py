"""Keyed ids, which replace the identifiers of patients in everything that tdaflow writes or prints.

An id is HMAC-SHA256 of an identifier under a secret key in a file of its owner alone. The same key gives the same ids
in every ingest, so that follow-up studies of a patient stay in one group. Without the key an id cannot be traced back
by trying identifiers, as it could with a plain hash. Without the key a data set cannot be extended either.
"""

import csv
import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from tdaflow.atomic import written_whole
from tdaflow.errors import InputError

KEY_BYTES = 32
MAX_KEY_BYTES = 4096  # a larger file is not a key but was given by mistake
ID_LENGTH = 20  # hexadecimal digits: 80 bits, so two of a million series collide with probability 4e-13


class KeyedIds:
    """Compute keyed ids, and refuse two identifiers with the same id.

    Parameters
    ----------
    key : bytes
        The secret, as `read_key` returns it; not shown in ``repr``.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._digests: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"KeyedIds({len(self._digests)} ids)"

    def of(self, identifier: str | bytes) -> str:
        """Return the keyed id of an identifier.

        Parameters
        ----------
        identifier : str or bytes
            Any identifier; text is encoded as UTF-8.

        Returns
        -------
        str
            ``ID_LENGTH`` hexadecimal digits.

        Raises
        ------
        InputError
            If another identifier given to this object has the same id.
        """
        digest = hmac.digest(self._key, _encoded(identifier), hashlib.sha256)
        short = digest.hex()[:ID_LENGTH]
        if self._digests.setdefault(short, digest) != digest:
            raise InputError(f"two identifiers have the same keyed id {short}: ingest with another key file")
        return short

    @property
    def key_check(self) -> str:
        """Identifier of the key that does not reveal it."""
        return hmac.digest(self._key, b"tdaflow: which key is this", hashlib.sha256).hex()[:ID_LENGTH]

    def digest_of(self, parts: Iterable[str | bytes]) -> str:
        """Return the keyed SHA-256 of a sequence in hexadecimal; the lengths of the parts enter it too."""
        whole = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts:
            encoded = _encoded(part)
            whole.update(len(encoded).to_bytes(8, "big") + encoded)
        return whole.hexdigest()


def default_key_path() -> Path:
    """Return the default path of the key, ``id.key`` in the user's configuration folder for tdaflow."""
    import platformdirs

    return platformdirs.user_config_path("tdaflow") / "id.key"


def read_key(path: Path, *, create: bool) -> bytes:
    """Read the key, or create it.

    Parameters
    ----------
    path : pathlib.Path
        The key file.
    create : bool
        Create a key of 32 random bytes, with mode 0600, if there is no such file. Two processes that do so at the same
        time get the same key.

    Returns
    -------
    bytes
        At least 32 bytes.

    Raises
    ------
    InputError
        If the file is missing (``create=False``), cannot be read or created, is open to other users, or is no key.
        Messages name no path.
    """
    if create and not os.path.lexists(path):
        problem = _make_key(path)
        if problem:
            raise InputError(f"the id key cannot be made ({problem}): name another file with id_key (--id-key)")
    key, problem = _read(path)
    if problem:
        raise InputError(problem)
    return key


def check_key_location(key_path: Path, store_path: Path) -> None:
    """Refuse a key inside the folder whose identities it protects.

    Parameters
    ----------
    key_path, store_path : pathlib.Path
        The key file and the run folder, store or data folder; neither needs to exist. Links are followed.

    Raises
    ------
    InputError
        If the key is inside the folder, and would be copied with it.
    """
    if key_path.expanduser().resolve().is_relative_to(store_path.expanduser().resolve()):
        raise InputError(
            "the id key lies inside the run's or the data's folder and would be handed on with it: "
            "name a file elsewhere with id_key (--id-key)"
        )


def write_private_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV that only its owner may read.

    Parameters
    ----------
    path : pathlib.Path
        A new file, made with mode 0600; an existing one is never touched.
    header, rows : sequence
        Column names, and cells.

    Raises
    ------
    InputError
        If the file exists or cannot be made. Messages name no path.
    """
    problem = None
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        problem = "exists already"
    except OSError as error:
        problem = f"cannot be made: {os.strerror(error.errno or 0)}"
    if problem:
        raise InputError(f"the file for the private map {problem}; name a new file with --write-private-map")
    # File names are bytes on POSIX; those that are not UTF-8 are written back as the bytes they are.
    with open(descriptor, "w", newline="", encoding="utf-8", errors="surrogateescape") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)


def _encoded(identifier: str | bytes) -> bytes:
    return identifier if isinstance(identifier, bytes) else identifier.encode("utf-8", "surrogatepass")


def _make_key(path: Path) -> str | None:
    """Create the key file; return the reason if that fails. An existing file is kept."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # If another process is first, its key counts.
        with written_whole(path, keep_existing=True) as unfinished:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as stream:
                stream.write(secrets.token_bytes(KEY_BYTES))
        return None
    except OSError as error:
        return os.strerror(error.errno or 0)


def _read(path: Path) -> tuple[bytes, str | None]:
    """Return the key and None, or no bytes and the reason."""
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            key = stream.read(MAX_KEY_BYTES + 1)
    except FileNotFoundError:
        return b"", "there is no id key: give the key file of the first ingest with id_key (--id-key)"
    except OSError as error:
        return b"", f"the id key cannot be read ({os.strerror(error.errno or 0)}): check id_key (--id-key)"
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        return b"", f"the id key is open to other users (mode {stat.S_IMODE(mode):04o}): run chmod 600 on it"
    if not KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        return b"", f"the id key must have {KEY_BYTES} to {MAX_KEY_BYTES} bytes: this file is not one that tdaflow made"
    return key, None
