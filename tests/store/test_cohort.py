"""The look at a cohort: what is typical of it, and by name the volumes that stand apart, with the remedy as typed."""

import re
from dataclasses import replace

import numpy as np
import pytest

from tdaflow.config import load_config
from tdaflow.sources import Volume
from tdaflow.store.integrity import check_against, check_cohort, cohort_line, cohort_rows, cohort_summary
from tdaflow.store.volume_builder import row_of, table_of

N = 12
FLT_MAX = np.finfo(np.float32).max


def grey(seed: int, shape=(8, 9, 10)) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 20, shape).astype(np.float32)


def cohort(**others: Volume):
    """The table of a dozen volumes of one kind, some of them exchanged."""
    found = {f"v{i}": Volume(f"v{i}", grey(i)) for i in range(N)} | others
    return table_of([row_of(volume) for volume in found.values()])


def problems(table):
    return [(p.kind, p.where) for p in check_cohort(table)]


def changed(name: str, **values) -> dict[str, Volume]:
    return {name: replace(Volume(name, grey(3)), **values)}


def test_volumes_of_one_kind_have_no_problems():
    assert problems(cohort()) == []
    assert problems(table_of([])) == []


def spoilt(value: float) -> np.ndarray:
    voxels = grey(3)
    voxels[4, 4, 4] = value
    return voxels


def padded(value: float, shape=(8, 9, 10)) -> np.ndarray:
    voxels = grey(3, shape)
    voxels[:, :2] = value
    return voxels


@pytest.mark.parametrize(
    ("kind", "voxels"),
    [
        ("extent", grey(3) * 1000),
        ("extent", grey(3) / 1000),
        ("offset", grey(3) + 1000),
        ("offset", grey(3) - 200),
        ("values", spoilt(-FLT_MAX)),
        ("values", spoilt(FLT_MAX)),
        ("values", spoilt(2e6)),
        ("values", spoilt(-2e6)),
        ("padding", padded(-2000)),
        ("padding", padded(3000)),
        ("segmentation", (grey(3) > 110).astype(np.uint8)),
        ("segmentation", np.rint(grey(3) / 40).astype(np.float32)),
        ("field of view", grey(3, (8, 9, 20))),
    ],
)
def test_a_volume_that_stands_apart_is_told_of_by_name(kind, voxels):
    assert (kind, "v3") in problems(cohort(**changed("v3", voxels=voxels)))


def test_voxels_of_another_size_are_told_of():
    assert ("spacing", "v3") in problems(cohort(**changed("v3", spacing=(3.0, 1.0, 1.0))))


def test_a_cohort_of_masks_or_of_small_organs_has_no_padding_and_no_segmentations():
    masks = {f"v{i}": Volume(f"v{i}", 255 * (grey(i) > 130).astype(np.uint8)) for i in range(N)}
    assert problems(cohort(**masks)) == []
    organs = {f"v{i}": Volume(f"v{i}", np.where(grey(i) > 130, grey(i), 0)) for i in range(N)}
    assert problems(cohort(**organs)) == []


def test_several_are_counted_and_the_first_are_named():
    others = {f"v{i}": Volume(f"v{i}", grey(i) * 1000) for i in range(2, 7)}
    (found,) = [where for kind, where in problems(cohort(**others)) if kind == "extent"]
    assert re.fullmatch(r"\d+ of 12 volumes: v\d, v\d, v\d and \d+ more", found)


@pytest.mark.parametrize(
    "change",
    [
        {"voxels": spoilt(2e6)},
        {"voxels": padded(-2000)},
        {"spacing": (3.0, 1.0, 1.0)},
        {"voxels": grey(3, (8, 9, 20))},
    ],
)
def test_remedies_are_typed_as_they_stand(change):
    found = list(check_cohort(cohort(**changed("v3", **change))))
    typed = [m[1] for p in found if (m := re.search(r"--set '(preprocess\.[^']*)'", p.remedy))]
    assert typed
    for assignment in typed:
        assert load_config(None, [assignment]).preprocessing().steps


def test_the_table_and_the_line_say_what_is_typical():
    table = cohort()
    rows = {row.name: row for row in cohort_rows(table)}
    assert float(rows["grey values, median"].typical) == pytest.approx(100, abs=3)
    assert (rows["voxels x"].lowest, rows["voxels x"].highest) == ("10", "10")
    assert rows["voxel type"].lowest == "float32 12"
    assert cohort_line(table).startswith("12 volumes of 8 × 9 × 10 voxels, voxel size typically 1 × 1 × 1 mm; grey")


def test_bounds_of_a_remedy_cut_nothing_of_the_other_volumes():
    wide = {"w1": Volume("w1", grey(20) * 3), "w2": Volume("w2", grey(21) - 60)}
    for change in (spoilt(2e6), spoilt(-2e6), padded(-2000), padded(3000)):
        table = cohort(**wide, **changed("v3", voxels=change))
        (told,) = [p.remedy for p in check_cohort(table) if p.kind in ("values", "padding")]
        ends = {m[1]: float(m[2]) for m in re.finditer(r"(low|high) = ([-\d.e+]+)", told)}
        others = table.at(np.flatnonzero(table.id != "v3"))
        assert ends.get("low", -np.inf) <= others.minimum.min()
        assert ends.get("high", np.inf) >= others.maximum.max()
        # and they do limit what stands apart
        assert ends.get("low", 0) > -1e3
        assert ends.get("high", 0) < 1e3


def test_a_few_volumes_in_another_unit_do_not_put_the_others_under_suspicion():
    others = {f"v{i}": Volume(f"v{i}", grey(i) * 1000) for i in (2, 5)}
    mild = {"v7": Volume("v7", grey(7) * 5)}
    (found,) = [where for kind, where in problems(cohort(**others, **mild)) if kind == "extent"]
    assert found == "2 of 12 volumes: v2, v5"


def test_remedies_in_a_run_say_that_volumes_are_made_anew_and_several_go_into_one_list():
    table = cohort(**changed("v3", spacing=(3.0, 1.0, 1.0)), **changed("v5", voxels=padded(-2000)))
    told = [p.remedy for p in check_cohort(table) if "steps" in p.remedy]
    assert len(told) >= 2
    assert all("--restart-from volumes" in r and "one list" in r for r in told)
    assert not any("--restart-from" in p.remedy for p in check_cohort(table, ingested=False))


def oriented(*codes: str | None):
    return table_of([row_of(Volume(f"v{i}", grey(i), facts={"orientation": code})) for i, code in enumerate(codes)])


def test_the_table_counts_orientations_where_one_is_known():
    rows = {row.name: row.lowest for row in cohort_rows(oriented("RAS", "RAS", None, "LPS"))}
    assert rows["orientation (x, y, z)"] == "RAS 2, LPS 1, unknown 1"
    assert "orientation (x, y, z)" not in {row.name for row in cohort_rows(oriented(None, None))}


@pytest.mark.parametrize(
    ("codes", "found"),
    [
        (("RAS", "RAS", "RAS"), []),
        ((None, None), []),
        (("RAS", None, "RAS"), [("v1", "does not say how its axes are oriented, those of the others are RAS")]),
        (("RAS", "PIR", "RAS"), [("v1", "of orientation PIR, where most are RAS")]),
    ],
)
def test_axes_that_do_not_point_the_same_way_are_a_warning(codes, found):
    told = [(p.where, p.what) for p in check_cohort(oriented(*codes)) if p.kind == "orientation"]
    assert [where for where, _ in told] == [where for where, _ in found]
    for (_, what), (_, expected) in zip(told, found, strict=True):
        assert expected in what


def test_volumes_oriented_otherwise_than_those_of_a_reference_are_a_warning():
    there = cohort_summary(oriented("RAS", "RAS"))
    assert [p.where for p in check_against(oriented("RAS", "LPS"), there, "R") if p.kind == "orientation"] == ["v1"]
    assert not [
        p for p in check_against(oriented("LPS"), {**there, "orientations": []}, "R") if p.kind == "orientation"
    ]
