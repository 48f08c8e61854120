"""What the metadata of an OME-Zarr image says."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.sources.ome_metadata import level_metadata

ZYX = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]


def multiscales(*levels, axes=ZYX, **more):
    """Metadata of an image whose levels are given as (path, transformations)."""
    datasets = [{"path": path, "coordinateTransformations": steps} for path, steps in levels]
    return [{"axes": axes, "datasets": datasets, **more}]


def scale(*values):
    return {"type": "scale", "scale": list(values)}


def translation(*values):
    return {"type": "translation", "translation": list(values)}


def test_the_transformations_of_all_levels_come_after_those_of_the_level():
    # x → 2x → 2x + 1 → 10(2x + 1) → 10(2x + 1) + 3
    shared = {"coordinateTransformations": [scale(10, 10, 10), translation(3, 3, 3)]}
    mm = [{"name": axis, "unit": "millimeter"} for axis in "zyx"]
    steps = [scale(2, 2, 2), translation(1, 1, 1), {"type": "identity"}]
    found = level_metadata({"ome": {"multiscales": multiscales(("0", steps), axes=mm, **shared)}}, 0)
    assert (found.spacing, found.translation) == ((20, 20, 20), (13, 13, 13))


@pytest.mark.parametrize(
    ("unit", "mm"),
    [("nanometer", 7e-6), ("micrometer", 0.007), ("µm", 0.007), ("millimeter", 7), ("centimeter", 70), (None, 7)],
)
def test_units_become_millimetres(unit, mm):
    axes = [{"name": axis, **({"unit": unit} if unit else {})} for axis in "zyx"]
    found = level_metadata({"ome": {"multiscales": multiscales(("0", [scale(7, 7, 7)]), axes=axes)}}, 0)
    assert (found.spacing, found.units) == ((mm,) * 3, (unit,) * 3)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ([], "no multiscales"),
        ([{"datasets": [], "axes": ZYX}], "list no datasets"),
        (multiscales(("0", [scale(1, 1, 1)]), axes=None), "names no axes"),
        (multiscales(("0", [scale(1, 1)]), axes=ZYX[1:]), "the axes y, x lack z: it is 2D, a volume is 3D"),
        (multiscales(("0", [scale(1, 1, 1)]), axes=["t", "y", "q"]), "the axes t, y, q lack z and x"),
        (multiscales(("0", [scale(1, 1, 1)]), axes=[*ZYX, ZYX[0]]), "have a name twice"),
        (multiscales(("0", [scale(1, 0, 1)])), "which must be positive"),
        (multiscales(("0", [scale(1, 1, -1)])), "which must be positive"),
        (multiscales(("0", [scale(1, 1, float("nan"))])), "not a list of 3 finite numbers"),
        (multiscales(("0", [scale(1, 1, 10**400)])), "not a list of 3 finite numbers"),
        (multiscales(("0", [scale(1, 1)])), "not a list of 3 finite numbers"),
        (multiscales(("0", [{"type": "affine", "affine": []}])), "is of type 'affine'"),
        (multiscales(("0", [])), "has no scale, so its spacing is unknown: set the spacing option"),
        (multiscales(("0", [scale(1, 1, 1)]), axes=[{"name": a, "unit": "pixel"} for a in "zyx"]), "unit 'pixel'"),
        (multiscales(("../scan.ome.zarr/0", [scale(1, 1, 1)])), "names no array inside the image"),
        (multiscales(("/0", [scale(1, 1, 1)])), "names no array inside the image"),
        ([{"axes": ZYX, "datasets": ["0"]}], "has the path None"),
    ],
)
def test_metadata_that_cannot_be_used_is_one_sentence(metadata, message):
    with pytest.raises(InputError, match=message) as caught:
        level_metadata({"ome": {"version": "0.5", "multiscales": metadata}}, 0)
    assert "\n" not in str(caught.value)


KEYS = ["multiscales", "datasets", "axes", "name", "unit", "path", "coordinateTransformations", "type", "scale", "ome"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats() | st.sampled_from(["0", "z", "scale", "micrometer"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4), JSON, JSON, JSON)
def test_metadata_of_any_content_is_read_or_refused(attributes, axes, steps, image):
    shaped = {"ome": {"multiscales": [{"axes": ZYX, "datasets": [{"path": "0", "coordinateTransformations": steps}]}]}}
    for candidate in (
        attributes,
        {"ome": {"multiscales": [image]}},
        {"multiscales": multiscales(("0", [scale(1, 1, 1)]), axes=axes)},
        shaped,
    ):
        with contextlib.suppress(InputError):
            assert all(s > 0 for s in level_metadata(candidate, 0).spacing)
