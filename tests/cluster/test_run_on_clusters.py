"""``tdaflow run`` as a user types it, on every kind of cluster: the bits of a run in one process, nothing left over."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

CONFIG = """
[data]
kind = "phantoms"
n_volumes = 6
shape = [16, 16, 16]
kinds = ["ball", "shell"]

[superpixels]
n_superpixels = 40

[filtrations.alpha]
[filtrations.sublevel]
kind = "cubical"

[images]
resolution = 6

[run]
batch = 2
"""


def tdaflow(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    command = [sys.executable, "-c", "from tdaflow.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def features(run: Path) -> dict[str, bytes]:
    """Every array of the features."""
    return {name: np.asarray(array[...]).tobytes() for name, array in zarr.open_group(run / "features.zarr").arrays()}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A small configuration."""
    path = tmp_path_factory.mktemp("config") / "small.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def expected(config):
    """The features of a run in one process."""
    ended = tdaflow("run", config, "--out", config.parent / "sync", "--cluster", "sync")
    assert ended.returncode == 0, ended.stderr
    return features(config.parent / "sync")


@pytest.fixture
def check_run(config, expected, tmp_path):
    """Run on a cluster, given as a word or as the contents of a file; compare with the run in one process."""

    def check(where, kind):
        if not isinstance(where, str):
            lines = [f"{name} = {json.dumps(value)}" for name, value in where.items() if not isinstance(value, dict)]
            for name, table in where.items():
                if isinstance(table, dict):
                    lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
            (tmp_path / "cluster.toml").write_text("\n".join(lines))
            where = tmp_path / "cluster.toml"
        run = tmp_path / "run"
        ended = tdaflow("run", config, "--out", run, "--cluster", where)
        assert ended.returncode == 0, ended.stderr
        assert "distributed." not in ended.stderr  # Dask's logs
        assert features(run) == expected
        told = json.loads(tdaflow("status", run, "--json").stdout)
        assert (told["state"], told["engine"]["name"]) == ("done", kind)
        assert {stage["left"] for stage in told["stages"].values()} == {0}
        assert f" begins: {kind} (host " in (run / "run.log").read_text()
        assert [p for p in run.rglob("*") if p.name.startswith(".tmp-") or p.name.endswith(".partial")] == []
        return told

    return check


def test_processes_of_this_machine(check_run):
    told = check_run({"kind": "processes", "workers": 2, "dashboard": "127.0.0.1:0"}, "processes")
    assert told["engine"]["scheduler"].startswith("tcp://127.0.0.1:")


@pytest.mark.slow
def test_a_scheduler_and_workers_that_were_started_by_hand(check_run, dask_processes, wait_for_workers):
    scheduler_file = dask_processes()
    wait_for_workers(scheduler_file)
    address = json.loads(scheduler_file.read_text())["address"]
    check_run(address, "existing")


def test_the_same_by_their_scheduler_file_with_tls_between_all_processes(
    check_run, dask_processes, certificates, wait_for_workers
):
    files = (certificates.tls_ca_file, certificates.tls_worker_cert, certificates.tls_worker_key)
    options = zip(("--tls-ca-file", "--tls-cert", "--tls-key"), files, strict=True)
    scheduler_file = dask_processes("--protocol", "tls", *(part for option in options for part in option))
    wait_for_workers(scheduler_file, certificates)
    named = dict(zip(("tls_ca", "tls_cert", "tls_key"), files, strict=True))
    told = check_run({"kind": "existing", "scheduler_file": str(scheduler_file), **named}, "existing")
    assert told["engine"]["scheduler"].startswith("tls://127.0.0.1:")


def test_a_host_that_is_reached_by_ssh(check_run, sshd, tmp_path):
    _, table = sshd
    cluster = {"kind": "ssh", "workers": 2, "dashboard": "127.0.0.1:0", "shared_directory": str(tmp_path / "shared")}
    told = check_run({**cluster, "ssh": table}, "ssh")
    assert told["engine"]["scheduler"].startswith("tls://127.0.0.1:")
    assert list((tmp_path / "shared").iterdir()) == []


def test_jobs_of_slurm(check_run, slurm_commands, tmp_path):
    pytest.importorskip("dask_jobqueue", reason='needs pip install "tdaflow[cluster]"')
    table = {"interface": "lo", "jobs": 1, "memory": "2GiB", "local_directory": str(tmp_path / "scratch")}
    cluster = {"kind": "slurm", "dashboard": "127.0.0.1:0", "shared_directory": str(tmp_path / "shared")}
    told = check_run({**cluster, "slurm": table}, "slurm")
    assert told["engine"]["page"].endswith("/tdaflow")
    assert "#SBATCH -J tdaflow-" in (slurm_commands / "job").read_text()
    assert (slurm_commands / "cancelled").read_text().strip()
    assert len(list((tmp_path / "run" / "logs").iterdir())) == 1
    assert list((tmp_path / "shared").iterdir()) == []
