"""Presets and early stopping."""

import pytest

from tdaflow.errors import InputError
from tdaflow.nets.pinet.train.schedule import PRESETS, PINetSchedule, schedule_named
from tdaflow.nets.schedule import Phase


def rates(schedule, losses):
    found = []
    for n in range(len(losses) + 1):
        phase = schedule.position(losses[:n])
        found.append(None if phase is None else phase.learning_rate)
    return found


def test_the_papers_schedule_has_1000_epochs_in_three_phases_and_batches_of_128():
    schedule = PRESETS["paper"]
    found = rates(schedule, [1.0] * 1000)
    assert found[:300] == [1e-3] * 300
    assert found[300:600] == [1e-4] * 300
    assert found[600:1000] == [1e-5] * 400
    assert found[1000] is None
    assert schedule.batch == 128


def test_a_phase_ends_when_validation_no_longer_improves():
    schedule = PINetSchedule((Phase(10, 1e-3), Phase(2, 1e-4)), patience=2)
    assert rates(schedule, [5, 4, 4, 4, 3, 3]) == [1e-3, 1e-3, 1e-3, 1e-3, 1e-4, 1e-4, None]


def test_a_preset_can_be_shortened():
    assert schedule_named("paper", epochs=10).phases == (Phase(3, 1e-3), Phase(3, 1e-4), Phase(4, 1e-5))
    assert [p.epochs for p in schedule_named("short", epochs=3).phases] == [1, 1, 1]
    assert schedule_named("short", epochs=45).epochs == 45
    with pytest.raises(InputError, match="too few"):
        schedule_named("short", epochs=2)
    with pytest.raises(InputError, match="short"):
        schedule_named("long")
