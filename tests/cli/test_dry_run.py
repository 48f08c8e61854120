"""``run --dry-run`` says what would be started, for SLURM with the script of a job; it starts and writes nothing."""

import pytest

SLURM = """
kind = "slurm"

[slurm]
interface = "ib0"
queue = "cpu"
cores = 8
memory = "32GiB"
jobs = 25
"""
SSH = """
kind = "ssh"
workers = 8

[ssh]
hosts = ["node01", "node02"]
"""
EXISTING = """
kind = "existing"
address = "tcp://scheduler:8786"
"""


@pytest.fixture
def dry_run(tdaflow, config, tmp_path):
    """Run with ``--dry-run`` on a cluster; nothing may be written."""

    def go(cluster, *more):
        path = config()
        if "\n" in cluster:
            (tmp_path / "cluster.toml").write_text(cluster)
            cluster = str(tmp_path / "cluster.toml")
        before = sorted(tmp_path.rglob("*"))
        ended = tdaflow("run", path, "--out", tmp_path / "run", "--cluster", cluster, "--dry-run", *more)
        assert sorted(tmp_path.rglob("*")) == before
        return ended

    return go


@pytest.mark.parametrize(
    ("cluster", "sentence"),
    [
        ("sync", "one batch after the other in the process of tdaflow"),
        ("threads", "threads: 3 threads of the process of tdaflow"),
        ("processes", "processes: 3 processes of one thread would be started on this machine"),
        (EXISTING, "nothing would be started; the workers of the scheduler at tcp://scheduler:8786"),
        (
            SSH,
            "3 processes of one thread would be started on each of node01, node02, and a scheduler on node01",
        ),
    ],
)
def test_a_sentence_says_what_would_be_started(dry_run, tmp_path, cluster, sentence):
    ended = dry_run(cluster, "--workers", "3")
    assert ended.code == 0
    assert sentence in ended.err
    assert str(tmp_path / "run") in ended.err
    assert ended.out == ""


def test_slurm_gets_its_script_on_stdout(dry_run):
    pytest.importorskip("dask_jobqueue", reason='needs pip install "tdaflow[cluster]"')
    ended = dry_run(SLURM)
    assert ended.code == 0
    assert "0 to 25 jobs of 8 processes of one thread would be submitted" in ended.err
    lines = ended.out.splitlines()
    assert lines[0].startswith("#!")
    assert "#SBATCH -p cpu" in lines
    assert lines[-1].split()[1:3] == ["-m", "distributed.cli.dask_worker"]


def test_what_a_run_would_refuse_is_refused(dry_run):
    assert "is none of sync, threads" in dry_run("thread").sentence
    assert "images.epsilon is 1.0" in dry_run("sync", "--set", "images.epsilon=1").sentence
