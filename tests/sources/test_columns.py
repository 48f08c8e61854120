"""Tables whose columns have other names than ours."""

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.sources import Arrays, Manifest

ROWS = ["s1,a.npy,AD,siteA,Training,7", "s2,b.npy,CN,siteB,validation,1", "s3,c.npy,AD,siteA,Testing,0"]
HEADER = "subject,path,diagnosis,site,fold,label"


@pytest.fixture
def folder(tmp_path):
    for name in "abc":
        np.save(tmp_path / f"{name}.npy", np.arange(27, dtype=np.uint8).reshape(3, 3, 3))
    (tmp_path / "t.csv").write_text("\n".join([HEADER, *ROWS]) + "\n")
    np.save(tmp_path / "stack.npy", np.stack([np.arange(27, dtype=np.uint8).reshape(3, 3, 3)] * 3))
    return tmp_path


NAMES = {"id_column": "subject", "label_column": "diagnosis", "group_column": "site", "split_column": "fold"}


def sources(folder, **names):
    return Manifest(folder / "t.csv", **names), Arrays(folder / "stack.npy", table=folder / "t.csv", **names)


@pytest.mark.parametrize("which", [0, 1])
def test_columns_are_read_under_the_names_that_are_given(folder, which):
    source = sources(folder, **NAMES)[which]
    found = list(source.volumes())
    assert [v.id for v in found] == ["s1", "s2", "s3"]
    assert [(v.label, v.split, v.group) for v in found] == [
        (0, "train", "siteA"),
        (1, "val", "siteB"),
        (0, "test", "siteA"),
    ]
    info = source.describe()
    assert info.class_names == ("AD", "CN")
    # The column that is called like ours but was not meant is named, not read.
    assert any("label (not the label)" in note for note in info.notes)


@pytest.mark.parametrize("which", [0, 1])
def test_the_site_of_a_volume_is_kept_with_its_facts(folder, which):
    sites = [volume.facts["site"] for volume in sources(folder)[which].volumes()]
    assert sites == ["siteA", "siteB", "siteA"]
    # Of another name, and in a table whose own column of that name means something else.
    sites = [volume.facts["site"] for volume in sources(folder, site_column="diagnosis")[which].volumes()]
    assert sites == ["AD", "CN", "AD"]


@pytest.mark.parametrize("which", [0, 1])
def test_columns_that_are_not_read_are_named_with_the_option(folder, which):
    notes = " ".join(sources(folder)[which].describe().notes)
    assert "diagnosis" in notes
    assert "data.label_column" in notes


@pytest.mark.parametrize("which", [0, 1])
def test_a_column_that_is_not_there_is_refused_with_the_nearest(folder, which):
    source = sources(folder, label_column="diagnosys")[which]
    with pytest.raises(InputError, match=r"no column 'diagnosys'.*did you mean 'diagnosis'"):
        source.describe()
