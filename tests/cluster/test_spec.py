"""What ``--cluster`` accepts is a word, an address or a file; anything else is one sentence."""

import pytest

from tdaflow.cluster import cluster_spec, read_spec
from tdaflow.errors import ConfigError
from tdaflow.packaged import packaged_folder


@pytest.mark.parametrize("word", ["sync", "threads", "processes"])
def test_a_word_is_a_kind(word):
    assert read_spec(word) == cluster_spec(kind=word)
    assert read_spec(word, workers=3).workers == 3


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:8786", "tls://scheduler:8786", "ws://host:80"])
def test_an_address_is_an_existing_scheduler(address):
    spec = read_spec(address, workers=3)
    assert (spec.kind, spec.address) == ("existing", address)


def test_a_file_says_everything_and_the_command_line_has_the_last_word(tmp_path):
    (tmp_path / "c.toml").write_text('kind = "processes"\nworkers = 4\nmemory_limit = "2GiB"\n')
    spec = read_spec(str(tmp_path / "c.toml"))
    assert (spec.kind, spec.workers, spec.memory_limit) == ("processes", 4, "2GiB")
    assert read_spec(str(tmp_path / "c.toml"), workers=2).workers == 2


@pytest.mark.parametrize("path", sorted(packaged_folder("cluster").glob("*.toml")), ids=lambda p: p.stem)
def test_every_packaged_specification_is_valid_and_found_by_its_name(path):
    assert read_spec(path.stem) == read_spec(path.name) == read_spec(str(path))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('kind = "slurmy"', "kind: input should be"),
        ("workers = 3", "kind: field required"),
        ('kind = "threads"\nworker = 3', "unknown key 'worker'; known are kind, workers"),
        ('kind = "threads"\nworkers = 0', "workers: .*greater than or equal to 1"),
        ('kind = "existing"', "needs one of address and scheduler_file"),
        ('kind = "existing"\naddress = "tcp://a:1"\nscheduler_file = "f"', "needs one of address and scheduler_file"),
        ('kind = "threads"\naddress = "tcp://a:1"', "address belongs to kind = \"existing\", not to 'threads'"),
        ("kind = ", "is not valid TOML"),
        ('kind = "ssh"', "ssh: field required"),
        ('kind = "threads"\n[slurm]\ninterface = "ib0"', "slurm belongs to kind = \"slurm\", not to 'threads'"),
        ('kind = "slurm"\n[slurm]\nqueue = "cpu"', r"slurm\.interface: field required"),
        ('kind = "slurm"\n[slurm]\ninterface = "ib0"\nqueu = "cpu"', r"unknown key 'slurm\.queu'; known are interface"),
        ('kind = "slurm"\n[slurm]\ninterface = "ib0"\nwalltime = "1h"', r"walltime is \[days-\]hours:minutes:seconds"),
        ('kind = "slurm"\n[slurm]\ninterface = "ib0"\njobs = 2\nminimum_jobs = 3', "exceeds jobs"),
        (
            'kind = "sge"\n[sge]\ninterface = "ib0"\ncores = 2',
            "sge: .*2 cores need a parallel_environment, such as smp",
        ),
        (
            'kind = "pbs"\nworkers = 2\n[pbs]\ninterface = "ib0"',
            r"workers is not for pbs; give pbs\.cores and pbs\.jobs",
        ),
        ('kind = "ssh"\n[ssh]\nhosts = []', r"ssh\.hosts: .*at least 1 item"),
        ('kind = "processes"\ntls_ca = "ca.pem"', "are given together"),
        ('kind = "existing"\naddress = "tcp://a:1"\ntls = true', "begins with tls://"),
        ('kind = "threads"\ntls = true', "needs no tls"),
        ('kind = "threads"\nhost = "0.0.0.0"', 'host belongs to kind = "processes"'),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path, text, sentence):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(ConfigError, match=rf"c\.toml.*{sentence}") as caught:
        read_spec(str(tmp_path / "c.toml"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["thread", "nowhere.toml", "scheduler:8786", "../pyproject.toml"])
def test_what_is_neither_word_address_nor_file_is_refused(text):
    with pytest.raises(ConfigError, match=r"is none of sync, threads, processes, no address .* and no TOML file"):
        read_spec(text)


def test_a_number_of_workers_is_checked_for_words_too():
    with pytest.raises(ConfigError, match="workers"):
        read_spec("threads", workers=0)


@pytest.mark.parametrize(
    ("options", "encrypted"),
    [
        ({"kind": "processes"}, False),
        ({"kind": "processes", "tls": True}, True),
        ({"kind": "processes", "host": "0.0.0.0"}, True),
        ({"kind": "processes", "host": "0.0.0.0", "tls": False}, False),
        ({"kind": "ssh", "ssh": {"hosts": ["a"]}}, True),
        ({"kind": "slurm", "slurm": {"interface": "ib0"}}, True),
        ({"kind": "slurm", "slurm": {"interface": "ib0"}, "tls": False}, False),
    ],
)
def test_what_leaves_this_machine_is_encrypted_unless_it_is_switched_off(options, encrypted):
    assert cluster_spec(**options).encrypted is encrypted
