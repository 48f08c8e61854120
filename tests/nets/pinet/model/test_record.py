"""What a model's record of its training data refuses."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tdaflow.nets.pinet.model.record import DataRecord, roughness

RECORD = DataRecord(
    data_set="set", licence="CC0", volumes_digest="d", n_train=10, n_val=5, shapes=((16, 16, 16),),
    spacing_low=(1.0, 1.0, 1.0), spacing_high=(1.0, 1.0, 2.0), minimum=(0.0, 10.0), maximum=(200.0, 255.0),
    intensity_range=(0.0, 255.0), roughness=(2.0, 5.0),
)  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "spacing", "extremes", "said"),
    [
        ((16, 16, 16), (1, 1, 1), (0, 255), None),
        ((16, 16, 16), (1, 1, 2.01), (-2, 257), None),
        ((16, 16, 17), (1, 1, 1), (0, 255), "shape 16×16×17, trained on 16×16×16"),
        ((16, 16, 16), (1, 1, 2.1), (0, 255), "spacing 1×1×2.1 mm"),
        ((16, 16, 16), (0.9, 1, 1), (0, 255), "spacing 0.9×1×1 mm"),
        ((16, 16, 16), (1, 1, 1), (0, 4095), "largest value 4095, trained on 200 to 255"),
        ((16, 16, 16), (1, 1, 1), (0, 1), "largest value 1,"),
        ((16, 16, 16), (1, 1, 1), (-1024, 255), "smallest value -1024"),
        ((16, 16, 16), (1, 1, 1), (float("nan"), 255), "smallest value nan"),
    ],
)
def test_a_volume_unlike_the_training_volumes_is_named(shape, spacing, extremes, said):
    found = RECORD.outside_by_header(shape, spacing, extremes)
    assert found is None if said is None else said in found


def test_noise_and_blur_are_told_by_the_differences_of_neighbours():
    ramp = np.broadcast_to(np.arange(16.0)[:, None, None] * 9, (16, 16, 16))
    assert roughness(ramp) == pytest.approx(3)
    assert RECORD.outside_by_voxels(ramp) is None
    assert "trained on 2 to 5" in RECORD.outside_by_voxels(ramp * 2)
    assert "trained on 2 to 5" in RECORD.outside_by_voxels(ramp * 0.5)


def test_a_record_survives_json():
    assert DataRecord.from_dict(json.loads(json.dumps(RECORD.to_dict()))) == RECORD
    assert DataRecord.from_dict(json.loads(json.dumps(replace(RECORD, n_val=6).to_dict()))) != RECORD
