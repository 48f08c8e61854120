"""Plain NumPy arrays with a table."""

import json

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.sources import Arrays, Rejected, Source

N = 4
STACK = np.arange(N * 2 * 3 * 4, dtype=np.int16).reshape(N, 2, 3, 4)


@pytest.fixture
def save(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if isinstance(content, str):
            path.write_text(content)
        elif isinstance(content, dict):
            np.savez_compressed(path, **content)
        else:
            np.save(path, content)
        return path

    return write


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "float16", "float64", ">i4"])
def test_a_npy_stack_needs_no_table(save, dtype):
    stack = (STACK % 5 > 1).astype(dtype)
    source = Arrays(save("scans.npy", stack), spacing=(3, 1, 1))
    assert isinstance(source, Source)
    info, items = source.describe(), list(source.volumes())
    assert (info.name, info.n_volumes, info.shape, info.dtype) == ("scans", 4, (2, 3, 4), np.dtype(dtype).name)
    assert (info.class_names, info.splits, info.class_counts) == ((), {"unassigned": 4}, {})
    assert [item.id for item in items] == ["scans/00000", "scans/00001", "scans/00002", "scans/00003"]
    assert np.array_equal([item.voxels for item in items], stack)
    assert {(item.spacing, item.label, item.split, item.group) for item in items} == {((3, 1, 1), None, None, None)}


def test_rows_of_the_table_are_the_volumes_in_order(save):
    table = save(
        "t.csv",
        "id,label,split,group,spacing_z,spacing_y,spacing_x\n"
        "w,tumour,train,p1,5,1,1\nx,healthy,test,p2,5,1,1\ny,tumour,test,p1,,,\nz,,val,,2,1,1\n",
    )
    source = Arrays(save("s.npy", STACK), table, spacing=(1, 2, 2))
    info, items = source.describe(), list(source.volumes())
    assert info.class_names == ("healthy", "tumour")
    assert info.splits == {"train": 1, "val": 1, "test": 2}
    assert info.class_counts == {"train": (0, 1), "val": (0, 0), "test": (1, 1)}
    assert info.notes == ("1 group has volumes in more than one split, the first is 'p1'",)
    assert [(i.id, i.label, i.split, i.group, i.spacing) for i in items] == [
        ("w", 1, "train", "p1", (5, 1, 1)),
        ("x", 0, "test", "p2", (5, 1, 1)),
        ("y", 1, "test", "p1", (1, 2, 2)),
        ("z", None, "val", None, (2, 1, 1)),
    ]


@pytest.mark.parametrize("labels", [[3, 10, 3, 10], [[3], [10], [3], [10]], ["3", "10", "3", "10"]])
def test_labels_may_lie_in_the_npz(save, labels):
    source = Arrays(save("s.npz", {"images": STACK, "labels": np.array(labels)}))
    assert source.describe().class_names == ("3", "10")
    assert [item.label for item in source.volumes()] == [0, 1, 0, 1]


@pytest.mark.parametrize("key", ["images", "volumes", "arr_0", "anything"])
def test_the_stack_is_found_by_its_usual_or_only_key(save, key):
    assert Arrays(save("s.npz", {key: STACK, "labels": np.arange(N)})).describe().n_volumes == N


def test_a_key_chooses_among_several(save):
    path = save("s.npz", {"ct": STACK, "mr": STACK + 1})
    assert np.array_equal([v.voxels for v in Arrays(path, key="mr").volumes()], STACK + 1)
    for key in (None, "pet"):
        with pytest.raises(InputError, match=r"no array called .* \(it has ct, mr\): name one with --set data.key"):
            Arrays(path, key=key).describe()


def test_medmnists_layout_is_read_with_any_counts(save):
    path = save(
        "part.npz",
        {"train_images": STACK, "train_labels": [0, 1, 0, 1], "test_images": STACK[:1], "test_labels": [[1]]},
    )
    source = Arrays(path)
    assert source.describe().splits == {"train": 4, "test": 1}
    assert [(v.id, v.label, v.split) for v in source.volumes(3)] == [
        ("part/00003", 1, "train"),
        ("part/00004", 1, "test"),
    ]


def test_a_folder_holds_one_volume_a_file_of_any_shape(save, tmp_path):
    for name, array in {"b": STACK[0], "a": STACK[1, :, :2], "c": np.asfortranarray(STACK[2])}.items():
        save(f"scans/{name}.npy", array)
    save("scans/notes.txt", "not a volume")
    table = save("t.csv", "id,label\nb,1\nc,0\na,0\n")
    source = Arrays(tmp_path / "scans", table)
    info, items = source.describe(), list(source.volumes())
    assert (info.name, info.n_volumes, info.shape, info.dtype) == ("scans", 3, None, "int16")
    assert [(i.id, i.label, i.voxels.shape) for i in items] == [
        ("a", 0, (2, 2, 4)),
        ("b", 1, (2, 3, 4)),
        ("c", 0, (2, 3, 4)),
    ]
    assert np.array_equal(items[2].voxels, STACK[2])


def test_a_bad_file_in_a_folder_is_rejected_alone(save, tmp_path):
    save("scans/good.npy", STACK[0])
    save("scans/flat.npy", STACK[0, 0])
    save("scans/objects.npy", np.array([[[None]]]))
    path = save("scans/short.npy", STACK[0])
    path.write_bytes(path.read_bytes()[:-5])
    source = Arrays(tmp_path / "scans")
    assert source.describe().notes == (f"3 of 4 files in {tmp_path / 'scans'} cannot be used",)
    reasons = {item.id: item.reason for item in source.volumes() if isinstance(item, Rejected)}
    assert reasons.keys() == {"flat", "objects", "short"}
    assert "2 dimensions" in reasons["flat"]
    assert "never unpickled" in reasons["objects"]
    assert "truncated" in reasons["short"]


def test_bad_volumes_of_a_stack_are_rejected_alone(save):
    stack = STACK.astype(float)
    stack[0, 0, 0, 0], stack[1, 0, 0, 0], stack[2] = np.nan, np.inf, 1
    items = list(Arrays(save("s.npz", {"images": stack, "labels": [0, 0, 1, 1]})).volumes())
    assert [isinstance(item, Rejected) for item in items] == [True, True, True, False]
    assert [item.label for item in items] == [0, 0, 1, 1]
    empty = list(Arrays(save("e.npy", np.zeros((2, 0, 3, 3)))).volumes())
    assert [item.reason for item in empty] == ["the volume is empty, its shape is (0, 3, 3)"] * 2


def test_limit_takes_the_first_of_each_split_and_keeps_the_classes(save):
    table = save("t.csv", "label,split\na,train\nb,train\nc,test\nd,test\n")
    source = Arrays(save("s.npy", STACK), table, limit=1)
    assert source.describe().class_names == ("a", "b", "c", "d")
    assert [(item.id, item.label) for item in source.volumes()] == [("s/00000", 0), ("s/00002", 2)]


@pytest.mark.parametrize("name", ["s.npy", "s.npz"])
def test_start_skips(save, name):
    source = Arrays(save(name, STACK if name == "s.npy" else {"images": STACK}))
    whole = [item.id for item in source.volumes()]
    for start in range(N + 2):
        assert [item.id for item in source.volumes(start)] == whole[start:]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (STACK[0], r"has 3 dimensions \(2, 3, 4\), expected 4 \(volume, z, y, x\)"),
        (STACK[0, 0], "has 2 dimensions"),
        (STACK[..., None].repeat(2, -1), "has 5 dimensions"),
        (STACK.astype(complex), "is of type complex128"),
        (STACK.astype(str), "is of type <U"),
        (np.full((2, 2, 2, 2), None), "holds Python objects, which are never unpickled"),
        (STACK[:0], "holds no volumes"),
    ],
)
@pytest.mark.parametrize("form", ["npy", "npz"])
def test_unusable_stacks_are_one_sentence(save, content, message, form):
    source = Arrays(save(f"s.{form}", content if form == "npy" else {"images": content}))
    with pytest.raises(InputError, match=message) as caught:
        source.describe()
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=message):
        next(source.volumes())


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 1], r"\['labels'\] has shape \(3,\) but .* has 4 volumes: one label for each"),
        (np.eye(4, dtype=int), "one label for each"),
        ([0.0, 1.0, 1.0, 0.5], "is of type float64: labels are integers or strings"),
        (np.array(["a", "b", None, 1], dtype=object), "never unpickled"),
    ],
)
def test_unusable_labels_are_one_sentence(save, labels, message):
    with pytest.raises(InputError, match=message):
        Arrays(save("s.npz", {"images": STACK, "labels": labels})).describe()


def test_table_and_arrays_must_pair_up(save, tmp_path):
    short = save("short.csv", "label\n1\n")
    with pytest.raises(InputError, match=r"short\.csv has 1 row but .*s\.npy has 4 volumes"):
        Arrays(save("s.npy", STACK), short).describe()
    save("scans/a.npy", STACK[0])
    with pytest.raises(InputError, match="has no id column"):
        Arrays(tmp_path / "scans", short).describe()
    with pytest.raises(InputError, match=r"no row for .*a\.npy: add one with id 'a'"):
        Arrays(tmp_path / "scans", save("t.csv", "id\nb\n")).describe()
    with pytest.raises(InputError, match=r"line 3 names 'b' but .* has no b\.npy"):
        Arrays(tmp_path / "scans", save("t.csv", "id\na\nb\n")).describe()


def test_labels_and_splits_are_given_once(save):
    labels = save("t.csv", "label\n1\n1\n1\n1\n")
    with pytest.raises(InputError, match=r"labels are in the \.npz and in"):
        Arrays(save("s.npz", {"images": STACK, "labels": [0, 1, 2, 3]}), labels).describe()
    splits = save("t.csv", "split\ntest\ntest\ntest\ntest\n")
    with pytest.raises(InputError, match=r"splits are in the \.npz and in"):
        Arrays(save("s.npz", {"train_images": STACK}), splits).describe()


def test_missing_and_foreign_files_are_named(save, tmp_path):
    for path in (tmp_path / "absent.npz", tmp_path / "absent"):
        for method in ("describe", "fingerprint"):
            with pytest.raises(InputError, match=r"no file or folder .*absent"):
                getattr(Arrays(path), method)()
    with pytest.raises(InputError, match=r"is not \.npy, \.npz or a folder"):
        Arrays(save("s.txt", "1 2 3")).describe()
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match=r"has no \.npy files"):
        Arrays(tmp_path / "nothing").describe()
    with pytest.raises(InputError, match=r"is not a complete \.npz"):
        Arrays(save("s.npz", "not a zip")).describe()
    stack = save("s.npy", STACK)
    for method in ("describe", "fingerprint"):
        with pytest.raises(InputError, match=r"absent\.csv"):
            getattr(Arrays(stack, tmp_path / "absent.csv"), method)()


def test_paths_may_be_strings(save, tmp_path):
    path, table = save("s.npy", STACK), save("t.csv", "id\na\nb\nc\nd\n")
    assert Arrays(str(path), str(table)) == Arrays(path, table)


@pytest.mark.parametrize("spacing", [(1, 1), (1, 1, 0), (1, 1, -1), (1, 1, float("nan"))])
def test_spacing_is_three_positive_numbers(spacing):
    with pytest.raises(InputError, match="must be three positive numbers"):
        Arrays("s.npy", spacing=spacing)


def test_the_fingerprint_follows_every_file_and_no_folder_name(save, tmp_path):
    table = save("t.csv", "label\n1\n2\n3\n4\n")
    source = Arrays(save("s.npy", STACK), table)
    before = source.fingerprint()
    assert json.loads(json.dumps(before)) == before
    assert before["files"].keys() == {"s.npy", "table:t.csv"}
    assert str(tmp_path) not in json.dumps(before)
    table.write_text("label\n1\n2\n3\n44\n")
    assert source.fingerprint() != before


def test_a_folder_grows_and_a_stack_says_that_it_cannot(save, tmp_path, assert_grows):
    folder = tmp_path / "cohort"
    folder.mkdir()
    for name, voxels in zip("bd", STACK, strict=False):
        np.save(folder / f"{name}.npy", voxels)
    assert_grows(Arrays(folder), lambda: [np.save(folder / f"{name}.npy", STACK[2]) for name in "ac"])
    with pytest.raises(InputError, match=r"all volumes are in the one file s\.npy"):
        Arrays(save("s.npy", STACK)).members()


def test_the_table_may_name_modalities(save):
    table = save("m.csv", "label,modality\n0,MR\n1,\n0,mr\n1,\n")
    info = Arrays(save("s.npy", STACK), table).describe()
    assert (info.modality, info.modalities) == ("MR", {"MR": 2})


def test_words_for_missing_values_are_no_classes_and_no_groups(tmp_path):
    stack = np.arange(3 * 8).reshape(3, 2, 2, 2)
    np.savez(tmp_path / "s.npz", images=stack, labels=np.array(["1.0", "nan", "1"]))
    assert [item.label for item in Arrays(tmp_path / "s.npz").volumes()] == [0, None, 0]
    np.save(tmp_path / "s.npy", stack)
    (tmp_path / "t.csv").write_text("label,group\nx,NA\nNA,NA\ny,p1\n")
    source = Arrays(tmp_path / "s.npy", tmp_path / "t.csv")
    assert [(item.label, item.group) for item in source.volumes()] == [(0, None), (None, None), (1, "p1")]
    assert source.describe().notes == ("3 cells of t.csv say NA, None or the like and are taken as empty",)
