"""TLS credentials of a cluster: from files, or made for one run and deleted with it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distributed.security import Security

from tdaflow.cluster.spec import ClusterSpec
from tdaflow.errors import ConfigError


def security_from_files(spec: ClusterSpec) -> Security | None:
    """Return the credentials that the specification names; None if it names none.

    Raises
    ------
    ConfigError
        If one of the files is not there.
    """
    if spec.tls_ca is None:
        return None
    for needed in (spec.tls_ca, spec.tls_cert, spec.tls_key):
        if needed is None or not Path(needed).is_file():
            raise ConfigError(f"the cluster specification names {needed}, which is not there; check the path")
    return _for_every_role(spec.tls_ca, str(spec.tls_cert), str(spec.tls_key))


@contextmanager
def security_for(spec: ClusterSpec, *, on_disk: bool) -> Iterator[Security | None]:
    """Yield the credentials of a cluster that tdaflow starts: the user's files, new ones, or none.

    Parameters
    ----------
    spec : ClusterSpec
    on_disk : bool
        True if processes on other machines need them. Then new ones are files in a folder that only the user can read,
        below ``spec.shared_directory``, and are deleted with the block. Otherwise they stay in memory.

    Raises
    ------
    ConfigError
        If they cannot be made.
    """
    if not spec.encrypted or spec.tls_ca is not None:
        yield security_from_files(spec)
        return
    try:
        made = Security.temporary()
    except ImportError:
        raise ConfigError(
            'TLS needs the package cryptography: pip install "tdaflow[cluster]", or set tls = false'
        ) from None
    if not on_disk:
        yield made
        return
    shared = Path(spec.shared_directory or Path.home() / ".tdaflow").expanduser()
    try:
        shared.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="tls-", dir=shared))  # readable by the user alone
    except OSError as error:
        raise ConfigError(
            f"no folder for TLS credentials can be made in {shared} ({error.strerror}); set "
            "shared_directory to a folder that all hosts see"
        ) from None
    try:
        paths = []
        for name, text in (
            ("ca.pem", made.tls_ca_file),
            ("cert.pem", made.tls_client_cert),
            ("key.pem", made.tls_client_key),
        ):
            paths.append(folder / name)
            with open(os.open(paths[-1], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
        yield _for_every_role(*map(str, paths))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _for_every_role(ca: str, certificate: str, key: str) -> Security:
    roles = ("client", "scheduler", "worker")
    return Security(
        require_encryption=True,
        tls_ca_file=ca,
        **{f"tls_{role}_cert": certificate for role in roles},
        **{f"tls_{role}_key": key for role in roles},
    )


def as_settings(security: Any) -> dict[str, str | bool]:
    """Return credentials as Dask settings, for processes that are started on other hosts."""
    settings: dict[str, str | bool] = {
        "distributed.comm.require-encryption": True,
        "distributed.comm.tls.ca-file": security.tls_ca_file,
    }
    for role in ("client", "scheduler", "worker"):
        for part in ("cert", "key"):
            settings[f"distributed.comm.tls.{role}.{part}"] = getattr(security, f"tls_{role}_{part}")
    return settings
