"""Fixtures shared by all rooms, and the rule that no test is skipped silently.

With the environment variable ``TDAFLOW_ALLOW_SKIPS``, a regular expression, a test that is skipped for any other reason
fails. The allowed ones are listed in the file that ``TDAFLOW_SKIPPED`` names, if it is set, one test a line.
"""

import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

_ALLOWED = os.environ.get("TDAFLOW_ALLOW_SKIPS")


@pytest.fixture(scope="session", autouse=True)
def _no_ledger_of_the_user(tmp_path_factory) -> Iterator[None]:
    """Keep what is opened in tests, and in processes that they start, out of the user's ledger."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TDAFLOW_LEDGER", str(tmp_path_factory.mktemp("ledger") / "opened.jsonl"))
        yield


@pytest.fixture(autouse=True)
def _ledger_of_the_test(_no_ledger_of_the_user, monkeypatch, tmp_path_factory) -> None:
    """Give each test a ledger of its own, so that none is refused for what another one opened."""
    monkeypatch.setenv("TDAFLOW_LEDGER", str(tmp_path_factory.getbasetemp() / f"opened-{uuid.uuid4().hex}.jsonl"))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real volumes; tests that ask for it are skipped where there is none."""
    root = os.environ.get("TDAFLOW_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("set TDAFLOW_DATA to the folder of real volumes")
    return Path(root)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Judge a test that is skipped."""
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """Judge a file that is skipped as a whole."""
    return _judged((yield))


def _judged(report):
    if _ALLOWED is None or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2]
    if not _ALLOWED or not re.search(_ALLOWED, reason):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} would be skipped, which TDAFLOW_ALLOW_SKIPS does not allow: {reason}"
    elif "TDAFLOW_SKIPPED" in os.environ:
        with open(os.environ["TDAFLOW_SKIPPED"], "a") as listed:
            listed.write(f"{report.nodeid}\n")
    return report
