"""Paths of object stores behave as paths of folders do, and never become a local path by accident."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdaflow.atomic import files_below, remove_whole, rename_whole, write_whole, written_whole
from tdaflow.errors import ConfigError
from tdaflow.remote import RemotePath, ask_for, forget_listings, is_address, is_remote, list_once, local_folder, place

_names = st.text(st.characters(codec="ascii", categories=("L", "N"), include_characters="-_. "), min_size=1, max_size=8)
_parts = st.lists(_names.map(str.strip).filter(lambda n: n.strip(". ")), min_size=1, max_size=4)


@given(_parts)
def test_text_and_pickle_lead_to_the_same_path(parts):
    path = place("s3://bucket").joinpath(*parts)
    assert is_remote(path)
    assert str(path) == "s3://bucket/" + "/".join(parts)
    assert (path.bucket, path.key) == ("s3://bucket", "/".join(parts))
    for again in (place(str(path)), place(Path(str(path))), pickle.loads(pickle.dumps(path)), path.parent / path.name):
        assert (again, hash(again), type(again)) == (path, hash(path), RemotePath)
    assert path.relative_to("s3://bucket").parts == tuple(parts)
    assert path.resolve() == path.absolute() == path.expanduser() == path


@pytest.mark.parametrize(
    "function", [open, os.fspath, os.stat, os.listdir, os.unlink, np.load], ids=lambda f: f.__name__
)
def test_functions_that_would_make_a_local_path_of_it_refuse_it(memory, function):
    with pytest.raises(TypeError, match="is the address of an object, not a path of this machine"):
        function(memory)


def test_addresses_of_files_are_local_paths_and_paths_stay():
    assert place("file:///a/b%20c") == Path("/a/b c")
    for given_ in ("runs/x", "/a", "C:/data", "~/x", "s3:b"):
        assert (place(given_), is_remote(place(given_)), is_address(given_)) == (Path(given_), False, False)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://host/x", "is an address that is neither of"),
        ("s3://", "names no place"),
        ("s3://b/../c", "names no place"),
        ("gs://xyzzy@b/x", "leave them out"),
        ("az://b/x?sig=plugh", "leave them out"),
    ],
)
def test_other_addresses_are_refused_without_their_secrets(address, told):
    with pytest.raises(ConfigError, match=told) as caught:
        place(address)
    assert not any(secret in str(caught.value) for secret in ("xyzzy", "plugh"))


def test_objects_are_read_as_files_are(somewhere):
    content = np.random.default_rng(0).bytes(9 << 20)  # more than one block
    path = somewhere / "a" / "b.bin"
    path.write_bytes(content)
    with path.open("rb") as stream:
        assert stream.read(5) == content[:5]
        assert stream.seek(6 << 20) == 6 << 20
        assert stream.read(7) == content[6 << 20 : (6 << 20) + 7]
        assert stream.seek(-3, os.SEEK_END)
        assert stream.read() == content[-3:]
    assert path.stat().st_size == len(content)
    (somewhere / "empty").touch()
    assert (somewhere / "empty").open("rb").read() == b""
    (somewhere / "text").write_text("é\n")
    assert (somewhere / "text").open(encoding="utf-8").read() == (somewhere / "text").read_text("utf-8") == "é\n"
    with pytest.raises(OSError, match="written as a whole"):
        path.open("ab")


def test_folders_are_what_objects_lie_under(somewhere):
    for name in ("x/1", "x/y/2", "x/y/3", "z"):
        (somewhere / name).write_bytes(b"0")
    assert somewhere.is_dir()
    assert (somewhere / "x" / "y").is_dir()
    assert not (somewhere / "nothing").exists()
    assert (somewhere / "z").is_file()
    assert not (somewhere / "x").is_file()
    assert not (somewhere / "x/y/2/").is_dir()
    assert [p.name for p in somewhere.iterdir()] == ["x", "z"]
    assert [str(p.relative_to(somewhere)) for p in somewhere.glob("*/*")] == ["x/1", "x/y"]
    assert sorted(files_below(somewhere)) == ["x/1", "x/y/2", "x/y/3", "z"]
    assert list((somewhere / "nothing").iterdir()) == []
    with local_folder(somewhere / "x") as here:
        assert sorted(files_below(here)) == ["1", "y/2", "y/3"]
    remove_whole(somewhere / "x")
    assert sorted(files_below(somewhere)) == ["z"]
    remove_whole(somewhere / "nothing")


@pytest.mark.parametrize("call", [RemotePath.read_bytes, RemotePath.stat, RemotePath.open, RemotePath.read_text])
def test_what_is_not_there_is_a_file_that_is_not_found(somewhere, call):
    with pytest.raises(FileNotFoundError) as caught:
        call(somewhere / "nothing")
    assert caught.value.errno
    assert caught.value.filename == str(somewhere / "nothing")


def test_a_store_is_there_when_its_root_is_and_in_progress_until_then(somewhere):
    store, working = somewhere / "a.zarr", somewhere / ".a.zarr.in-progress"
    with written_whole(working) as temporary:
        (temporary / "array").mkdir(parents=True)
        (temporary / "array" / "zarr.json").write_text("{}")
        (temporary / "zarr.json").write_text("root")
    assert (working.is_dir(), store.is_dir()) == (True, False)
    write_whole(working / "array" / "c", b"chunk")
    rename_whole(working, store)
    assert (working.is_dir(), store.is_dir()) == (False, True)
    assert {name: (store / name).read_text() for name in files_below(store)} == {
        "array/zarr.json": "{}", "array/c": "chunk", "zarr.json": "root",
    }  # fmt: skip


def test_of_two_that_write_the_same_the_first_stays(somewhere):
    for text in ("first", "second"):
        with written_whole(somewhere / "batch", keep_existing=True) as temporary:
            temporary.mkdir()
            (temporary / "zarr.json").write_text(text)
        with written_whole(somewhere / "file", keep_existing=True) as temporary:
            temporary.write_text(text)
    assert (somewhere / "batch" / "zarr.json").read_text() == (somewhere / "file").read_text() == "first"


def test_what_a_listing_said_is_believed_for_a_while_and_then_asked_again(somewhere):
    (somewhere / "a").write_bytes(b"1")
    list_once(somewhere)
    (somewhere / "a").write_bytes(b"22")
    ask_for([somewhere.parent / "other"])
    assert (somewhere / "a").stat().st_size == 1
    forget_listings()
    assert (somewhere / "a").stat().st_size == 2
    ask_for([somewhere / "a", somewhere / "nothing", Path("/local")])
    assert (somewhere / "a").is_file()
    assert not (somewhere / "nothing").is_file()
    forget_listings()


def test_a_server_that_is_not_there_is_told_as_a_passing_fault_without_secrets(monkeypatch):
    from obstore.exceptions import GenericError

    from tdaflow.errors import passing_reason
    from tdaflow.remote import as_os_error

    error = as_os_error(
        GenericError("Generic S3 error: GET http://me:word@host/x?sig=1 failed\n\nDebug: …"), "s3://b/x"
    )
    assert passing_reason(error)
    assert "word" not in str(error)
    assert "sig" not in str(error)
