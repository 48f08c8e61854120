"""Workers on a host that is reached by SSH: this one, through an sshd of the test's own."""

import os
import shutil
import socket
import subprocess

import psutil
import pytest

from tdaflow.cluster import ClusterSpec, connect
from tdaflow.errors import ConfigError

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
PidFile none
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
UsePAM no
"""


@pytest.fixture
def sshd(start, tmp_path, wait_for):
    """An SSH server on a port of its own with keys of its own: its process and the table that reaches it."""
    pytest.importorskip("asyncssh", reason='needs pip install "tdaflow[cluster]"')
    if not os.path.exists(SSHD) or shutil.which("ssh-keygen") is None:
        pytest.skip("no sshd here: apt-get install openssh-server")
    for name in ("host_key", "client_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(command, check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "sshd_config").write_text(CONFIG.format(port=port, folder=tmp_path))
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)  # where sshd of Debian gives up its rights
    process = start(SSHD, "-D", "-e", "-f", tmp_path / "sshd_config")
    public = (tmp_path / "host_key.pub").read_text().split()
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")

    def answers():
        assert process.poll() is None, process.stderr.read()
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    wait_for(answers)
    table = {
        "hosts": ["127.0.0.1"],
        "port": port,
        "key": str(tmp_path / "client_key"),
        "known_hosts": str(tmp_path / "known_hosts"),
    }
    return process, table


def test_workers_are_started_by_ssh_encrypted_and_gone_with_the_run(sshd, squares, tmp_path):
    process, table = sshd
    spec = ClusterSpec(
        kind="ssh", ssh=table, workers=2, dashboard="127.0.0.1:0", shared_directory=str(tmp_path / "shared")
    )
    with connect(spec) as engine:
        assert engine.describe()["scheduler"].startswith("tls://127.0.0.1:")
        assert engine.workers == 2
        assert squares(engine) == [0, 1, 4, 9, 16, 25]
        started = psutil.Process(process.pid).children(recursive=True)
        commands = [" ".join(child.cmdline()) for child in started]
        assert any("distributed.cli.dask_spec" in command for command in commands)
        # What is on a command line can be read by every user of that host.
        assert not any("PRIVATE KEY" in command for command in commands)
    assert list((tmp_path / "shared").iterdir()) == []
    _, alive = psutil.wait_procs(started, timeout=30)
    assert alive == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"port": 1}, "cannot be used by SSH .*Connect call failed.*; try `ssh 127"),
        ({"known_hosts": "/dev/null"}, "cannot be used by SSH .*Host key is not trusted"),
        (
            {"python": "/no/such/python"},
            "cannot be used by SSH .*failed to start.*try `ssh 127.0.0.1 /no/such/python -c",
        ),
    ],
)
def test_what_keeps_a_host_from_working_is_told_in_one_sentence(sshd, change, sentence, tmp_path):
    _, table = sshd
    spec = ClusterSpec(kind="ssh", ssh={**table, **change}, shared_directory=str(tmp_path / "shared"))
    with pytest.raises(ConfigError, match=sentence) as caught, connect(spec):
        pass
    assert "\n" not in str(caught.value)
