"""Keyed ids, the key file, and the private table."""

import hashlib
import hmac
import os
import stat
import threading

import pytest

from tdaflow.errors import InputError
from tdaflow.sources import identity
from tdaflow.sources.identity import KeyedIds, check_key_location, default_key_path, read_key, write_private_table

KEY = bytes(range(32))


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_an_id_is_the_beginning_of_an_hmac_sha256():
    expected = hmac.new(KEY, b"1.2.3|4.5", hashlib.sha256).hexdigest()[:20]
    assert KeyedIds(KEY).of("1.2.3|4.5") == expected


def test_the_same_key_gives_the_same_ids_and_another_key_others():
    assert KeyedIds(KEY).of("P1") == KeyedIds(KEY).of("P1")
    assert KeyedIds(KEY).of("P1") != KeyedIds(KEY[::-1]).of("P1")
    assert KeyedIds(KEY).key_check != KeyedIds(KEY[::-1]).key_check


def test_text_that_is_not_utf8_has_an_id_too():
    assert len(KeyedIds(KEY).of(os.fsdecode(b"M\xfcller"))) == 20
    assert len(KeyedIds(KEY).of("\ud800")) == 20


def test_colliding_ids_are_refused(monkeypatch):
    monkeypatch.setattr(identity, "ID_LENGTH", 1)
    ids = KeyedIds(KEY)
    assert ids.of("again") == ids.of("again")
    with pytest.raises(InputError, match=r"two identifiers have the same keyed id .: ingest with another key file"):
        [ids.of(f"patient {n}") for n in range(17)]


def test_parts_of_a_digest_do_not_run_into_each_other():
    ids = KeyedIds(KEY)
    assert ids.digest_of(["ab", "c"]) != ids.digest_of(["a", "bc"])
    assert ids.digest_of(["a", b"b"]) == ids.digest_of([b"a", "b"])


def test_the_key_is_in_no_repr():
    ids = KeyedIds(b"secret" * 6)
    ids.of("Doe^Jane")
    assert repr(ids) == "KeyedIds(1 ids)"


def test_a_missing_key_is_made_for_its_owner_alone(tmp_path):
    path = tmp_path / "new" / "id.key"
    key = read_key(path, create=True)
    assert len(key) == 32
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert read_key(path, create=True) == key == path.read_bytes()
    assert [p.name for p in path.parent.iterdir()] == ["id.key"]


def test_threads_that_make_a_key_at_once_get_the_same_one(tmp_path):
    keys, barrier = set(), threading.Barrier(8)

    def make():
        barrier.wait()
        keys.add(read_key(tmp_path / "id.key", create=True))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 1


def test_a_missing_key_is_not_made_where_it_must_exist(tmp_path):
    with pytest.raises(InputError, match="there is no id key: give the key file of the first ingest"):
        read_key(tmp_path / "id.key", create=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
@pytest.mark.parametrize("wrong", [0o640, 0o604, 0o660, 0o644])
def test_a_key_open_to_others_is_refused(tmp_path, wrong):
    path = tmp_path / "id.key"
    path.write_bytes(KEY)
    path.chmod(wrong)
    with pytest.raises(InputError, match=f"open to other users \\(mode {wrong:04o}\\): run chmod 600"):
        read_key(path, create=True)


@pytest.mark.parametrize("content", [b"", b"short", bytes(5000)])
def test_other_files_are_no_keys(tmp_path, content):
    path = tmp_path / "id.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(InputError, match="must have 32 to 4096 bytes"):
        read_key(path, create=True)


def test_a_key_that_cannot_be_made_or_read_is_an_input_error_without_its_path(tmp_path):
    (tmp_path / "secretname").write_text("a file, not a folder")
    for path, create in ((tmp_path / "secretname" / "id.key", True), (tmp_path, False)):
        with pytest.raises(InputError, match="the id key cannot be") as caught:
            read_key(path, create=create)
        assert "secretname" not in str(caught.value)
        assert str(tmp_path) not in str(caught.value)


def test_a_key_inside_the_run_is_refused_even_through_a_link(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (tmp_path / "link").symlink_to(run)
    for inside in (run / "id.key", run / "deep" / "id.key", tmp_path / "link" / "id.key", run / ".." / "run" / "k"):
        with pytest.raises(InputError, match="would be handed on with it"):
            check_key_location(inside, run)
    check_key_location(tmp_path / "id.key", run)
    check_key_location(tmp_path / "running" / "id.key", run)


def test_the_default_key_is_in_the_users_configuration(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_key_path().name == "id.key"
    assert default_key_path().parent.name == "tdaflow"


def test_a_private_table_is_new_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "map.csv"
    write_private_table(path, ("id", "path"), [("a1", 'x, "y"'), ("b2", os.fsdecode(b"M\xfc"))])
    assert mode(path) == 0o600
    assert path.read_bytes() == b'id,path\r\na1,"x, ""y"""\r\nb2,M\xfc\r\n'
    with pytest.raises(InputError, match="exists already; name a new file with --write-private-map"):
        write_private_table(path, ("id",), [])
    with pytest.raises(InputError, match="cannot be made"):
        write_private_table(tmp_path / "no" / "map.csv", ("id",), [])
