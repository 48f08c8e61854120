"""The embedding keeps distances of a plane, and the section shows what was computed and nothing of test volumes."""

import shutil

import numpy as np
import pytest

import tdaflow
from tdaflow.report.page import report_page
from tdaflow.report.run_data import RunData
from tdaflow.report.section_distances import distances_section, embedded


def test_points_of_a_plane_keep_their_distances():
    points = np.random.default_rng(0).normal(size=(30, 2)) * (3, 1)
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    found, shares = embedded(distances)
    assert np.linalg.norm(found[:, None] - found, axis=2) == pytest.approx(distances)
    assert shares.sum() == pytest.approx(1)
    assert shares[0] > shares[1]


def test_equal_volumes_are_one_point():
    points, shares = embedded(np.zeros((5, 5)))
    assert not points.any()
    assert not shares.any()


def test_without_distances_there_is_no_section(finished_run):
    assert distances_section(RunData(finished_run)) is None


def test_distances_become_a_figure_and_a_table(run_copy):
    for dimension in (1, 2):
        tdaflow.open_run(run_copy).distances(filtration="alpha", dimension=dimension, cluster="sync", progress=False)
    section = distances_section(RunData(run_copy))
    figure, table = section.items[:2]
    assert "16 volumes" in figure.caption
    assert "nearest other volume" in figure.caption
    assert len(table.rows) == 12
    run = RunData(run_copy)
    test = {i for i, split in zip(run.column("id"), run.column("split"), strict=True) if split != "train"}
    shown = " ".join(cell for row in table.rows for cell in row)
    assert not any(f"{name.rpartition('/')[2]} " in shown for name in test)
    page = report_page(run)
    assert "<script>" not in page
    assert page.count("Volumes by their distances") == 2


def test_distances_that_cannot_be_read_are_a_note(run_copy):
    tdaflow.open_run(run_copy).distances(filtration="alpha", dimension=1, cluster="sync", progress=False)
    (path,) = (run_copy / "distances").glob("*.zarr")
    shutil.rmtree(path / "distance")
    section = distances_section(RunData(run_copy))
    assert not section.items
    assert "delete it" in section.notes[0]
