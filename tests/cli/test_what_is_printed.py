"""Names, ids, labels and tags that others chose do nothing to a terminal, a log, a table or a page."""

import re

import nibabel
import numpy as np
import pytest

from tdaflow.printable import printable, printable_lines
from tdaflow.store import RunFolder

EVIL = "\x1b[31m[bold]\x07\u202e"
N = 6


@pytest.fixture
def scans(tmp_path):
    """A folder of scans, one of them broken."""
    folder = tmp_path / f"scans{EVIL}"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (3, 12, 12, 12), np.uint8)
    for i, voxels in enumerate(noise):
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), folder / f"s{i}{EVIL}.nii.gz")
    (folder / f"broken{EVIL}.nii.gz").write_bytes(b"\x1f\x8b nothing")
    return folder


@pytest.fixture
def labelled(tmp_path, config):
    """A stack with a table whose cells and heads are evil."""
    path = config(nan=1)
    rows = [f"id,diagnosis,split,group,site,other{EVIL}"]
    for i in range(N):
        split = "train" if i < 4 else "test"
        rows.append(f"s{i}{EVIL},class{EVIL}{i % 2},{split},g{i}{EVIL},clinic{EVIL},x{EVIL}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    text = path.read_text().replace('kind = "arrays"', f'kind = "arrays"\ntable = "{tmp_path / "labels.csv"}"')
    path.write_text(text)
    return path


def assert_inert(text: str) -> None:
    assert printable_lines(text) == text, re.search(r"[^\n]{0,40}[^\n -~]", text)


def test_numbers_stay_together():
    assert printable_lines("0.5\xa0±\xa00.1\n\x1b") == "0.5\xa0±\xa00.1\n\\x1b"


SMALL = ("--set", "superpixels.n_superpixels=40", "--set", "images.resolution=6", "--set", "run.cluster=sync")


def test_names_of_files(tdaflow, scans, tmp_path):
    out = tmp_path / f"run{EVIL}"
    shown = [
        tdaflow(*arguments)
        for arguments in (
            ("check", scans), ("plan", scans, *SMALL), ("run", scans, *SMALL, "--out", out), ("status", out),
            ("check", out), ("inspect", out, "s0" + printable(EVIL)), ("inspect", out, f"s9{EVIL}"),
            ("run", f"nowhere{EVIL}"), ("run", scans, f"--no{EVIL}"), ("report", out), ("run", scans, "--set", EVIL),
        )
    ]  # fmt: skip
    assert [outcome.code for outcome in shown] == [4, 0, 4, 0, 0, 0, 2, 2, 2, 0, 2], shown
    for outcome in shown:
        assert_inert(outcome.out)
        assert_inert(outcome.err)
        assert "Traceback" not in outcome.err
    assert "broken" + printable(EVIL) in shown[2].err + shown[3].out
    assert_inert(RunFolder(out).log.read_text())
    assert_inert(RunFolder(out).run_json.read_text())
    [page] = out.glob("*.html")
    assert EVIL[0] not in page.read_text()


def test_cells_of_tables(tdaflow, labelled, tmp_path):
    out = tmp_path / "run"
    ids = tmp_path / "ids.csv"
    shown = [
        tdaflow(*arguments)
        for arguments in (
            ("check", labelled), ("run", labelled, "--label", "diagnosis", "--out", out), ("status", out),
            ("check", out), ("evaluate", out, "--folds", "2"), ("export", out, "--table", ids), ("report", out),
        )
    ]  # fmt: skip
    for outcome in shown:
        assert_inert(outcome.out)
        assert_inert(outcome.err)
        assert "Traceback" not in outcome.err
    assert "class" + printable(EVIL) in shown[0].out + shown[3].out
    assert_inert(RunFolder(out).log.read_text())
    assert_inert(ids.read_text())
    assert printable(EVIL) in ids.read_text()


def test_markup_is_text(tdaflow, config, tmp_path):
    out = tmp_path / "[red]run[/red]"
    ended = tdaflow("run", config(), "--out", out)
    assert "[red]run[/red]" in ended.err.replace("\n", "")


@pytest.mark.parametrize("text", ["plain", "é", "日本", "a\tb", "\x1b[0m", "\x00", "\u202e", "\udce9", "\x9b31m"])
def test_printable_text_is_printable_and_stays_so(text):
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)
