"""The CSV beside plain arrays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
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


@settings(max_examples=60)
@given(st.lists(st.one_of(st.none(), st.text(min_size=1, max_size=3))))
def test_codes_lead_back_to_labels(labels):
    names, codes = encode_labels(labels)
    assert len(set(names)) == len(names)
    for label, code in zip(labels, codes, strict=True):
        assert (code is None) == (label is None)
        if label is not None:
            assert names[code] == label or int(names[code]) == int(label)
