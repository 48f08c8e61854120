"""Paths of a source's options: absolute, and of this machine."""

from pathlib import Path

import pytest

from tdaflow.config import load_config
from tdaflow.errors import ConfigError
from tdaflow.sources import SOURCES, open_source
from tdaflow.sources.paths import absolute_options, path_options, refuse_address


def test_the_options_that_are_paths():
    assert {kind: path_options(source) for kind, source in SOURCES.items()} == {
        "medmnist": {"data_dir"},
        "arrays": {"path", "table"},
        "phantoms": set(),
        "nifti": {"path", "mask_dir"},
        "images": {"path", "mask_dir"},
        "manifest": {"path", "root"},
        "dataset": {"path"},
        "ome-zarr": {"path"},
        "dicom": {"path", "id_key", "labels"},
    }


@pytest.mark.parametrize("kind", [kind for kind, source in SOURCES.items() if path_options(source)])
def test_every_path_of_every_source_becomes_absolute_and_stays_so(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = path_options(SOURCES[kind])
    source = open_source({"kind": kind, "name": "organmnist3d", **{name: f"in/../{name}" for name in names}})
    monkeypatch.chdir("/")
    for name in names:
        assert getattr(source, name) == tmp_path / "in/.." / name  # a link called "in" may lead anywhere


def test_home_is_that_of_the_client(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert open_source({"kind": "nifti", "path": "~/scans"}).path == Path("/home/me/scans")
    assert absolute_options({"kind": "nifti", "path": Path("~/scans")}, SOURCES["nifti"])["path"] == Path(
        "/home/me/scans"
    )


def test_a_configuration_has_absolute_paths_whether_they_are_typed_or_in_its_file(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    path = tmp_path / "configs/c.toml"
    path.write_text('[data]\nkind = "nifti"\npath = "scans"\n')
    monkeypatch.chdir(tmp_path)
    config = load_config(path, ["data.mask_dir=masks"])
    assert config.data == {"kind": "nifti", "path": str(tmp_path / "scans"), "mask_dir": str(tmp_path / "masks")}
    typed = load_config(path, data=Path("more"))
    assert typed.data["path"] == str(tmp_path / "more")
    path.write_text('[data]\nstore = "volumes.zarr"\n')
    assert load_config(path).store == tmp_path / "volumes.zarr"


@pytest.mark.parametrize(
    "given",
    ["s3://bucket/run", "gs://b", "file:///a", "x://y", "abfss://c@h/p", Path("s3://bucket/run"), Path("gs://b")],
)
def test_addresses_are_refused(given):
    with pytest.raises(ConfigError, match=r"^--out [a-z0-9]+://\S+ is an address, and this takes files of a disk only"):
        refuse_address(given, "--out")


@pytest.mark.parametrize("made", [str, Path])
@pytest.mark.parametrize("scheme", ["https", "s3", "HTTP", "ftp"])
def test_what_is_secret_in_an_address_is_not_shown(made, scheme):
    with pytest.raises(ConfigError) as caught:
        refuse_address(made(f"{scheme}://user:word@host/a.nii?token=1#part"), "--data")
    assert str(caught.value).startswith(f"--data {scheme}://host/a.nii is an address")
    assert not any(secret in str(caught.value) for secret in ("user", "word", "token", "part"))


@pytest.mark.parametrize("made", [str, Path])
def test_of_an_address_of_a_file_the_path_is_told(made):
    with pytest.raises(ConfigError, match=r"^--data file:///a/b%20c is an address, .*: give the path /a/b c$"):
        refuse_address(made("file:///a/b%20c"), "--data")


@pytest.mark.parametrize("given", ["runs/s3", "/mnt/s3://b", "C:/data", "C:\\data", "s3:b", "a:b/c", "~/x", "", "."])
def test_paths_are_not(given):
    refuse_address(given, "--out")


def test_an_address_in_a_configuration_stays_one(tmp_path):
    assert load_config(None, ["data.kind=nifti", "data.path=s3://b/x"]).data["path"] == "s3://b/x"
    assert str(load_config(None, ['data={store="s3://b/x"}']).store) == "s3://b/x"
    assert str(open_source({"kind": "nifti", "path": Path("s3://b/x")}).path) == "s3://b/x"
    with pytest.raises(ConfigError, match=r"^data\.id_key s3://b/x is an address"):
        load_config(None, ["data.kind=dicom", f"data.path={tmp_path}", "data.id_key=s3://b/x"])
