"""Scheduler and workers as processes of their own, with and without TLS."""

import os
import stat

import pytest

from tdaflow.cluster import cluster_spec, connect, read_spec
from tdaflow.errors import ConfigError

CONNECT = __import__("sys").modules["tdaflow.cluster.connect"]


def engine_of(scheduler_file, **more):
    """Connect; the workers may still be starting."""
    manager = connect(cluster_spec(kind="existing", scheduler_file=str(scheduler_file), **more))
    return manager, manager.__enter__()


def test_a_scheduler_file_leads_to_workers_that_a_user_started(dask_processes, squares):
    manager, engine = engine_of(dask_processes())
    try:
        assert squares(engine) == [0, 1, 4, 9, 16, 25]
        assert engine.isolates  # `dask worker` starts nannies
        assert engine.describe()["scheduler"].startswith("tcp://127.0.0.1:")
    finally:
        manager.__exit__(None, None, None)


def test_with_certificates_all_traffic_is_encrypted_and_nobody_else_is_let_in(
    dask_processes, certificates, squares, monkeypatch
):
    files = (certificates.tls_ca_file, certificates.tls_worker_cert, certificates.tls_worker_key)
    options = zip(("--tls-ca-file", "--tls-cert", "--tls-key"), files, strict=True)
    scheduler_file = dask_processes("--protocol", "tls", *(part for option in options for part in option))
    named = dict(zip(("tls_ca", "tls_cert", "tls_key"), files, strict=True))
    manager, engine = engine_of(scheduler_file, **named)
    try:
        assert squares(engine) == [0, 1, 4, 9, 16, 25]
        address = engine.describe()["scheduler"]
        assert address.startswith("tls://127.0.0.1:")
    finally:
        manager.__exit__(None, None, None)
    monkeypatch.setattr(CONNECT, "_CONNECT_SECONDS", 1)
    for stranger in (address, address.replace("tls://", "tcp://")):
        with pytest.raises(ConfigError, match="no Dask scheduler answers"), connect(read_spec(stranger)):
            pass


def test_credentials_on_disk_are_the_users_alone_and_go_with_the_run(tmp_path):
    from tdaflow.cluster.tls import as_settings, security_for

    spec = cluster_spec(kind="processes", tls=True, shared_directory=str(tmp_path / "shared"))
    with security_for(spec, on_disk=True) as security:
        (folder,) = (tmp_path / "shared").iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(f.stat().st_mode) for f in folder.iterdir()} == {0o600}
        settings = as_settings(security)
        assert settings["distributed.comm.require-encryption"] is True
        assert all(os.path.isfile(value) for value in settings.values() if isinstance(value, str))
    assert list((tmp_path / "shared").iterdir()) == []


def test_local_processes_can_be_encrypted_with_credentials_of_their_own(squares):
    with connect(cluster_spec(kind="processes", workers=1, tls=True, dashboard="127.0.0.1:0")) as engine:
        assert engine.describe()["scheduler"].startswith("tls://127.0.0.1:")
        assert squares(engine) == [0, 1, 4, 9, 16, 25]


def test_local_processes_listen_on_this_machine_only(squares):
    from distributed import Client

    with (
        connect(cluster_spec(kind="processes", workers=1, dashboard="127.0.0.1:0")) as engine,
        Client(engine.describe()["scheduler"], set_as_default=False) as client,
    ):
        (worker,) = client.scheduler_info()["workers"].values()
        listening = [
            engine.describe()["scheduler"],
            engine.dashboard,
            worker["nanny"],
            *client.scheduler_info()["workers"],
        ]
        assert all("//127.0.0.1:" in address for address in listening), listening
        # A worker pauses for ever if what it cannot free exceeds a share of its memory.
        settings = client.run(lambda: __import__("dask").config.get("distributed.worker.memory"))
        assert [next(iter(settings.values()))[name] for name in ("target", "spill", "pause")] == [False] * 3


def test_the_users_configuration_is_left_as_it_was(tmp_path):
    import copy

    import dask
    import distributed  # noqa: F401  # brings its defaults

    before = copy.deepcopy(dask.config.config)
    for spec in (cluster_spec(kind="threads", workers=1), cluster_spec(kind="processes", workers=1, tls=True)):
        with connect(spec):
            pass
    with pytest.raises(ConfigError), connect(cluster_spec(kind="existing", scheduler_file=str(tmp_path / "none"))):
        pass
    assert dask.config.config == before


def test_a_worker_that_is_slow_to_start_again_is_waited_for():
    import dask
    from dask.utils import parse_timedelta

    with connect(cluster_spec(kind="processes", workers=1, dashboard="127.0.0.1:0")):
        assert parse_timedelta(dask.config.get("distributed.deploy.lost-worker-timeout")) >= 300


def test_a_missing_certificate_is_refused_at_once(tmp_path):
    files = {name: str(tmp_path / f"{name}.pem") for name in ("tls_ca", "tls_cert", "tls_key")}
    for kind in ({"kind": "existing", "address": "tls://127.0.0.1:1"}, {"kind": "processes"}):
        with (
            pytest.raises(ConfigError, match=r"tls_ca\.pem, which is not there"),
            connect(cluster_spec(**kind, **files)),
        ):
            pass


def test_worker_processes_keep_the_memory_that_the_next_volume_needs(squares):
    with connect(cluster_spec(kind="processes", workers=1, dashboard="127.0.0.1:0")) as engine:
        assert squares(engine) == [0, 1, 4, 9, 16, 25]
        environment = engine.client.submit(_environment, pure=False).result()
    # Read by the C library when the process starts.
    assert environment["MALLOC_TRIM_THRESHOLD_"] == str(256 * 2**20)
    assert environment["MALLOC_MMAP_THRESHOLD_"] == str(32 * 2**20)
    assert environment["OMP_NUM_THREADS"] == "1"


def _environment():
    return dict(os.environ)
