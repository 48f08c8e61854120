"""Tasks are made when they are taken, so that those of a large run are never all in memory."""

import pytest

from tdaflow.pipeline import Backlog


def test_planned_tasks_come_first_and_each_is_made_when_it_is_taken():
    made = []
    backlog = Backlog((made.append(i) or i for i in range(3)), 3)
    assert (len(backlog), made) == (3, [])
    assert (backlog.popleft(), made) == (0, [0])
    backlog.append("a")
    backlog.extend(["b", "c"])
    assert (len(backlog), made) == (5, [0])
    assert [backlog.popleft() for _ in range(5)] == [1, 2, "a", "b", "c"]
    assert not backlog


def test_an_empty_backlog_has_nothing_to_take():
    backlog = Backlog(iter(()), 0)
    assert not backlog
    with pytest.raises(IndexError):
        backlog.popleft()
