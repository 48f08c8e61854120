"""Downloads, from a server on this machine."""

import hashlib
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tdaflow.errors import InputError
from tdaflow.sources import MedMNIST3D
from tdaflow.sources import registry as registry_module
from tdaflow.sources.fetch import fetch, md5_of
from tdaflow.sources.registry import PublishedFile

NAME = "vesselmnist3d"


class Handler(SimpleHTTPRequestHandler):
    requests: list[str] = []  # noqa: RUF012 - emptied by the fixture

    def do_GET(self):
        self.requests.append(self.path)
        super().do_GET()

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Address of a server over ``tmp_path / "served"``."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    Handler.requests.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.fixture
def published(server, tiny_registry, medmnist_arrays, save_npz, monkeypatch):
    """The registry with one tiny set that the server publishes; maker of its variants."""
    content = save_npz(f"served/{NAME}.npz", medmnist_arrays()).read_bytes()

    def publish(**changes):
        file = PublishedFile(f"{server}/{NAME}.npz?download=1", hashlib.md5(content).hexdigest())
        file = replace(file, **changes)
        entries = {NAME: replace(tiny_registry[NAME], files={28: file})}
        monkeypatch.setattr(registry_module, "medmnist3d_registry", lambda: entries)
        return file

    publish()
    return publish


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_without_a_folder_the_file_is_downloaded_once_into_the_cache(published, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    source = MedMNIST3D(NAME)
    assert source.describe().checksum == "published"
    assert len(list(source.volumes())) == 9
    assert source.fingerprint()["files"].keys() == {f"{NAME}.npz"}
    assert Handler.requests == [f"/{NAME}.npz?download=1"]
    assert files_below(tmp_path / "cache") == [tmp_path / "cache" / "tdaflow" / "medmnist" / f"{NAME}.npz"]


def test_a_damaged_file_in_the_cache_is_replaced(published, tmp_path):
    path = tmp_path / "cache" / f"{NAME}.npz"
    path.parent.mkdir()
    path.write_bytes(b"half a file")
    file = published()
    assert md5_of(fetch(file, path)) == file.md5


def test_a_given_folder_is_downloaded_into_only_when_asked(published, tmp_path):
    folder = tmp_path / "mine"
    with pytest.raises(InputError, match="download=true"):
        MedMNIST3D(NAME, data_dir=folder).describe()
    assert Handler.requests == []
    assert MedMNIST3D(NAME, data_dir=folder, download=True).describe().checksum == "published"
    assert files_below(folder) == [folder / f"{NAME}.npz"]


def test_a_local_file_is_never_replaced(published, tmp_path, medmnist_arrays, save_npz):
    (tmp_path / "mine").mkdir()
    content = save_npz(f"mine/{NAME}.npz", medmnist_arrays(n_classes=1)).read_bytes()
    assert MedMNIST3D(NAME, data_dir=tmp_path / "mine", download=True).describe().checksum == "differs"
    assert (tmp_path / "mine" / f"{NAME}.npz").read_bytes() == content
    assert Handler.requests == []


def test_a_wrong_checksum_is_an_error_and_nothing_is_kept(published, tmp_path):
    file = published(md5="0" * 32)
    with pytest.raises(InputError, match=r"its MD5 is not 0{32}; nothing was kept: try again") as caught:
        fetch(file, tmp_path / "mine" / f"{NAME}.npz")
    assert "\n" not in str(caught.value)
    assert files_below(tmp_path / "mine") == []


def test_a_missing_file_on_the_server_is_an_error_and_nothing_is_kept(published, server, tmp_path):
    with pytest.raises(InputError, match=r"could not be downloaded .*404.*--data DIR"):
        fetch(published(url=f"{server}/absent.npz"), tmp_path / "mine" / "absent.npz")
    assert files_below(tmp_path / "mine") == []


def test_an_unreachable_server_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(InputError, match=r"could not be downloaded .*check the connection") as caught:
        fetch(PublishedFile("http://127.0.0.1:9/x.npz", "0" * 32), tmp_path / "x.npz")
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_an_error(published, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="could not be downloaded"):
        fetch(published(), tmp_path / "file" / f"{NAME}.npz")
