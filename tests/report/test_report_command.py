"""``tdaflow report`` and ``tdaflow inspect``."""

import builtins
import sys

import pytest

from tdaflow.cli.inspect import inspect_command
from tdaflow.cli.report import report_command
from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.report.files import write_whole

SCRIPT = "<script>alert(1)</script>"


def test_the_report_goes_into_the_run_or_where_it_is_wanted(run_copy, tmp_path, monkeypatch):
    monkeypatch.setattr("tdaflow.report.page.report_page", lambda run: f"the page of {run.folder.path.name}")

    assert report_command(run_copy, None) == 0
    assert report_command(run_copy, tmp_path / "page.html") == 0

    assert (run_copy / "report.html").read_text() == (tmp_path / "page.html").read_text() == "the page of run"


def test_scans_are_shown_as_slices_or_not_at_all(run_copy):
    with pytest.raises(ConfigError, match="--scans 3d is not known: give one of slices, none"):
        report_command(run_copy, None, "3d")
    assert report_command(run_copy, None, "none") == 0
    assert "This page shows no scan" in (run_copy / "report.html").read_text()


def test_a_file_is_written_whole_into_a_new_folder(tmp_path):
    write_whole(tmp_path / "new" / "page.html", b"page")

    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]


def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(RunError, match="--out"):
        write_whole(tmp_path / "file" / "page.html", b"page")


def test_inspect_draws_a_picture(finished_run, tmp_path):
    assert inspect_command(finished_run, f"{SCRIPT}3", tmp_path / "v.png") == 0
    assert (tmp_path / "v.png").read_bytes()[:4] == b"\x89PNG"


def test_its_name_is_made_of_the_id(finished_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    inspect_command(finished_run, f"{SCRIPT}3", None)

    (picture,) = tmp_path.iterdir()
    assert picture.suffix == ".png"
    assert "<" not in picture.name


def test_inspect_of_an_unknown_volume_names_near_ones(finished_run, tmp_path):
    with pytest.raises(InputError, match="did you mean"):
        inspect_command(finished_run, "nobody", tmp_path / "v.png")
    assert not (tmp_path / "v.png").exists()


def test_a_missing_library_is_one_sentence_with_the_remedy(finished_run, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "jinja2":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr("importlib.import_module", lambda name, package=None: without(name))
    monkeypatch.delitem(sys.modules, "jinja2", raising=False)

    with pytest.raises(ConfigError, match=r"tdaflow\[report\]"):
        report_command(finished_run, None)


def test_the_commands_are_there_without_matplotlib_being_loaded():
    import subprocess

    code = "import tdaflow.cli, sys; sys.exit('matplotlib' in sys.modules or 'jinja2' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
