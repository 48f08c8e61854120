"""Vectorisations are stored beside the images, labelled, chunk by chunk, and change nothing else."""

import numpy as np
import pytest
import xarray as xr

from tdaflow.diagrams import NO_BARS, Bars
from tdaflow.extents import cohort_bounds, robust_bounds
from tdaflow.store import DiagramStore, FeatureStore, RunFolder
from tdaflow.store.integrity import check_run
from tdaflow.vectorisations import Atol, BarSample, Betti, Landscape, Statistics, fit_atol

FILTRATIONS = {
    "sublevel": {"kind": "cubical", "homology_dimensions": [0, 1], "regions": {"blocks": [1, 1, 2], "whole": True}}
}
EVERY = {
    "betti": {"resolution": 5}, "landscape": {"n_landscapes": 2, "resolution": 3}, "silhouette": {}, "entropy": {},
    "statistics": {}, "atol": {"n_centres": 3},
}  # fmt: skip


@pytest.fixture
def bars():
    """Reader of the bars of a channel by region, one list a volume."""

    def read(folder: RunFolder, dimension: int) -> list[dict[str, Bars]]:
        names = {"whole": "sublevel", "z0y0x0": "sublevel@z0y0x0", "z0y0x1": "sublevel@z0y0x1"}
        rows = DiagramStore(folder.diagrams).read_rows(range(12))
        return [{r: row.get((n, dimension), NO_BARS) for r, n in names.items()} for row in rows]

    return read


def test_every_number_is_that_of_the_diagram_its_labels_name(sync, settings, folder, bars):
    state = sync(settings(filtrations=FILTRATIONS, vectorisations=EVERY, images={"dtype": "float64"}))
    features = xr.open_zarr(folder.features).load()
    summary = features["summary"]
    assert summary.dims == ("volume", "summary_feature")
    assert summary["id"].values.tolist() == [f"v{i}" for i in range(12)]
    made = {"betti": Betti(5), "landscape": Landscape(3, n_landscapes=2), "statistics": Statistics()}
    for dimension in (0, 1):
        found = bars(folder, dimension)
        volumes = [Bars.joined(list(row.values())).expanded for row in found]
        births, deaths = (zip(*(robust_bounds(pairs[:, i]) for pairs in volumes), strict=True) for i in (0, 1))
        bounds = (cohort_bounds(*births)[0], cohort_bounds(*deaths)[1])
        assert state.ranges[f"sublevel/{dimension}"]["values"] == list(bounds)
        for kind, vectorisation in made.items():
            for region in ("whole", "z0y0x0", "z0y0x1"):
                here = summary.isel(
                    summary_feature=(summary["summary_vectorisation"].values == kind)
                    & (summary["summary_homology_dimension"].values == dimension)
                    & (summary["summary_region"].values == region)
                )
                terms = vectorisation.terms(bounds)
                assert here["summary_term"].values.tolist() == [term.name for term in terms]
                np.testing.assert_array_equal(here["summary_value"].values, [term.value for term in terms])
                assert set(here["summary_filtration"].values) == {"sublevel"}
                for row, values in zip(found, here.values, strict=True):
                    np.testing.assert_array_equal(values, vectorisation.vector(row[region], bounds))


@pytest.mark.parametrize("reference", ["all", "train"])
def test_atol_learns_from_the_volumes_that_ranges_come_from(sync, settings, folder, bars, reference):
    state = sync(
        settings(
            filtrations=FILTRATIONS,
            vectorisations={"atol": {"n_centres": 3, "n_bars": 40}},
            reference=reference,
        )
    )
    for dimension in (0, 1):
        sample = BarSample(40)
        for row, regions in enumerate(bars(folder, dimension)):
            if reference == "all" or row % 3 != 2:
                pairs = np.concatenate([regions[r].expanded for r in ("whole", "z0y0x0", "z0y0x1")])
                sample = sample.merge(BarSample.from_pairs(pairs, (row, "sublevel", dimension), size=40, seed=0))
        expected = fit_atol(Atol(n_centres=3), sample.bars)
        assert state.ranges[f"sublevel/{dimension}"]["atol"] == expected.as_dict()


def test_images_are_the_same_with_and_without_vectorisations(sync, settings, folder, tmp_path, read_features):
    sync(settings())
    other = RunFolder(tmp_path / "other")
    sync(settings(vectorisations=["betti"]), folder=other)
    without, with_betti = read_features(folder), read_features(other)
    assert {name for name in with_betti if not name.startswith("summary")} == set(without)
    for name, values in without.items():
        np.testing.assert_array_equal(with_betti[name], values)


def test_a_chunk_without_its_vectors_is_made_again(sync, settings, folder, invocations, monkeypatch):
    monkeypatch.setattr("tdaflow.store.features.CHUNK_BYTES", 1)
    config = settings(vectorisations=["betti"])
    sync(config)
    working = folder.features.rename(folder.features_in_progress)
    (working / "summary" / "c" / "4" / "0").unlink()
    assert not FeatureStore(working).is_written(4)
    invocations.clear()
    sync(config)
    assert invocations.images == [4]
    assert check_run(folder, deep=True)[0] == []


def test_one_odd_volume_does_not_take_the_centres_of_atol(sync, settings, folder, save_stack, volumes, tmp_path):
    config = {"filtrations": FILTRATIONS, "vectorisations": {"atol": {"n_centres": 3}}}
    plain = sync(settings(**config))
    odd = volumes.astype(np.float64)
    odd[4] *= 1e6
    data = save_stack(tmp_path / "odd", odd)
    with_odd = sync(settings(data=data, **config), folder=RunFolder(tmp_path / "other"))
    for dimension in (0, 1):
        one, other = (np.array(s.ranges[f"sublevel/{dimension}"]["atol"]["centres"]) for s in (plain, with_odd))
        assert np.abs(other).max() < 2 * np.abs(one).max()
        assert len(other) == len(one) == 3
