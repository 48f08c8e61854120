"""A sealed document or store shows every flipped bit and every cut; what older versions wrote is known as such."""

import json
import os
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdaflow.store.manifest import (
    FILES,
    SEAL,
    DamagedStore,
    check_root,
    damaged_files,
    digest_of,
    seal_group,
    seal_holds,
    sealed,
)

UNREADABLE = (json.JSONDecodeError, UnicodeDecodeError)
TEXT = st.dictionaries(st.text(max_size=8), st.text(max_size=20) | st.integers() | st.floats(), max_size=4)


@given(TEXT, st.data())
def test_no_flipped_bit_and_no_cut_of_a_sealed_document_goes_unseen(told, data):
    document = {"attributes": {"told": told, FILES: "{}"}}
    whole = sealed(document, document["attributes"], indent=1)
    assert seal_holds(whole) is True
    assert json.loads(whole)["attributes"].keys() == {"told", FILES, SEAL}
    flipped = bytearray(whole)
    flipped[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert seal_holds(bytes(flipped)) is False
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    if seal_holds(cut) is None:
        with pytest.raises(UNREADABLE):
            json.loads(cut)
    else:
        assert seal_holds(cut) is False


def test_a_document_without_a_seal_is_of_an_older_version():
    assert seal_holds(b'{"attributes": {}}') is None


@pytest.fixture
def store(tmp_path):
    """A folder with a file, a folder of two files, and what is no part of a store."""
    (tmp_path / "array" / "c").mkdir(parents=True)
    (tmp_path / "array" / "zarr.json").write_text("{}")
    (tmp_path / "array" / "c" / "0").write_bytes(b"chunk")
    (tmp_path / "single").write_bytes(b"file")
    (tmp_path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {"kept": 1}}')
    seal_group(tmp_path, ["array", "single"])
    return tmp_path


def test_every_file_of_a_sealed_store_is_looked_at(store):
    files = check_root(store)
    assert json.loads((store / "zarr.json").read_text())["attributes"]["kept"] == 1
    for ignored in (".DS_Store", "c/.nfs01", "c/1.partial"):
        (store / "array" / ignored).touch()
    assert list(damaged_files(store, files)) == []
    (store / "array" / "c" / "1").touch()
    os.truncate(store / "single", 0)
    assert [found.name for found in damaged_files(store, files)] == ["array", "single"]
    (store / "single").unlink()
    assert list(damaged_files(store, files))[1].why == "it is missing"


def test_digests_of_single_files_make_that_of_their_folder(store):
    known = {f"array/{name}": digest_of(store, f"array/{name}") for name in ("zarr.json", "c/0")}
    assert digest_of(store, "array", known) == digest_of(store, "array")
    assert digest_of(store, "array", {**known, "array/c/0": "0" * 32}) != digest_of(store, "array")


@pytest.mark.parametrize("text", ["", "{", '{"attributes": {}', "\0" * 64])
def test_a_root_that_is_empty_or_cut_is_damaged_and_one_of_an_older_version_is_not(store, text):
    (store / "zarr.json").write_text(text)
    with pytest.raises(DamagedStore, match=r"zarr\.json is damaged: .*run again with --verify"):
        check_root(store)
    (store / "zarr.json").write_text("{}")
    assert check_root(store) is None


def test_a_file_that_may_not_be_read_is_told_and_may_be_sound(store, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tdaflow.store.manifest.file_digest", refuse)
    (found, *_) = damaged_files(store, check_root(store))
    assert found.passing == "Permission denied"
    assert found.why == "it cannot be read (Permission denied)"


def test_the_error_comes_whole_from_another_process(tmp_path):
    error = pickle.loads(pickle.dumps(DamagedStore(tmp_path, "why")))
    assert (error.path, error.why) == (tmp_path, "why")
    assert str(error) == f"{tmp_path} is damaged: why; run again with --verify, or restore it"
