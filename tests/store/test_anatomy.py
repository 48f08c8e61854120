"""Where stored voxels are in the body, and volumes turned for a reader."""

import itertools
import json

import numpy as np
import pytest

from tdaflow.preprocessing import CropPad, Preprocessing, Resample
from tdaflow.store.anatomy import Anatomy

SPACING = (3.0, 2.0, 1.0)
ALL = [
    "".join(pair[sign] for pair, sign in zip(order, signs, strict=True))
    for order in itertools.permutations(("LR", "PA", "IS"))
    for signs in itertools.product((0, 1), repeat=3)
]


def affine_of(codes: str, spacing=SPACING) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, (code, edge) in enumerate(zip(codes, spacing[::-1], strict=True)):
        row = next(i for i, pair in enumerate(("LR", "PA", "IS")) if code in pair)
        affine[row, column] = edge if code in "RAS" else -edge
    affine[:3, 3] = (5, -7, 11)
    return affine


def told(codes: str, **more) -> str:
    return json.dumps({"orientation": codes, "affine": affine_of(codes).tolist(), **more})


@pytest.mark.parametrize("codes", ALL)
def test_every_volume_is_turned_to_radiological_axial_slices(codes):
    shape = (4, 5, 6)
    anatomy = Anatomy.of(told(codes), SPACING)
    # Every voxel holds its own world coordinates.
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)[..., ::-1]
    world = index @ anatomy.affine[:3, :3].T + anatomy.affine[:3, 3]

    right, anterior, superior = (anatomy.upright(world[..., k]) for k in range(3))

    assert anatomy.letters == ("R", "L", "A", "P")
    assert (np.diff(superior, axis=0) > 0).all()
    assert (np.diff(anterior, axis=1) < 0).all()
    assert (np.diff(right, axis=2) < 0).all()
    edges = np.abs([np.diff(superior, axis=0)[0, 0, 0], np.diff(anterior, axis=1)[0, 0, 0], np.diff(right)[0, 0, 0]])
    assert anatomy.upright_spacing(SPACING) == pytest.approx(tuple(edges))
    assert anatomy.turned(shape).height(superior.shape, 2) == pytest.approx(superior[2].mean())


@pytest.mark.parametrize("codes", ALL)
def test_points_turn_with_their_voxels(codes):
    anatomy, shape = Anatomy.of(told(codes), SPACING), np.array([4, 5, 6])
    marked = np.zeros(shape)
    marked[1, 3, 2] = 1

    (point,) = anatomy.upright_points(np.array([[1, 3, 2]]) * np.array(SPACING), (shape - 1) * np.array(SPACING))

    (voxel,) = np.argwhere(anatomy.upright(marked))
    assert point == pytest.approx(voxel * np.array(anatomy.upright_spacing(SPACING)))


@pytest.mark.parametrize("facts", ["", "{}", "[1]", "no json", '{"orientation": null, "affine": null}'])
def test_an_unknown_orientation_turns_nothing_and_has_no_letters(facts):
    anatomy, volume = Anatomy.of(facts, SPACING), np.arange(24).reshape(2, 3, 4)

    assert anatomy.letters is None
    assert anatomy.upright(volume).tolist() == volume.tolist()
    assert anatomy.upright_spacing(SPACING) == SPACING
    assert anatomy.turned(volume.shape).height(volume.shape, 0) is None


def test_voxels_stay_in_place_through_the_preprocessing():
    shape = (12, 10, 8)
    ramp = np.broadcast_to(np.arange(12.0)[:, None, None], shape)  # linear, so that resampling keeps its values inside
    steps = Preprocessing((Resample(shape=(6, 10, 8), antialias=False), CropPad(shape=(4, 0, 0))))

    made, spacing, done = steps.apply(ramp, SPACING)

    anatomy = Anatomy.of(told("RAS", preprocessing=done), spacing)
    heights = [anatomy.height(made.shape, z) for z in range(len(made))]
    assert heights == pytest.approx((11 + 3.0 * made[:, 0, 0]).tolist())


def test_a_size_that_a_manifest_corrects_counts():
    assert Anatomy.of(told("LPS"), (4.0, 2.0, 1.0)).affine[2, 2] == 4


def test_the_tilt_is_that_of_the_axis_farthest_off():
    turn = np.radians(12)
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    facts = json.dumps({"orientation": "RAS", "affine": affine.tolist()})

    assert Anatomy.of(facts, (1.0, 1.0, 1.0)).tilt == pytest.approx(12)
