"""run.log: what is told of a volume stands there with its id, and nothing that could name a patient."""

import subprocess
import sys
import threading
import warnings

import pytest

from tdaflow.pipeline.events import as_lines, collected_warnings
from tdaflow.pipeline.stages import diagrams as stage
from tdaflow.pipeline.stages.volumes import _next_item
from tdaflow.preprocessing import Preprocessing
from tdaflow.sources import Rejected

DIAGRAMS = "superpixels+persistence"


def lines_about(folder, volume):
    """Level and text of the lines with this id."""
    lines = [line.split(maxsplit=2)[1:] for line in folder.log.read_text().splitlines()]
    return [(level, text.strip()) for level, text in lines if f" {volume}: " in f" {text}"]


@pytest.mark.filterwarnings("always::RuntimeWarning")
def test_warnings_fallbacks_and_quarantines_are_logged_with_the_id_of_their_volume(
    sync, settings, folder, monkeypatch, save_stack, tmp_path, volumes, observer
):
    computed = stage.volume_diagrams

    def warns(volume, recipe):
        diagrams, facts = computed(volume, recipe)
        if volume.about.id in ("v3", "v7"):
            for _ in range(2):
                stage.np.log(stage.np.zeros(1))
        if volume.about.id == "v7":
            facts["engine"]["alpha"]["fallback"] = "too large"
        return diagrams, facts

    monkeypatch.setattr(stage, "volume_diagrams", warns)
    bad = volumes.astype("float32")
    bad[5, 0, 0, 0] = float("nan")
    config = settings(data=save_stack(tmp_path / "bad", bad))
    sync(config)
    warned = ("WARNING", f"{DIAGRAMS}: v3: RuntimeWarning: divide by zero encountered in log (2 times)")
    assert lines_about(folder, "v3") == [warned]
    assert [text.rpartition(": ")[2] for _, text in lines_about(folder, "v7")] == [
        "divide by zero encountered in log (2 times)",
        "too large",
    ]
    ((level, text),) = lines_about(folder, "v5")
    assert (level, text[: len("ingest: v5: quarantined: 1 NaN")]) == ("WARNING", "ingest: v5: quarantined: 1 NaN")
    assert any(message.startswith("4 remarks on volumes are in") for message in observer.messages)
    assert str(tmp_path / "bad") not in folder.log.read_text()
    before = folder.log.read_text()
    sync(config)  # finds everything done, and repeats nothing
    assert "v3" not in folder.log.read_text().removeprefix(before)


def test_a_failure_and_the_end_are_logged(sync, settings, folder, monkeypatch):
    def fails(volume, *_):
        raise ZeroDivisionError("the culprit")

    monkeypatch.setattr(stage, "volume_diagrams", fails)
    with pytest.raises(Exception, match="12 of 12 volumes failed"):
        sync(settings())
    log = folder.log.read_text()
    assert "INFO    volume v0 failed: ZeroDivisionError: the culprit" in log
    assert "ERROR   failed: 12 of 12 volumes failed" in log.splitlines()[-1]


def test_an_id_cannot_forge_a_line(sync, settings, folder, monkeypatch):
    computed = stage.volume_diagrams

    def warns(volume, *arguments):
        if volume.about.id == "v3":
            warnings.warn("one\n2026-01-01 ERROR two", FutureWarning, stacklevel=1)
        return computed(volume, *arguments)

    monkeypatch.setattr(stage, "volume_diagrams", warns)
    sync(settings())
    assert lines_about(folder, "v3") == [
        ("WARNING", f"{DIAGRAMS}: v3: FutureWarning: one 2026-01-01 ERROR two"),
    ]


def test_what_a_reader_says_is_not_repeated_for_it_may_quote_the_file():
    def entries():
        for name in ("a", "b"):
            warnings.warn(f"Patient^{name} in /data/Smith.dcm", FutureWarning, stacklevel=1)
            yield Rejected(name, "no")

    notes, source = [], entries()
    while _next_item(source, Preprocessing(), notes) is not None:
        pass
    text = "FutureWarning while it was read; its text is left out, for it may quote the file"
    assert notes == [("a", text), ("b", text)]


def test_every_volume_gets_its_own_warnings_though_python_shows_one_of_a_place_only():
    code = (
        "import warnings\n"
        "from tdaflow.pipeline.events import collected_warnings\n"
        "def work(): warnings.warn('careful')\n"
        "before = list(warnings.filters), warnings.showwarning\n"
        "for _ in range(2):\n"
        "    with collected_warnings() as found: work()\n"
        "    print(found)\n"
        "assert before == (list(warnings.filters), warnings.showwarning)\n"
        "work(); work()\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == ["{'UserWarning: careful': 1}"] * 2
    assert shown.stderr.count("UserWarning: careful") == 1


def test_threads_get_each_their_own_and_the_rest_of_the_program_keeps_its_own():
    both_inside = threading.Barrier(2, timeout=30)
    found: dict[int, tuple[str, ...]] = {}

    def work(number):
        with collected_warnings() as mine:
            both_inside.wait()
            warnings.warn(f"of {number}", FutureWarning, stacklevel=1)
            both_inside.wait()
        found[number] = as_lines(mine)

    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        warnings.warn("outside", FutureWarning, stacklevel=1)
    assert found == {i: (f"FutureWarning: of {i}",) for i in range(2)}
    assert [str(other.message) for other in others] == ["outside"]


def test_filters_of_the_user_come_first():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        with collected_warnings() as found:
            warnings.warn("ignored", FutureWarning, stacklevel=1)
        assert found == {}
        warnings.simplefilter("error", FutureWarning)
        with pytest.raises(FutureWarning), collected_warnings():
            warnings.warn("an error", FutureWarning, stacklevel=1)
