"""One way to run the tasks of a stage: what is counted, told and raised under every policy."""

from dataclasses import dataclass

import pytest

from tdaflow.errors import InputError, RunError
from tdaflow.pipeline import Backlog, InProcess, StageCounts
from tdaflow.pipeline.fan_out import Outcome, Retry, Split, Stop, fan_out


@dataclass(frozen=True)
class Range:
    start: int
    stop: int

    @property
    def key(self):
        return f"{self.start}-{self.stop}"

    @property
    def n_volumes(self):
        return self.stop - self.start

    def halves(self):
        middle = (self.start + self.stop) // 2
        return () if self.n_volumes == 1 else (Range(self.start, middle), Range(middle, self.stop))


class Heard:
    """An observer that keeps what it is told."""

    def __init__(self):
        self.events = []

    def __getattr__(self, name):
        return lambda *told: self.events.append((name, *told))

    def of(self, name):
        return [event[1:] for event in self.events if event[0] == name]


class Fails:
    """A batch function that fails the first `times` at every range that holds `culprit`."""

    def __init__(self, culprit, times=10**9, error=None):
        self.culprit, self.left, self.error, self.asked = culprit, times, error or ValueError("no"), []

    def __call__(self, task):
        self.asked.append(task.key)
        if task.start <= self.culprit < task.stop and self.left:
            self.left -= 1
            raise self.error
        return Outcome(n_quarantined=1 if task.start == 0 else 0, notes=((f"v{task.start}", "note"),))


RANGES = [Range(0, 4), Range(4, 8), Range(8, 12)]


def finished(function, on_failure, tasks=RANGES, **options):
    counts, heard = StageCounts(total=14, done=2, reused=2), Heard()
    yielded = []

    def work():
        for task, _ in fan_out(InProcess(), "stage", function, tasks, counts, heard, on_failure, **options):
            yielded.append(task.key)

    return counts, heard, yielded, work


@pytest.mark.parametrize("policy", [Stop(), Retry(), Split(print)])
def test_what_succeeds_is_counted_once_and_told(policy):
    counts, heard, yielded, work = finished(Fails(99), policy, Backlog(iter(RANGES), 3))
    work()
    assert yielded == ["0-4", "4-8", "8-12"]
    assert (counts.done, counts.computed, counts.reused, counts.quarantined, counts.failed) == (13, 11, 2, 1, 0)
    assert heard.of("stage_begins") == [("stage", 14, 2)]
    assert heard.of("advanced") == [("stage", 4)] * 3
    assert heard.of("noticed")[0] == ("stage", "v0", "note")
    assert len(heard.of("stage_ends")) == 1
    assert counts.last_batch is not None


def test_stop_ends_with_the_first_failure():
    _, heard, yielded, work = finished(Fails(5), Stop(), remedy="do that")
    with pytest.raises(RunError, match=r"the stage 'stage' failed at 4-8 \(no\); do that"):
        work()
    assert yielded == ["0-4"]
    assert not heard.of("stage_ends")


def test_retry_tries_a_task_again_after_the_others():
    function = Fails(5, times=1)
    counts, _, _, work = finished(function, Retry())
    work()
    assert function.asked == ["0-4", "4-8", "8-12", "4-8"]
    assert counts.computed == 11
    function = Fails(5, times=3)
    with pytest.raises(RunError, match="failed at 4-8"):
        finished(function, Retry(3))[3]()
    assert function.asked.count("4-8") == 3


def test_split_leaves_the_culprit_alone_and_computes_its_mates():
    function, given_up = Fails(5), []
    counts, heard, yielded, work = finished(
        function, Split(lambda task, error: given_up.append((task.key, str(error))))
    )
    work()
    assert given_up == [("5-6", "no")]
    assert function.asked[-1] == "5-6"  # once more, with none beside it
    assert function.asked.count("5-6") == 2
    assert (counts.failed, counts.computed, counts.quarantined) == (1, 10, 1)
    assert sum(n for _, n in heard.of("advanced")) == 12
    assert set(yielded) == {"0-4", "8-12", "4-5", "6-8"}


def test_split_keeps_a_culprit_that_works_when_it_is_alone():
    given_up = []
    counts, _, yielded, work = finished(Fails(5, times=3), Split(given_up.append))
    work()
    assert "5-6" in yielded
    assert (given_up, counts.failed, counts.computed) == ([], 0, 11)


@pytest.mark.parametrize("policy", [Stop(), Retry(), Split(print)])
def test_refusals_and_a_full_disk_are_raised_at_once(policy):
    function = Fails(5, error=InputError("the source has changed"))
    with pytest.raises(InputError, match="has changed"):
        finished(function, policy, refusals=InputError)[3]()
    assert function.asked == ["0-4", "4-8"]
    with pytest.raises(RunError, match=r"cannot write: .* make room"):
        finished(Fails(5, error=OSError(28, "no space left")), policy)[3]()
