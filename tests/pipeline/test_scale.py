"""What keeps a run of 10⁶ volumes small: few records in the last merge, and no worker lists a whole store."""

import pickle

import numpy as np
import pytest

from tdaflow.diagrams import RangeRecord
from tdaflow.pipeline import InProcess, RunState, Silent, run
from tdaflow.pipeline.stages import diagrams as diagrams_stage
from tdaflow.pipeline.stages.images import compute_images, image_maxima
from tdaflow.store import DiagramStore, RunFolder


class KeepsRecords(InProcess):
    """The loop of `sync` that keeps what its reduces returned, and merges them backwards."""

    def __init__(self) -> None:
        self.records: list[RangeRecord] = []

    def tree_reduce(self, stage, function, tasks, merge):
        found = [function(task) for task in tasks]
        self.records += found
        return merge([merge(found[2:][::-1]), *found[:2][::-1]])


@pytest.fixture(scope="module")
def one_by_one(settings, tmp_path_factory) -> RunFolder:
    """A run in batches of one volume."""
    folder = RunFolder(tmp_path_factory.mktemp("batches-of-one") / "run")
    run(settings(run={"batch": 1}), folder, InProcess(), Silent())
    return folder


# Where the reference is "train", the scale of a cohort would make other diagrams.
@pytest.mark.parametrize(
    ("quantiles", "batches", "tasks", "n_records"),
    [([0.01, 0.99], 5, 1024, 3), ([0.1, 0.9], 5, 1024, 3), ([0.1, 0.9], 1, 4, 4), ([0, 1], 5, 1024, 3)],
)
def test_a_range_task_reports_six_numbers_a_volume_and_ranges_do_not_depend_on_the_tasks(
    one_by_one, settings, monkeypatch, quantiles, batches, tasks, n_records
):
    config, ranges = settings(images={"quantiles": quantiles}), []
    for a_task, engine in ((1, InProcess()), (batches, KeepsRecords())):
        monkeypatch.setattr("tdaflow.pipeline.stages.ranges._BATCHES_A_TASK", a_task)
        ranges.append(run(config, one_by_one, engine, Silent(), restart_from="images").ranges)
        monkeypatch.setattr("tdaflow.pipeline.stages.ranges._TASKS", tasks)
    assert ranges[0] == ranges[1]
    assert len(engine.records) == n_records
    for channel in config.channels:
        assert sum(len(record.channels[channel].bounds) for record in engine.records) <= 12
        assert all(record.channels[channel].bounds[0].size == 6 for record in engine.records)


def test_the_record_of_a_million_volumes_fits_a_client():
    """48 bytes a volume and channel, whatever the number of its bars."""
    bars = np.column_stack([np.zeros(5000), np.arange(1.0, 5001)])
    records = [RangeRecord.from_volumes([{("alpha", 1): bars}] * 50, [("alpha", 1)]) for _ in range(4)]
    merged = RangeRecord.merge_all(records)
    assert merged.channels["alpha", 1].bounds.nbytes == 48 * 200
    assert len(pickle.dumps(records[0])) < 48 * 50 + 2000


@pytest.mark.parametrize(
    "sections", [{}, {"reference": "train", "images": {"normalise": "dataset-max"}}], ids=["", "dataset-max"]
)
def test_a_chunk_of_images_opens_the_batches_of_its_rows_and_lists_no_store(sync, settings, monkeypatch, sections):
    monkeypatch.setattr("tdaflow.store.features.CHUNK_BYTES", 4 * 4 * (8 + 5 * 8 * 8))  # three chunks of four images
    opened: list[tuple[int, int]] = []
    chunks: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    read = DiagramStore.read
    monkeypatch.setattr(DiagramStore, "read", lambda self, *batch: opened.append(batch) or read(self, *batch))

    def watched(function):
        def on(task):
            opened.clear()
            with monkeypatch.context() as inside:
                inside.setattr(DiagramStore, "batches", None)
                result = function(task)
            chunks[task.rows] = list(opened)
            return result

        return on

    for function in (compute_images, image_maxima):
        monkeypatch.setattr(f"tdaflow.pipeline.stages.images.{function.__name__}", watched(function))
    sync(settings(**sections))  # batches of three
    expected = {
        (0, 1, 2, 3): [(0, 3), (3, 6)],
        (4, 5, 6, 7): [(3, 6), (6, 9)],
        (8, 9, 10, 11): [(6, 9), (9, 12)],
    }
    if sections:  # the maxima of the training split, which lacks every third volume
        expected |= {(0, 1, 3): [(0, 3), (3, 6)], (4, 6, 7): [(3, 6), (6, 9)], (9, 10): [(9, 12)]}
    assert chunks == expected


def test_the_client_makes_a_task_when_its_turn_comes(sync, settings, monkeypatch):
    described, waiting = [], []
    facts, compute = diagrams_stage.volume_facts, diagrams_stage.compute_diagrams
    monkeypatch.setattr(diagrams_stage, "volume_facts", lambda rows, row: described.append(row) or facts(rows, row))
    monkeypatch.setattr(
        diagrams_stage, "compute_diagrams", lambda task: waiting.append(len(described) - task.stop) or compute(task)
    )
    sync(settings(run={"batch": 3}))
    assert waiting == [0, 0, 0, 0]


def test_a_beat_of_run_json_leaves_out_what_lists_every_volume(folder):
    folder.create()
    state = RunState(folder, {}, outcomes={f"v{i}": "ok" for i in range(1000)})
    state.save()
    whole = folder.run_json.stat().st_size
    assert len(folder.read()["outcomes"]) == 1000
    state.beat()
    assert folder.read()["outcomes"] == {}
    assert folder.run_json.stat().st_size < whole / 5
    state.finish("done")
    assert len(folder.read()["outcomes"]) == 1000
