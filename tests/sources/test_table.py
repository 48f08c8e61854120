"""The CSV beside plain arrays."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.sources.cells import MISSING
from tdaflow.sources.table import Row, encode_labels, read_table


@pytest.fixture
def csv_file(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_all_columns(csv_file):
    table = read_table(
        csv_file(
            'id, label ,split,group,spacing_z,spacing_y,spacing_x,age\na,tumour,train,p1,2.5,1,1,61\n"b,2",,,,,,,\n'
        )
    )
    assert table.rows == (
        Row(2, "a", "tumour", "train", "p1", (2.5, 1.0, 1.0)),
        Row(3, "b,2", None, None, None, None),
    )
    assert table.ignored == ("age",)


def test_modalities_are_codes_in_capitals(csv_file):
    table = read_table(csv_file("id,modality\na, mr \nb,\n"))
    assert [row.modality for row in table.rows] == ["MR", None]
    assert table.ignored == ()


def test_spreadsheet_exports_are_read(csv_file):
    table = read_table(csv_file("id,label\r\nü,1\r\n\r\nb,2\r\n", encoding="utf-8-sig"))
    assert [(row.line, row.id) for row in table.rows] == [(2, "ü"), (4, "b")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has none of the columns id, label, split, group"),
        ("name,class\na,1\n", "has none of the columns"),
        ("id,label\n", "has no rows below its header"),
        ("id,label,label\na,1,2\n", "has the column 'label' more than once"),
        ("id,spacing_z\na,1\n", "must have all of spacing_z, spacing_y, spacing_x or none"),
        ("id,label\na,1\nb\n", "line 3 has another number of cells than the header"),
        ("id,label\na,1\nb,1,2\n", "line 3 has another number of cells than the header"),
        ("id,label\na,1\n,2\n", "line 3 has no id"),
        ("id\na\nb\na\n", "line 4 repeats the id 'a' of line 2"),
        ("id,split\na,train\nb,tran\n", "line 3 has split 'tran': write train, val, test"),
        ("spacing_z,spacing_y,spacing_x\n1,1,1\n1,0,1\n", r"line 3 has spacing \(1, 0, 1\): write three positive"),
        ("spacing_z,spacing_y,spacing_x\n1,,1\n", r"line 2 has spacing \(1, , 1\)"),
        ("spacing_z,spacing_y,spacing_x\n1,one,1\n", r"line 2 has spacing \(1, one, 1\)"),
        ("spacing_z,spacing_y,spacing_x\n1,nan,1\n", "line 2 has spacing"),
        ('id\n"a\n', "cannot be read as a UTF-8 CSV"),
    ],
)
def test_bad_tables_are_named_by_line(csv_file, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read_table(csv_file(text))
    assert "table.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_encodings_and_missing_files_are_one_sentence(csv_file, tmp_path):
    with pytest.raises(InputError, match="cannot be read as a UTF-8 CSV"):
        read_table(csv_file("id\nü\n", encoding="latin-1"))
    with pytest.raises(InputError, match=r"no table .*absent\.csv"):
        read_table(tmp_path / "absent.csv")


def test_integer_labels_sort_as_numbers_and_names_as_text():
    assert encode_labels(["10", "9", None, "09"]) == (("9", "10"), [1, 0, None, 0])
    assert encode_labels(["b", "a", "10", "9"]) == (("10", "9", "a", "b"), [3, 2, 0, 1])
    assert encode_labels([None]) == ((), [None])


def test_numbers_are_one_class_however_they_are_written_and_sort_as_numbers():
    assert encode_labels(["10", "1.0", "2", "1", "2.", "1.5", "1.50"]) == (
        ("1", "1.5", "2", "10"),
        [3, 0, 2, 0, 2, 1, 1],
    )
    assert encode_labels(["-1", "-1.5", "+1.0", ".5"]) == (("-1.5", "-1", "0.5", "1"), [1, 0, 3, 2])
    # Beside names, a code such as 01 stays what it is.
    assert encode_labels(["1.0", "1", "01", "b"]) == (("01", "1", "b"), [1, 1, 0, 2])


@pytest.mark.parametrize("word", sorted(MISSING))
def test_words_for_missing_values_are_empty_cells(csv_file, word):
    table = read_table(
        csv_file(f"id,label,split,group,spacing_z,spacing_y,spacing_x\na,{','.join([word] * 6)}\nb,x,val,g,1,1,1\n")
    )
    assert table.rows[0] == Row(2, "a", None, None, None, None)
    assert table.n_missing_words == (6 if word else 0)
    with pytest.raises(InputError, match="line 2 has no id"):
        read_table(csv_file(f"id,label\n{word},1\n"))


@pytest.mark.parametrize("word", ["none", "na", "N", "Nan", "--", "missing", "0"])
def test_other_words_are_classes(csv_file, word):
    assert read_table(csv_file(f"id,label\na, {word} \n")).rows[0].label == word


@pytest.mark.parametrize(
    ("split", "words"),
    [("train", "train Train TRAIN training"), ("val", "val VAL valid Validation"), ("test", "test Test TESTING")],
)
def test_splits_have_longer_names(csv_file, split, words):
    table = read_table(csv_file("\n".join(["id,split", *(f"{i},{word}" for i, word in enumerate(words.split()))])))
    assert {row.split for row in table.rows} == {split}


def test_groups_that_became_floats_are_the_same_group(csv_file):
    table = read_table(csv_file("id,group\n1.0,7\nb,7.0\nc,7.5\n"))
    assert [(row.id, row.group) for row in table.rows] == [("1.0", "7"), ("b", "7"), ("c", "7.5")]


@settings(max_examples=60)
@given(st.lists(st.one_of(st.none(), st.text(min_size=1, max_size=3))))
def test_codes_lead_back_to_labels(labels):
    names, codes = encode_labels(labels)
    assert len(set(names)) == len(names)
    for label, code in zip(labels, codes, strict=True):
        assert (code is None) == (label is None)
        if label is not None:
            assert names[code] == label or Decimal(names[code]) == Decimal(label)
