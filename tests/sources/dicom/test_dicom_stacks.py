"""Which images of a series belong together: stacks that overlap are several volumes, stacks side by side are one."""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.sources import Rejected, Volume
from tdaflow.sources.dicom.header import DIVIDERS

N = 6
VALUES = {
    "EchoNumbers": (1, 2, 3),
    "EchoTime": (4.6, 9.2, 13.8),
    "DiffusionBValue": (0.0, 500.0, 1000.0),
    "DiffusionGradientOrientation": ([0, 0, 1.0], [0, 1.0, 0], [1.0, 0, 0]),
    "TemporalPositionIdentifier": (1, 2, 3),
    "TriggerTime": (0.0, 41.5, 83.0),
    "ImageType": (["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"], ["DERIVED", "SECONDARY", "ADC"]),
    "ConvolutionKernel": ("B30f", "B70f", "B80f"),
    "StackID": ("1", "2", "3"),
    "SliceThickness": (1.0, 2.0, 5.0),
    "AcquisitionNumber": (1, 2, 3),
}


@pytest.fixture
def write_stacks(write, stored):
    """Writer of stacks with a value of a tag each, numbered one after the other, at heights from an offset each."""

    def write_all(tag, offsets, volumes=None, numbers=None, **tags):
        for t, offset in enumerate(offsets):

            def edit(data, k, t=t):
                data.InstanceNumber = N * t + k + 1 if numbers is None else numbers(t, k)
                data.SOPInstanceUID = f"1.2.3.{t}.{k + 1}"
                if tag is not None:
                    setattr(data, tag, VALUES[tag][t])
                # Names that mix the stacks.
                return f"{k}-{t}.dcm"

            voxels = stored + 1000 * t if volumes is None else volumes[t]
            write(voxels, heights=offset + 2.0 * np.arange(N), edit=edit, **tags)

    return write_all


def test_every_tag_is_tried():
    assert set(VALUES) == set(DIVIDERS)


@pytest.mark.parametrize(
    ("tag", "offset"),
    # The same places; with one tag also midway, anywhere, and a part of the way.
    [*((tag, 0.0) for tag in DIVIDERS), ("AcquisitionNumber", 1.0), ("TriggerTime", 0.7), ("EchoTime", 5.0)],
)
def test_stacks_that_overlap_are_volumes_of_their_own(write_stacks, source, stored, tag, offset):
    write_stacks(tag, (0.0, offset))
    (refused,) = source().volumes()
    assert isinstance(refused, Rejected)
    assert f"2 stacks of slices that overlap, told apart by {tag}: take each as a volume with --set" in refused.reason
    volumes = list(source(split_time=True).volumes())
    assert [volume.id for volume in volumes] == [f"{refused.id}/t0000", f"{refused.id}/t0001"]
    for t, volume in enumerate(volumes):
        np.testing.assert_array_equal(volume.voxels, stored.astype(int) + 1000 * t - 1024)
        assert (volume.spacing, volume.group) == ((2.0, 0.5, 0.25), refused.group)
        assert volume.facts["divided_by"] == [tag]
        assert volume.facts["affine"][2][3] == pytest.approx(t * offset)
        (chosen,) = source(volume_index=t).volumes()
        assert chosen.id == refused.id
        np.testing.assert_array_equal(chosen.voxels, volume.voxels)
    (beyond,) = source(volume_index=2).volumes()
    assert beyond.reason.endswith("holds 2 stacks: data.volume_index=2 is not among them")
    notes = source(split_time=True).describe().notes
    assert f"series are divided into their stacks by these tags, with the number of volumes: {tag} 2" in notes


@pytest.mark.parametrize("tag", ["EchoNumbers", "AcquisitionNumber"])
def test_stacks_side_by_side_go_on_being_one_volume(write_stacks, only, tag):
    write_stacks(tag, (0.0, 2.0 * N))
    assert only().voxels.shape == (2 * N, 4, 5)


@pytest.mark.parametrize(
    ("tag", "value", "alternates"),
    [
        ("TriggerTime", lambda k: k, False),  # every slice has its own
        ("AcquisitionNumber", lambda k: k, False),
        ("AcquisitionNumber", lambda k: k // 2, False),  # a step of the table
        ("AcquisitionNumber", lambda k: k % 2, True),  # packages of interleaved slices
        ("TriggerTime", lambda k: k % 3, True),  # multiband
    ],
)
def test_a_tag_of_slices_does_not_divide_a_stack(write, source, stored, tag, value, alternates):
    write(stored, edit=lambda data, k: setattr(data, tag, 1 + value(k)))
    (volume,) = source().volumes()
    np.testing.assert_array_equal(volume.voxels, stored.astype(int) - 1024)
    joined = [note for note in source().describe().notes if "InstanceNumber counts through them" in note]
    assert [note[-len(tag) - 2 :] for note in joined] == [f"{tag} 1"] * alternates


def test_trigger_times_of_multiband_slices_do_not_divide_a_time_series(write_stacks, source, stored, write):
    for t in range(3):

        def edit(data, k, t=t):
            data.InstanceNumber, data.SOPInstanceUID = N * t + k + 1, f"1.2.3.{t}.{k + 1}"
            data.TriggerTime = 10.0 * (k % 3)
            return f"{t}-{k}.dcm"

        write(stored + t, edit=edit)
    volumes = list(source(split_time=True).volumes())
    assert [volume.voxels.shape for volume in volumes] == [stored.shape] * 3
    assert volumes[0].facts["divided_by"] == ["InstanceNumber"]


def test_two_tags_at_once(write, source, stored):
    for t in range(4):

        def edit(data, k, t=t):
            data.InstanceNumber, data.SOPInstanceUID = 1 + k * 4 + t, f"1.2.3.{t}.{k + 1}"
            data.EchoTime, data.ImageType = (4.6, 9.2)[t // 2], VALUES["ImageType"][t % 2]
            return f"{k}-{t}.dcm"

        write(stored + 1000 * t, edit=edit, heights=(t % 2) + 2.0 * np.arange(N))
    (refused,) = source().volumes()
    assert "holds 4 stacks of slices that overlap, told apart by EchoTime and ImageType" in refused.reason
    for t, volume in enumerate(source(split_time=True).volumes()):
        np.testing.assert_array_equal(volume.voxels, stored.astype(int) + 1000 * t - 1024)


@pytest.mark.parametrize("by_place", [False, True])
def test_time_points_that_only_their_numbers_tell_apart(write_stacks, source, stored, by_place):
    write_stacks(None, (0.0, 0.0, 0.0), numbers=lambda t, k: 3 * k + t + 1 if by_place else N * t + k + 1)
    assert "told apart by InstanceNumber:" in next(source().volumes()).reason
    for t, volume in enumerate(source(split_time=True).volumes()):
        np.testing.assert_array_equal(volume.voxels, stored.astype(int) + 1000 * t - 1024)


def test_a_stack_that_is_no_volume_is_refused_alone(write_stacks, folder, source):
    write_stacks("EchoNumbers", (0.0, 0.0))
    (folder / "2-1.dcm").unlink()
    good, bad = source(split_time=True).volumes()
    assert isinstance(good, Volume)
    # InstanceNumber has a gap there, too.
    assert "lacks 1 slice" in bad.reason


def test_stacks_of_other_pixel_spacing_and_unit(write, source, stored):
    def edit(data, k):
        data.SOPInstanceUID, data.ConvolutionKernel, data.PixelSpacing = f"1.2.3.{k + 1}", "B70f", [1.0, 1.0]
        return f"b{k}.dcm"

    write(stored, ConvolutionKernel="B30f")
    write(stored, edit=edit)
    assert [volume.spacing for volume in source(split_time=True).volumes()] == [(2.0, 0.5, 0.25), (2.0, 1.0, 1.0)]


def test_a_row_of_the_labels_is_one_of_all_stacks_or_of_one(write_stacks, source, tmp_path):
    write_stacks("EchoNumbers", (0.0, 0.0, 0.0))
    identity = next(source().volumes()).id
    table = tmp_path / "labels.csv"
    table.write_text(f"id,label,split\n{identity},healthy,train\n{identity}/t0001,bleeding,train\n")
    labelled = source(labels=table, split_time=True)
    assert [labelled.describe().class_names[volume.label] for volume in labelled.volumes()] == [
        "healthy", "bleeding", "healthy",
    ]  # fmt: skip
    assert {volume.split for volume in labelled.volumes()} == {"train"}


def test_the_private_map_has_every_file_of_a_divided_series(write_stacks, source):
    write_stacks("EchoNumbers", (0.0, 0.0))
    assert [row[1] for row in source(split_time=True).private_map()] == list(range(1, 2 * N + 1))
    assert sorted({row[0][-6:] for row in source(split_time=True).private_map()}) == ["/t0000", "/t0001"]
    assert [row[0] for row in source(volume_index=0).private_map()].count("") == N


def test_only_one_of_the_two_options():
    from tdaflow.sources import Dicom

    with pytest.raises(InputError, match="give one of the two"):
        Dicom("x", split_time=True, volume_index=0)
    with pytest.raises(InputError, match="volume_index=-1 must be 0 or more"):
        Dicom("x", volume_index=-1)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n=st.integers(2, 7),
    offsets=st.lists(st.floats(0, 1.9), min_size=2, max_size=3),
    tag=st.sampled_from(DIVIDERS),
    order=st.randoms(use_true_random=False),
)
def test_no_volume_ever_has_slices_of_two_stacks(one_slice, tmp_path, n, offsets, tag, order):
    """Whatever the offsets, the tag and the order of files: each stack whole, or a refusal."""
    import shutil

    from tdaflow.sources import Dicom

    folder = tmp_path / "images"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    names = list(range(n * len(offsets)))
    order.shuffle(names)
    for t, offset in enumerate(offsets):
        for k in range(n):
            plane = np.arange(20, dtype=np.uint16).reshape(4, 5) + 1000 * (t + 1) + 50 * k
            data = one_slice(plane, (0, 0, round(offset + 2.0 * k, 4)), instance=n * t + k + 1, **{tag: VALUES[tag][t]})
            data.save_as(folder / f"{names.pop()}.dcm", enforce_file_format=True)
    (refused,) = Dicom(folder, tmp_path / "id.key").volumes()
    assert isinstance(refused, Rejected)
    volumes = list(Dicom(folder, tmp_path / "id.key", split_time=True, canonical=False).volumes())
    assert len(volumes) == len(offsets)
    for t, volume in enumerate(volumes):
        assert isinstance(volume, Volume)
        assert len(volume.voxels) == n
        assert ((volume.voxels + 1024) // 1000 == t + 1).all()


WAYS = {
    "number": lambda t, k: {"InstanceNumber": N * t + k + 1},
    "number, back": lambda t, k: {"InstanceNumber": N * t + (N - k if t else k + 1)},
    "number, from the top": lambda t, k: {"InstanceNumber": N * t + N - k},
    "counted anew": lambda t, k: {"InstanceNumber": k + 1},
    "time": lambda t, k: {"InstanceNumber": 1, "AcquisitionTime": f"1010{10 + N * t + k}.5"},
    "no number": lambda t, k: {"InstanceNumber": None, "ContentTime": f"1010{10 + N * t + k}"},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("offset", [1.0, 0.7, -1.0])
def test_passes_that_only_their_order_tells_apart(write, source, stored, way, offset):
    for t in range(2):

        def edit(data, k, t=t):
            data.SOPInstanceUID = f"1.2.3.{t}.{k + 1}"
            for tag, value in WAYS[way](t, k).items():
                setattr(data, tag, value)
            return f"{k}-{t}.dcm"

        write(stored + 1000 * t, heights=t * offset + 2.0 * np.arange(N), edit=edit)
    (refused,) = source(allow_uneven=True).volumes()
    by = "AcquisitionTime" if way in ("time", "no number") else "InstanceNumber"
    assert f"holds 2 stacks of slices that overlap, told apart by {by}: take each" in refused.reason
    assert refused.reason.endswith("or, if it is one interleaved acquisition, number its images by position")
    volumes = list(source(split_time=True).volumes())
    low = {int(volume.voxels.min()) for volume in volumes}
    assert low == {-24, 976}
    for volume in volumes:
        np.testing.assert_array_equal(volume.voxels, stored.astype(int) - 1024 + 1000 * (volume.voxels.min() > 0))


@pytest.mark.parametrize("times", ["interleaved", "of position", "two passes", None])
@pytest.mark.parametrize("upwards", [True, False])
def test_an_interleaved_acquisition_that_is_numbered_by_position_is_one_volume(write, only, stored, times, upwards):
    moments = {"interleaved": [0, 3, 1, 4, 2, 5], "of position": range(N), "two passes": [0, 5, 1, 4, 2, 3]}

    def edit(data, k):
        data.InstanceNumber = k + 1 if upwards else N - k
        if times is not None:
            data.AcquisitionTime = f"1010{10 + moments[times][k]}"

    write(stored, edit=edit)
    np.testing.assert_array_equal(only().voxels, stored.astype(int) - 1024)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# The second pass begins nearly where the first would go on.
@example(n=3, passes=2, offsets=[1.890625, 1.0], jitter=0.0, back=[False, True, False], order=random.Random(0))
@given(
    n=st.integers(3, 9),
    passes=st.integers(2, 3),
    offsets=st.lists(st.floats(0.1, 1.9), min_size=2, max_size=2, unique_by=lambda v: round(v, 1)),
    jitter=st.sampled_from([0.0, 0.0, 0.3]),
    back=st.lists(st.booleans(), min_size=3, max_size=3),
    order=st.randoms(use_true_random=False),
)
def test_whatever_passes_are_never_joined_and_one_stack_never_divided(n, passes, offsets, jitter, back, order):
    """Synthetic headers alone, of which `divide` makes the stacks; jitter only of many slices."""
    from dataclasses import dataclass

    from tdaflow.sources.dicom.stacks import divide

    @dataclass(frozen=True)
    class Header:
        position: tuple
        instance: int
        sop: str
        orientation: tuple = (1.0, 0, 0, 0, 1.0, 0)
        frame: int = 0
        time: float | None = None
        marks: tuple = (None,) * len(DIVIDERS)

        @property
        def order(self):
            return self.instance, 0

    jitter = jitter if n * passes >= 8 and passes == 2 and not any(back) else 0.0
    heights = [
        [offset + 2.0 * k + order.uniform(-jitter, jitter) for k in range(n)][:: -1 if turned else 1]
        for offset, turned in zip((0.0, *offsets)[:passes], back, strict=False)
    ]
    images = [Header((0, 0, h), n * t + k, f"{t}.{k}") for t, hs in enumerate(heights) for k, h in enumerate(hs)]
    order.shuffle(images)
    division = divide(images)
    assert sorted(sorted(int(i.sop[0]) for i in stack) for stack in division.stacks) == [[t] * n for t in range(passes)]
    assert division.tags == ("InstanceNumber",)
    by_place = sorted(images, key=lambda image: image.position)
    one = divide([Header(i.position, k, i.sop, time=float(i.instance)) for k, i in enumerate(by_place)])
    assert len(one.stacks) == 1
