"""An address is refused by name where a file of a disk is needed, or of a kind that is not read; no folder is made."""

import pytest

from tdaflow.cli.app import app
from tdaflow.cli.parameters import with_checked_paths

ARGUMENTS = {
    "--out": ["reproduce", "tables", "--out", "s3://b/x"],
    "RUN": ["merge", "s3://b/x"],
    "--id-key": ["ingest", "CONFIG", "--id-key", "s3://b/x"],
    "--ome-zarr": ["export", "r", "--ome-zarr", "s3://b/x"],
    "--grid": ["sweep", "CONFIG", "--grid", "s3://b/x"],
    "PLAN.toml": ["reproduce", "s3://b/x"],
    "MODEL": ["pinet", "evaluate", "s3://b/x", "r"],
    "data.id_key": ["plan", "CONFIG", "--set", "data.kind=dicom", "--set", "data.id_key=s3://b/x"],
}


@pytest.mark.parametrize(("name", "arguments"), ARGUMENTS.items(), ids=str)
def test_an_address_is_refused_by_name(tdaflow, config, tmp_path, monkeypatch, name, arguments):
    given = [str(config()) if a == "CONFIG" else a for a in arguments]
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    ended = tdaflow(*given)
    assert (ended.code, ended.out) == (2, "")
    assert ended.sentence.startswith(f"tdaflow: {name} s3://b/x is an address")
    assert sorted(tmp_path.iterdir()) == before


OF_ANOTHER_KIND = (
    ["run", "CONFIG", "--out", "ftp://b/x"],
    ["run", "CONFIG", "--data", "https://b/x"],
    ["ingest", "ftp://b/x"],
    ["status", "http://b/x"],
    ["plan", "CONFIG", "--set", "data.path=ftp://b/x"],
    ["run", "quickstart", "--set", 'data={store="ftp://b/x"}'],
)


@pytest.mark.parametrize("arguments", OF_ANOTHER_KIND, ids=" ".join)
def test_an_address_of_another_kind_is_refused(tdaflow, config, tmp_path, monkeypatch, arguments):
    given = [str(config()) if a == "CONFIG" else a for a in arguments]
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    ended = tdaflow(*given)
    assert (ended.code, ended.out) == (2, "")
    assert "://b/x is an address that is neither of s3://, gs://, az://, memory:// nor a path" in ended.sentence
    assert sorted(tmp_path.iterdir()) == before


def test_an_address_with_a_secret_is_refused_without_showing_it(tdaflow, config):
    ended = tdaflow("run", config(), "--out", "s3://me:open-sesame@b/x?token=1")
    assert ended.code == 2
    assert "give credentials in the environment" in ended.sentence
    assert not any(secret in ended.sentence for secret in ("open-sesame", "token", "me:"))


def test_every_verb_is_checked():
    checked = with_checked_paths(lambda: None).__code__
    verbs = [
        *app.registered_commands,
        *(v for group in app.registered_groups for v in group.typer_instance.registered_commands),
    ]
    assert len(verbs) > 15
    assert all(verb.callback.__code__ is checked for verb in verbs)


def test_addresses_of_clusters_are_no_paths(tdaflow, config):
    assert tdaflow("run", config(), "--dry-run", "--cluster", "tcp://127.0.0.1:1").code == 0
