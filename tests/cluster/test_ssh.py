"""Workers on a host that is reached by SSH: this one, through a server of the test's own."""

import psutil
import pytest

from tdaflow.cluster import cluster_spec, connect
from tdaflow.errors import ConfigError


def test_workers_are_started_by_ssh_encrypted_and_gone_with_the_run(sshd, squares, tmp_path):
    process, table = sshd
    spec = cluster_spec(
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
    spec = cluster_spec(kind="ssh", ssh={**table, **change}, shared_directory=str(tmp_path / "shared"))
    with pytest.raises(ConfigError, match=sentence) as caught, connect(spec):
        pass
    assert "\n" not in str(caught.value)
