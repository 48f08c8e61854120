"""Tables as spreadsheets, pandas and BIDS write them mean the same in every reader."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.printable import printable
from tdaflow.sources import Arrays, Manifest
from tdaflow.sources.cells import cell_text, decimal, without_secrets
from tdaflow.sources.csv_rows import read_csv
from tdaflow.sources.guess import guess_source

PLAIN = (
    "path,label,split,group,spacing_z,spacing_y,spacing_x\nscans/a.npy,0,train,p 1,2.5,1,1\nscans/b.npy,1,test,NA,,,\n"
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scans").mkdir()
    for name in "ab":
        np.save(tmp_path / f"scans/{name}.npy", np.arange(24).reshape(2, 3, 4))
    return tmp_path


def read(path):
    return [(v.id, v.label, v.split, v.group, v.spacing) for v in Manifest(path).volumes()]


SPELLINGS = {
    "semicolons and decimal commas": lambda text: text.replace(",", ";").replace("2.5", "2,5"),
    "quoted decimal commas": lambda text: text.replace("2.5", '"2,5"'),
    "tabs": lambda text: text.replace(",", "\t"),
    "sep=": lambda text: "sep=;\n" + text.replace(",", ";"),
    "blank rows": lambda text: text.replace("\nscans/b", "\n,,,,,,\nscans/b") + ",,,,,,\n , ,,,,,\n\n",
    "line ends of Windows": lambda text: text.replace("\n", "\r\n"),
    "no last line end": lambda text: text.rstrip("\n"),
    "backslashes": lambda text: text.replace("/", "\\"),
    "long words": lambda text: text.replace("train", "Training").replace("test,", "TEST,"),
    "floats": lambda text: text.replace(",0,train", ",0.0,train").replace(",1,test", ",1.0,test"),
    "missing words": lambda text: text.replace("NA", "n/a"),
    "dots": lambda text: text.replace("scans/", "./scans/../scans/"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_manifest_means_the_same_however_it_is_spelt(folder, spelling, encoding):
    (folder / "plain.csv").write_text(PLAIN)
    (folder / "m.csv").write_bytes(SPELLINGS[spelling](PLAIN).encode(encoding))
    assert read(folder / "m.csv") == read(folder / "plain.csv")
    assert Manifest(folder / "m.csv").describe().class_names == ("0", "1")


def test_a_tsv_is_found_and_absolute_paths_below_the_root_are_those_below_it(folder):
    (folder / "plain.csv").write_text(PLAIN)
    (folder / "m.tsv").write_text(PLAIN.replace("scans/", f"{folder}/scans/").replace(",", "\t"))
    assert guess_source(folder / "m.tsv").kind == "manifest"
    assert read(folder / "m.tsv") == read(folder / "plain.csv")
    assert set(Manifest(folder / "m.tsv").fingerprint()["files"]) == {"scans/a.npy", "scans/b.npy"}
    (folder / "u.csv").write_text(PLAIN.replace("scans/a", f"file://{folder}/scans/%61"))
    assert read(folder / "u.csv") == read(folder / "plain.csv")


@pytest.mark.parametrize(
    "path", ["/etc/a.npy", "file:///etc/a.npy", "..\\..\\a.npy", "C:\\scans\\a.npy", "file:///%2e%2e/a.npy"]
)
def test_paths_out_of_the_root_are_refused(folder, path):
    (folder / "m.csv").write_text(f"path\n{path}\n")
    with pytest.raises(InputError, match=r"absolute path|leads out of the manifest's folder"):
        Manifest(folder / "m.csv").describe()


@pytest.mark.parametrize("scheme", ["https", "http", "ftp", "s3", "gs", "HTTPS"])
def test_addresses_are_refused_without_what_is_secret_in_them(folder, scheme):
    secret = f"{scheme}://user:word@host/scans/a.npy?token=1#x"
    (folder / "m.csv").write_text(f"path,id,group\n{secret},{secret},{secret}\n")
    with pytest.raises(
        InputError, match=rf"is an address of {scheme.lower()}://, allowed are .* download it"
    ) as caught:
        Manifest(folder / "m.csv").describe()
    assert not any(word in str(caught.value) for word in ("user", "word", "token"))
    (folder / "n.csv").write_text(f"path,id,group\nscans/a.npy,{secret},{secret}\n")
    assert [(v.id, v.group) for v in Manifest(folder / "n.csv").volumes()] == [(f"{scheme}://host/scans/a.npy",) * 2]


@given(
    st.text(alphabet="ab/@?:#.", max_size=12), st.sampled_from(["", "u@", "u:p@"]), st.sampled_from(["", "?t", "#t"])
)
def test_no_user_and_no_query_of_an_address_survives(path, user, query):
    shown = without_secrets(f"https://{user}h/{path}{query}")
    assert "?" not in shown
    assert "#" not in shown
    assert shown.split("/")[2] == "h"
    assert without_secrets(shown) == shown


@given(st.text(max_size=20).filter(lambda text: "://" not in text))
def test_other_cells_are_kept(text):
    assert without_secrets(text) == text
    assert cell_text(text) in (None, printable(text.strip()))
    assert cell_text(text, verbatim=True) in (None, text.strip())


@pytest.mark.parametrize(("text", "value"), [("1,5", 1.5), ("1.5", 1.5), ("15", 15), ("1e-3", 1e-3)])
def test_decimal_commas(text, value):
    assert decimal(text) == value


@pytest.mark.parametrize("text", ["1,5,0", "1.000,5", "", "a"])
def test_what_could_be_two_numbers_is_none(text):
    with pytest.raises(ValueError, match="could not convert"):
        decimal(text)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    (tmp_path / "t.csv").write_text("sep=;\na;b\n1;2\n;\n3;4\n")
    header, rows = read_csv(tmp_path / "t.csv")
    assert header == ["a", "b"]
    assert [(line, dict(cells)) for line, cells in rows] == [(3, {"a": "1", "b": "2"}), (5, {"a": "3", "b": "4"})]


def test_the_table_of_arrays_is_read_the_same_way(tmp_path):
    np.save(tmp_path / "s.npy", np.arange(48).reshape(2, 2, 3, 4))
    (tmp_path / "t.tsv").write_text(
        "label\tspacing_z\tspacing_y\tspacing_x\n1.0\t2,5\t1\t1\n0\tn/a\tn/a\tn/a\n\t\t\t\n"
    )
    source = Arrays(tmp_path / "s.npy", tmp_path / "t.tsv")
    assert source.describe().class_names == ("0", "1")
    assert [(v.label, v.spacing) for v in source.volumes()] == [(1, (2.5, 1.0, 1.0)), (0, (1.0, 1.0, 1.0))]
