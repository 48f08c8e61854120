"""The page in a browser: no console message, every figure visible, nothing fetched, light and dark."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tdaflow.report.page import report_page
from tdaflow.report.run_data import RunData

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed: apt-get install chromium")


def browse(page: Path, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
        "--enable-logging=stderr", f"--user-data-dir={profile}", *options, page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def console(log: str) -> list[str]:
    return [line for line in log.splitlines() if ":CONSOLE" in line]


@pytest.fixture(scope="module")
def page(finished_run, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("browser") / "report.html"
    path.write_text(report_page(RunData(finished_run)), encoding="utf-8")
    return path


def test_it_loads_without_console_messages_and_holds_its_figures(page, tmp_path):
    # The probe tells sizes after layout: a figure that is not drawn has no height.
    probe = (
        "<script>addEventListener('load', () => { document.title = 'sizes ' + "
        "[...document.querySelectorAll('figure svg')].map(s => Math.round(s.getBoundingClientRect().height)).join(' ')"
        " + ' fetched ' + performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:')).length })"
        "</script></body>"
    )
    probed = page.with_name("probed.html")
    probed.write_text(page.read_text(encoding="utf-8").replace("</body>", probe), encoding="utf-8")

    found = browse(probed, tmp_path, "--window-size=1280,900", "--dump-dom")

    assert console(found.stderr) == []
    title = re.search(r"<title>sizes ([\d ]+) fetched (\d+)</title>", found.stdout)
    assert title
    heights = [int(height) for height in title[1].split()]
    assert len(heights) == 7
    assert min(heights) > 80
    assert title[2] == "0"


def test_no_table_is_cut_on_a_telephone(page, tmp_path):
    # Headless windows may be no narrower than 500 pixels: a frame is.
    probe = (
        "<script>addEventListener('load', () => { document.title = 'cut ' + "
        "[...document.querySelectorAll('.scroll')].filter(s => s.scrollWidth > s.clientWidth + 1)"
        ".map(s => s.getAttribute('aria-label')).join('|') + ';' + document.documentElement.scrollWidth })</script>"
        "<style>body { width: 420px }</style></body>"
    )
    probed = page.with_name("narrow.html")
    probed.write_text(page.read_text(encoding="utf-8").replace("</body>", probe), encoding="utf-8")

    found = browse(probed, tmp_path, "--window-size=420,900", "--dump-dom")

    title = re.search(r"<title>cut ([^<]*);(\d+)</title>", found.stdout)
    assert title
    assert title[1] == ""
    assert int(title[2]) <= 500


@pytest.mark.parametrize(("scheme", "light"), [("1", True), ("0", False)])
def test_it_is_light_and_dark(page, tmp_path, scheme, light):
    image = pytest.importorskip("PIL.Image")
    shot = tmp_path / "shot.png"

    browse(
        page, tmp_path / "profile", f"--blink-settings=preferredColorScheme={scheme}", "--window-size=600,400",
        f"--screenshot={shot}",
    )  # fmt: skip

    corner = image.open(shot).convert("L").getpixel((2, 2))
    assert (corner > 200) is light
