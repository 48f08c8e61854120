"""Workers on hosts that are reached by SSH."""

import importlib.util
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from pydantic import Field

from tdaflow.cluster.spec import ClusterSpec, Options
from tdaflow.errors import ConfigError
from tdaflow.pipeline import Engine


class SSHTable(Options):
    """Hosts that are reached by SSH.

    Attributes
    ----------
    hosts : tuple of str
        Where workers are started. Each listens at the address that its name stands for.
    scheduler : str or None
        The host of the scheduler; None for the first of `hosts`.
    username, port, key : str, int, str or None
        As in ``~/.ssh/config``, which is read too; `key` is the path of a private key.
    known_hosts : str or None
        The file with the hosts' public keys; None for ``~/.ssh/known_hosts``. Unknown hosts are refused.
    python : str or None
        Python on the hosts; None for the path of the one that runs tdaflow.
    """

    hosts: Annotated[tuple[str, ...], Field(min_length=1)]
    scheduler: str | None = None
    username: str | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    key: str | None = None
    known_hosts: str | None = None
    python: str | None = None


class SSH(ClusterSpec):
    """Processes on machines that are reached by SSH."""

    kind: Literal["ssh"] = "ssh"
    ssh: SSHTable

    @property
    def leaves_machine(self) -> bool:
        """Always true."""
        return True

    def check(self) -> None:
        """Refuse clusters by SSH where asyncssh is missing."""
        if importlib.util.find_spec("asyncssh") is None:
            raise ConfigError('clusters by SSH need the package asyncssh: pip install "tdaflow[cluster]"')

    @contextmanager
    def engine(self, say: Callable[[str], None]) -> Iterator[Engine]:
        """Start a scheduler and workers on the hosts, and end them with the block.

        Unlike `distributed.SSHCluster`, every process listens only at the address that its host's name stands for, and
        traffic is encrypted unless the specification says otherwise.

        Raises
        ------
        ConfigError
            If a host cannot be reached, Dask does not start there, or there is another tdaflow.
        """
        import dask
        from distributed import Client, SpecCluster

        from tdaflow.cluster.dask_engine import DaskEngine
        from tdaflow.cluster.local import dashboard_link
        from tdaflow.cluster.same_version import refuse_other_versions
        from tdaflow.cluster.tls import as_settings, security_for

        table = self.ssh
        with security_for(self, on_disk=True) as security, dask.config.set(as_settings(security) if security else {}):
            try:
                cluster = SpecCluster(
                    _workers(self),
                    _scheduler(self),
                    security=security,
                    name="tdaflow-ssh",
                    # What the processes on the hosts log would fill the user's terminal.
                    silence_logs=logging.CRITICAL,
                )
            except Exception as error:  # Dask raises a bare Exception when the remote command ends at once
                raise ConfigError(
                    f"the hosts {', '.join(table.hosts)} cannot be used by SSH ({error}); try "
                    f"`ssh {table.hosts[0]} {table.python or sys.executable} -c 'import tdaflow'`"
                ) from error
            with cluster, Client(cluster, set_as_default=False) as client:
                refuse_other_versions(client)
                link = dashboard_link(client, self)
                yield DaskEngine(
                    client,
                    self.kind,
                    isolates=True,
                    expected_workers=len(table.hosts) * (self.workers or 1),
                    dashboard=link and f"{link} on {table.scheduler or table.hosts[0]}",
                )

    def describe(self) -> str:
        """Return who would work, and where they would listen."""
        return (
            f"ssh: {self.workers or 1} processes of one thread would be started on each of "
            f"{', '.join(self.ssh.hosts)}, and a scheduler on {self.ssh.scheduler or self.ssh.hosts[0]}, "
            f"{self._listening()} there"
        )


def _scheduler(spec: "SSH") -> dict[str, Any]:
    from distributed.deploy import ssh

    table = spec.ssh
    host = table.scheduler or table.hosts[0]
    listening = {"host": host, "dashboard_address": spec.dashboard, "protocol": _protocol(spec)}
    return {"cls": ssh.Scheduler, "options": {**_login(table), "address": host, "kwargs": listening}}


def _workers(spec: "SSH") -> dict[int, dict[str, Any]]:
    from distributed.deploy import ssh

    table = spec.ssh
    workers: dict[int, dict[str, Any]] = {}
    for number, host in enumerate(table.hosts):
        process = {
            "n_workers": spec.workers or 1,
            "nthreads": 1,
            "memory_limit": spec.memory_limit,
            "host": host,
            "protocol": _protocol(spec),
        }
        options = {**_login(table), "address": host, "kwargs": process, "worker_class": "distributed.Nanny"}
        workers[number] = {"cls": ssh.Worker, "options": options}
    return workers


def _login(table: SSHTable) -> dict[str, Any]:
    given = {
        "username": table.username,
        "port": table.port,
        "client_keys": None if table.key is None else [table.key],
        "known_hosts": table.known_hosts,
    }
    # An option that is absent comes from ~/.ssh/config; known_hosts=None would trust every host.
    return {
        "connect_options": {name: value for name, value in given.items() if value is not None},
        "remote_python": table.python,
    }


def _protocol(spec: ClusterSpec) -> str:
    return "tls://" if spec.encrypted else "tcp://"
