"""The same bits on every engine and in any batch size; a worker's death costs one volume at most."""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import cloudpickle
import numpy as np
import pytest

from tdaflow.cluster import cluster_spec, connect
from tdaflow.diagrams import PersistenceDiagram
from tdaflow.errors import RunError
from tdaflow.homology import FILTRATIONS
from tdaflow.pipeline import Engine, run
from tdaflow.store import DiagramStore, RunFolder

DIAGRAMS = "superpixels+persistence"


@dataclass(frozen=True)
class KillsItsWorker:
    """A filtration whose process is killed, as by the system for want of memory, on the volume with the mark."""

    mark: int
    takes: ClassVar[str] = "volume"
    default_essential: ClassVar[str] = "drop"
    constant_births: ClassVar[tuple[int, ...]] = ()
    name: ClassVar[str] = "kills"
    engine: ClassVar[str] = "none"
    unit: ClassVar[str] = "intensity"

    def diagram(self, data, homology_dimensions, *, spacing):
        if int(data.flat[0]) == self.mark:
            os.kill(os.getpid(), signal.SIGKILL)
        return PersistenceDiagram({k: np.array([[0.0, 1.0 + data.flat[0]]]) for k in homology_dimensions})


@pytest.fixture(scope="module")
def processes() -> Iterator[Engine]:
    """Two worker processes, started once."""
    with connect(cluster_spec(kind="processes", workers=2, dashboard="127.0.0.1:0")) as engine:
        yield engine


@pytest.fixture(scope="module")
def threads() -> Iterator[Engine]:
    """One worker with two threads."""
    with connect(cluster_spec(kind="threads", workers=2, dashboard="127.0.0.1:0")) as engine:
        yield engine


@pytest.fixture(scope="module")
def one_thread() -> Iterator[Engine]:
    """One worker with one thread."""
    with connect(cluster_spec(kind="threads", workers=1, dashboard="127.0.0.1:0")) as engine:
        yield engine


@pytest.fixture(scope="module")
def external(processes) -> Iterator[Engine]:
    """The scheduler of those processes, reached by its address as a cluster that somebody else started."""
    with connect(cluster_spec(kind="existing", address=processes.describe()["scheduler"])) as engine:
        yield engine


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> RunFolder:
    """Where the first run goes, with which all others are compared."""
    return RunFolder(tmp_path_factory.mktemp("reference") / "run")


EVERYTHING = {"reference": "train", "images": {"quantiles": [0.05, 0.95], "normalise": "dataset-max"}}


@pytest.mark.parametrize(
    ("engine", "batch"),
    [
        *[("sync", batch) for batch in (1, 5, 12)],
        ("one_thread", 5),
        *[("threads", batch) for batch in (1, 5, 12)],
        *[("processes", batch) for batch in (1, 5, 12)],
        ("external", 5),
    ],
)
def test_features_and_sigma_are_the_same_bits(
    request, engine, batch, sync, settings, folder, reference, observer, assert_same_features, monkeypatch
):
    monkeypatch.setattr("tdaflow.store.features.CHUNK_BYTES", 5 * 4 * (8 + 5 * 8 * 8))  # three chunks of images
    if not reference.features.exists():
        sync(settings(run={"batch": 4}, **EVERYTHING), folder=reference)
        observer.done.clear()
    config = settings(run={"batch": batch}, **EVERYTHING)
    if engine == "sync":
        sync(config)
    else:
        run(config, folder, request.getfixturevalue(engine), observer)
    assert len(DiagramStore(folder.diagrams).batches()) == -(-12 // batch)
    assert observer.done[DIAGRAMS] == observer.done["images"] == 12
    assert_same_features(folder, reference)


def test_stages_have_their_names_on_the_scheduler(processes, settings, folder, observer):
    from distributed import Client

    with Client(processes.describe()["scheduler"], set_as_default=False) as client:
        run(settings(images={"normalise": "dataset-max"}), folder, processes, observer)
        names = client.run_on_scheduler(lambda dask_scheduler: sorted(dask_scheduler.task_prefixes))
    stages = {"ingest", "diagrams", "ranges", "images", "images-maximum"}
    assert stages <= set(names)
    assert max(map(len, stages)) <= 15  # longer names are cut on the dashboard
    assert not [name for name in names if "compute" in name or "reduce" in name]


def test_workers_report_small_records_never_arrays(processes, settings, folder, observer, monkeypatch):
    import pickle

    from tdaflow.cluster.dask_engine import DaskEngine

    sizes = []
    outcomes = DaskEngine._outcomes

    def weighed(self, futures):
        for future, result, error in outcomes(self, futures):
            sizes.append(len(pickle.dumps(result)))
            yield future, result, error

    monkeypatch.setattr(DaskEngine, "_outcomes", weighed)
    run(settings(run={"batch": 12}), folder, processes, observer)
    assert len(sizes) >= 3  # the volumes, their diagrams, their images
    assert max(sizes) < 500


@pytest.fixture
def deadly(monkeypatch, save_stack, tmp_path, volumes, settings):
    """Maker of a configuration in which volume 7 kills the process that touches it."""
    monkeypatch.setitem(FILTRATIONS, "kills", KillsItsWorker)
    # Workers cannot import a test module, so its classes travel by value.
    module = sys.modules[KillsItsWorker.__module__]
    cloudpickle.register_pickle_by_value(module)
    marked = volumes.copy()
    marked[:, 0, 0, 0] = np.arange(12) + 100
    data = save_stack(tmp_path / "marked", marked)
    filtrations = {"kills": {"mark": 107, "homology_dimensions": [0]}}
    yield lambda: settings(data=data, filtrations=filtrations, run={"batch": 2})
    cloudpickle.unregister_pickle_by_value(module)


def test_a_volume_that_kills_its_worker_is_found_and_all_others_finish(deadly, folder, observer):
    with (
        connect(cluster_spec(kind="processes", workers=2, dashboard="127.0.0.1:0")) as engine,
        pytest.raises(
            RunError, match=r"1 of 12 volumes failed \(first: v7: WorkerDied: 2 workers died while running it"
        ),
    ):
        run(deadly(), folder, engine, observer)
    status = folder.read()
    assert list(status["failed"]) == ["v7"]
    counts = status["stages"][DIAGRAMS]
    assert (counts["computed"], counts["failed"], counts["left"]) == (11, 1, 0)
    assert DiagramStore(folder.diagrams).missing(12) == [(7, 8)]
    assert not folder.features.exists()


def test_engines_say_whether_they_survive_the_death_of_a_worker(processes, threads, external):
    assert (processes.isolates, external.isolates, threads.isolates) == (True, True, False)
