"""Column names: what R's make.names leaves as it is, distinct whatever the filtrations are called."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tdaflow.store.block_names import BlockName
from tdaflow.store.column_names import ColumnNames, safe_name

# R, ?make.names: letters, numbers, dot and underscore; starts with a letter, or a dot not followed by a number.
VALID = re.compile(r"([A-Za-z]|\.(?![0-9]))[A-Za-z0-9._]*")
RESERVED = {"if", "else", "repeat", "while", "function", "for", "in", "next", "break", "TRUE", "FALSE", "NULL", "NA"}

blocks = st.builds(
    BlockName,
    st.text(min_size=1, max_size=8) | st.sampled_from(["log-1", "log_1", "1", "TRUE", "alpha", "肺"]),
    st.integers(0, 2),
    st.sampled_from(["whole", "z0y1x0"]),
    st.sampled_from(["image", "betti", "statistics"]),
)


def named(*parts):
    names = ColumnNames()
    for block, columns in parts:
        names.add(block, columns)
    return names.all()


@given(st.lists(st.tuples(blocks, st.lists(st.text(max_size=5), min_size=1, max_size=12)), max_size=6))
def test_names_are_distinct_and_those_that_r_keeps(parts):
    found = named(*parts)
    assert len(found) == sum(len(columns) for _, columns in parts)
    assert len(set(found)) == len(found)
    assert all(VALID.fullmatch(name) and name not in RESERVED for name in found)


@given(st.text())
def test_a_safe_name_is_valid_and_stays_itself(text):
    assert VALID.fullmatch(safe_name(text))
    assert safe_name(safe_name(text)) == safe_name(text)


def test_names_say_what_a_column_is():
    assert named(
        (BlockName("alpha", 2), ["p00_b12", "p01_b00"]),
        (BlockName("log-1-sublevel", 0, "z0y1x0"), ["p3"]),
        (BlockName("alpha", 1, "whole", "betti"), [""] * 11),
        (BlockName("alpha", 1, "whole", "statistics"), ["count", "mean of birth"]),
    ) == [
        "alpha_H2_p00_b12",
        "alpha_H2_p01_b00",
        "log_1_sublevel_H0_z0y1x0_p3",
        *(f"alpha_H1_betti_{k:02}" for k in range(11)),
        "alpha_H1_statistics_count",
        "alpha_H1_statistics_mean_of_birth",
    ]


def test_filtrations_that_look_alike_stay_apart():
    assert named((BlockName("log-1", 0), ["p0"]), (BlockName("log_1", 0), ["p0"])) == ["log_1_H0_p0", "log_1_H0_p0_2"]
