"""The matrix of a run: its numbers, its resumption, and that neither workers nor blocks change it."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray
from typer.testing import CliRunner

import tdaflow
from tdaflow.cli.app import app
from tdaflow.config import RunConfig
from tdaflow.distances import Heat, Wasserstein, distance_matrix
from tdaflow.errors import InputError
from tdaflow.pipeline import InProcess, Silent, distances, run
from tdaflow.pipeline.distances import compute_block, run_distances
from tdaflow.store import RunFolder
from tdaflow.store.distances import DistanceStore

N = 9


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of nine volumes with batches of two; one volume is constant and quarantined."""
    folder = tmp_path_factory.mktemp("distances")
    stack = np.random.default_rng(0).integers(0, 255, (N + 1, 6, 7, 8), dtype=np.uint8)
    stack[4] = 7
    np.save(folder / "stack.npy", stack)
    config = RunConfig(
        data={"kind": "arrays", "path": str(folder / "stack.npy")},
        filtrations={"sublevel": {"kind": "cubical", "homology_dimensions": (0, 1)}},
        run={"batch": 2},
    )
    run(config, RunFolder(folder / "run"), InProcess(), Silent())
    return folder / "run"


def opened(path: Path) -> xarray.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return xarray.open_zarr(path)


def made(finished: Path, **options: object) -> tuple[xarray.Dataset, Path]:
    [path] = run_distances(
        RunFolder(finished), options.pop("metric", "sliced-wasserstein"), InProcess(), Silent(), **options
    )
    return opened(path), path


@pytest.fixture
def fresh(finished: Path) -> Path:
    """The run without any matrix."""
    for path in (finished / "distances").glob("*"):
        DistanceStore.remove(path)
    return finished


def diagrams_of(finished: Path, ids: list[str]) -> list[tdaflow.PersistenceDiagram]:
    opened_run = tdaflow.open_run(finished)
    return [opened_run.diagram(identity, "sublevel") for identity in ids]


@pytest.mark.parametrize("metric", ["sliced-wasserstein", "bottleneck", Wasserstein(order=2)])
def test_the_matrix_is_that_of_the_diagrams_with_ids(fresh: Path, metric: object) -> None:
    found, path = made(fresh, metric=metric, dimension=1)
    ids = found.volume.values.tolist()
    assert len(ids) == N
    assert found.other.values.tolist() == ids
    expected = distance_matrix(diagrams_of(fresh, ids), metric, dimension=1)
    np.testing.assert_array_equal(found.distance.values, expected)
    assert float(found.distance.sel(volume=ids[2], other=ids[7])) == expected[2, 7] > 0
    assert path.name == f"{'wasserstein' if isinstance(metric, Wasserstein) else metric}-sublevel-h1.zarr"
    assert found.attrs["homology_dimension"] == 1
    assert found.attrs["units"] == "grey levels"
    assert set(found.coords) >= {"label", "split", "group"}


def test_the_heat_kernel_takes_the_blur_of_the_images(fresh: Path) -> None:
    found, _ = made(fresh, metric="heat", dimension=0)
    sigma = tdaflow.open_run(fresh).sigma["sublevel", 0] ** 2 / 2
    assert found.attrs["metric_sigma"] == sigma
    expected = distance_matrix(diagrams_of(fresh, found.volume.values.tolist()), Heat(sigma), dimension=0)
    np.testing.assert_array_equal(found.distance.values, expected)


@pytest.mark.parametrize("block", [1, 2, 4, 64])
def test_neither_blocks_nor_workers_change_a_bit(fresh: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = made(fresh, dimension=1)[0].distance.values
    DistanceStore.remove(fresh / "distances" / "sliced-wasserstein-sublevel-h1.zarr")
    monkeypatch.setattr(distances, "_block_size", lambda *_: block)
    np.testing.assert_array_equal(made(fresh, dimension=1)[0].distance.values, expected)


def test_two_threads_give_the_same(fresh: Path, tmp_path: Path) -> None:
    expected = made(fresh, dimension=1)[0].distance.values
    DistanceStore.remove(fresh / "distances" / "sliced-wasserstein-sublevel-h1.zarr")
    command = ["distances", str(fresh), "--dimension", "1", "--filtration", "sublevel", "--cluster", "threads"]
    result = CliRunner().invoke(app, [*command, "--workers", "2"])
    assert result.exit_code == 0, result.output
    [line] = [line for line in result.output.splitlines() if line.startswith("/")]
    found = opened(Path(line))
    np.testing.assert_array_equal(found.distance.values, expected)
    found.to_netcdf(tmp_path / "matrix.nc")


def test_what_was_interrupted_goes_on_and_finished_blocks_are_not_made_again(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "_block_size", lambda *_: 3)
    asked: list[tuple[int, int]] = []

    def counting(task: distances.DistanceTask) -> int:
        asked.append(task.block)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return compute_block(task)

    monkeypatch.setattr(distances, "compute_block", counting)
    with pytest.raises(KeyboardInterrupt):
        made(fresh, dimension=1)
    assert not (fresh / "distances" / "sliced-wasserstein-sublevel-h1.zarr").exists()
    found, _ = made(fresh, dimension=1)
    assert sorted(asked) == sorted([(0, 0), (0, 1), (0, 2), (1, 1), (1, 1), (1, 2), (2, 2)])
    assert np.isfinite(found.distance.values).all()
    made(fresh, dimension=1)
    assert len(asked) == 7
    # Other options are another matrix, in place of the first.
    made(fresh, dimension=1, metric=tdaflow.distances.SlicedWasserstein(8))
    assert len(asked) == 13


def test_a_run_gives_the_matrix_as_an_array_with_ids(fresh: Path) -> None:
    opened_run = tdaflow.open_run(fresh)
    found = opened_run.distances(dimension=1, cluster="sync", progress=False)
    expected = made(fresh, dimension=1)[0].distance
    assert found.identical(expected)
    with pytest.raises(InputError, match="has the channels sublevel H0, sublevel H1; choose one"):
        opened_run.distances(cluster="sync", progress=False)


def test_without_a_channel_all_are_made_and_others_are_refused(fresh: Path) -> None:
    paths = run_distances(RunFolder(fresh), "bottleneck", InProcess(), Silent())
    assert [path.name for path in paths] == ["bottleneck-sublevel-h0.zarr", "bottleneck-sublevel-h1.zarr"]
    with pytest.raises(
        InputError, match="no channel of alpha in dimension 1; its channels are sublevel H0, sublevel H1"
    ):
        made(fresh, filtration="alpha", dimension=1)
    with pytest.raises(InputError, match="holds no run"):
        run_distances(RunFolder(fresh / "distances"), "bottleneck", InProcess(), Silent())


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["--metric", "euclid"], "metric='euclid' does not exist"),
        (["--metric", "wasserstein", "--option", "ordr=2"], "its options are order, ground"),
        (["--metric", "bottleneck", "--option", "order=2"], "it has no options"),
        (["--metric", "wasserstein", "--option", "order=two"], "order='two' is of type str"),
    ],
)
def test_bad_options_are_refused_before_anything_is_made(fresh: Path, given: list[str], reason: str) -> None:
    result = CliRunner().invoke(app, ["distances", str(fresh), *given])
    assert isinstance(result.exception, InputError)
    assert reason in str(result.exception)
    assert not list((fresh / "distances").glob("*"))
