"""The real head CT: tilted gantry, slices of two thicknesses, one gap of 1 mm where they meet."""

import numpy as np
import pytest

from tdaflow.sources import Rejected, Volume
from tdaflow.sources.dicom import Dicom

pytestmark = pytest.mark.realdata


@pytest.fixture
def ge(data_dir, tmp_path):
    return lambda **options: Dicom(data_dir / "dicom" / "ge_head_ct", tmp_path / "id.key", canonical=False, **options)


def test_it_is_rejected_for_its_tilt_and_its_gaps(ge):
    (item,) = ge().volumes()
    assert isinstance(item, Rejected)
    assert item.reason == (
        f"series {item.id} is sheared by a gantry tilt of 18.5 degrees and has uneven gaps of 1.08 to 7.00 mm between "
        "slices: give --allow-uneven (--set data.allow_uneven=true) to resample it to an even, upright grid"
    )
    assert "1 of 1 series cannot be used: gantry tilt and uneven spacing 1" in ge().describe().notes


def test_resampled_it_is_an_upright_head_in_hounsfield_units(ge, data_dir):
    import pydicom

    (volume,) = ge(allow_uneven=True).volumes()
    assert isinstance(volume, Volume)
    assert volume.voxels.dtype == np.int16
    assert volume.voxels.shape == (37, 611, 512)
    assert volume.spacing == pytest.approx((4.0025, 0.48828, 0.48828), abs=1e-4)
    assert volume.facts["resampled"]["tilt_degrees"] == pytest.approx(18.5, abs=0.01)  # as GantryDetectorTilt says
    assert volume.facts["resampled"]["gaps_before_mm"] == [1.0811, 4.0019, 6.9986]
    assert volume.facts["padding"] == {"voxels": 28 * 62180, "replaced_by": -1023}
    # Air, brain and bone are where they should be in HU; the scanner's padding of -1500 is gone.
    assert volume.voxels.min() == -1023
    assert -1024 <= np.median(volume.voxels[:, :50]) <= -950
    assert 20 <= np.median(volume.voxels[18, 280:330, 200:300]) <= 50
    assert volume.voxels.max() > 1500
    # The first slice is where it was, unchanged: it begins the canvas from which the others are displaced.
    first = pydicom.dcmread(data_dir / "dicom" / "ge_head_ct" / "01.dcm").pixel_array
    head = first > -1500
    shift = np.argmax((volume.voxels[0] > -1023).any(axis=1)) - np.argmax((first > -1023).any(axis=1))
    np.testing.assert_allclose(volume.voxels[0, shift : shift + 512][head].mean(), first[head].mean(), atol=1)


def test_head_bones_line_up_between_slices_better_than_before(ge, data_dir):
    import pydicom

    (volume,) = ge(allow_uneven=True).volumes()
    files = sorted((data_dir / "dicom" / "ge_head_ct").glob("*.dcm"))
    stored = np.stack([pydicom.dcmread(file).pixel_array for file in files])

    def drift_mm(voxels):
        """How far the middle of the bone's rows moves from the lower to the upper half of the head."""
        rows = [np.argwhere(plane > 300)[:, 0] for plane in voxels]
        middles = [(r.min() + r.max()) / 2 for r in rows if len(r)]
        half = len(middles) // 2
        return abs(np.mean(middles[half:]) - np.mean(middles[:half])) * 0.488

    assert drift_mm(volume.voxels) < drift_mm(stored)
