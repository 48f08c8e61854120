"""Rows of the fault table on an object store: the runs' folders are there, the server is at fault too."""

import signal
import subprocess
import time
from collections.abc import Callable

from fault_lab import Lab, half_way
from fault_rows import Row, closing, resumed

PAUSE = 0.1


def lease_lost(lab: Lab) -> Row:
    """SIGSTOP of a client for longer than its lease holds: another goes on, and the first one commits nothing."""
    out = lab.fresh()
    first = lab.start(out, "--cluster", "sync", preload=lab.preload(pause=PAUSE))
    half_way(lab, out, first, 0.2)
    first.send_signal(signal.SIGSTOP)
    refused, _ = lab.run(out, "--cluster", "sync")
    time.sleep(95)
    code, again = resumed(lab, out)
    first.send_signal(signal.SIGCONT)
    first.communicate()
    return closing(lab, "a client stopped for longer than its lease holds; another takes over", out,
                   (refused, code, first.returncode), (2, 0, 3), again, note="the first commits nothing")  # fmt: skip


def server_silent(lab: Lab, server: subprocess.Popen) -> Row:
    """An object store that answers nobody for a while."""
    out = lab.fresh()
    process = lab.start(out, "--cluster", "sync", preload=lab.preload(pause=PAUSE))
    half_way(lab, out, process, 0.3)
    server.send_signal(signal.SIGSTOP)
    time.sleep(20)
    server.send_signal(signal.SIGCONT)
    process.communicate(timeout=600)
    return closing(lab, "no answer of the object store for 20 s", out, (process.returncode,), (0,), note="retried")


def credentials_lost(lab: Lab) -> Row:
    """A run without credentials, with those of nobody, and then with the right ones."""
    out = lab.fresh()
    code, err = lab.run(out, "--cluster", "sync", environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    second, again = resumed(lab, out)
    told = "told" if "AWS_ACCESS_KEY_ID" in err and "open-sesame" not in err else f"NOT told: {err[-200:]}"
    return closing(lab, "no such object store", out, (code, second), (2, 0), again, note=told)


def cases(lab: Lab, server: subprocess.Popen) -> dict[str, Callable[[], Row]]:
    """Every fault by a short name."""
    return {
        "lease": lambda: lease_lost(lab),
        "silent-server": lambda: server_silent(lab, server),
        "no-server": lambda: credentials_lost(lab),
    }
