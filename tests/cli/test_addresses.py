"""``s3://bucket/run`` is no path: it is refused by name wherever one is taken, and no folder ``s3:`` is made."""

import pytest

from tdaflow.cli.app import app
from tdaflow.cli.parameters import refusing_addresses

ARGUMENTS = {
    "--out": ["run", "CONFIG", "--out", "s3://b/x"],
    "--data": ["run", "CONFIG", "--data", "s3://b/x"],
    "CONFIG.toml|DATA": ["ingest", "s3://b/x"],
    "RUN|STORE|DATA": ["check", "s3://b/x"],
    "RUN": ["status", "s3://b/x"],
    "--id-key": ["ingest", "CONFIG", "--id-key", "s3://b/x"],
    "--ome-zarr": ["export", "r", "--ome-zarr", "s3://b/x"],
    "--grid": ["sweep", "CONFIG", "--grid", "s3://b/x"],
    "PLAN.toml": ["reproduce", "s3://b/x"],
    "MODEL": ["pinet", "evaluate", "s3://b/x", "r"],
    "data.path": ["plan", "CONFIG", "--set", "data.path=s3://b/x"],
    "data.table": ["run", "CONFIG", "--set", "data.table=s3://b/x"],
    "data.store": ["run", "quickstart", "--set", 'data={store="s3://b/x"}'],
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


def test_every_verb_is_checked():
    checked = refusing_addresses(lambda: None).__code__
    verbs = [
        *app.registered_commands,
        *(v for group in app.registered_groups for v in group.typer_instance.registered_commands),
    ]
    assert len(verbs) > 15
    assert all(verb.callback.__code__ is checked for verb in verbs)


def test_addresses_of_clusters_are_no_paths(tdaflow, config):
    assert tdaflow("run", config(), "--dry-run", "--cluster", "tcp://127.0.0.1:1").code == 0
