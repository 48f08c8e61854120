"""The table of cluster/reliability.md, its quicker rows: nothing is lost, nothing finished is done again."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from fault_flips import faults
from fault_lab import Lab
from fault_table import cases, poisoned

QUICK = (
    "worker-4",
    pytest.param("client", marks=pytest.mark.slow),
    "after-superpixels+persistence",
    pytest.param("after-images", marks=pytest.mark.slow),
    "full-images",
    "read-only",
    "flip-diagrams",
    "clock",
    "unreadable",
    "shard",
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Twelve small volumes and one undisturbed run."""
    return Lab(tmp_path_factory.mktemp("lab"), n=12)


@pytest.mark.parametrize("name", QUICK)
def test_the_run_ends_as_the_undisturbed_one(lab, name):
    try:
        row = dict(cases(lab))[name]()
    except PermissionError as error:
        pytest.skip(str(error))
    assert row.codes == row.expected
    assert (row.again, row.leftovers, row.same, row.accounted) == (0, 0, True, True)


@pytest.mark.slow
def test_a_volume_that_hangs_in_compiled_code_is_ended_by_its_time_limit_and_left_out(tmp_path):
    alone = Lab(tmp_path, n=12, batch=1)
    row = poisoned(alone, "spin", "hangs", "run.volume_seconds=2", only_allowed=True)
    assert row.codes == row.expected == (4,)
    assert row.same
    assert row.note == "isolated after 4 deaths, batch mates finished"


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_one_flipped_bit_or_cut_file_anywhere_is_seen_and_repaired_and_no_reader_takes_it_for_results(lab, seed):
    found = list(faults(lab, 10, seed))
    assert [fault for fault in found if not fault.good] == []
    assert {fault.ending for fault in found} == {"repaired"}


def test_every_fault_has_a_name_of_its_own(lab):
    names = [name for name, _ in cases(lab)]
    assert len(set(names)) == len(names) > 35
