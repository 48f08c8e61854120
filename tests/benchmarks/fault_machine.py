"""Rows of the fault table in which the machine is at fault: stopped processes, clocks, disks, a full /tmp."""

import os
import signal
import time

from fault_disk import small_disk
from fault_lab import Lab, dask_cluster, finished_volumes, half_way, kill, local_workers
from fault_rows import Row, closing, resumed

PAUSE = 0.1
_STOPPED = 25.0
CULPRIT = "v005"


def _ended(lab: Lab, fault: str, out, process, *, note: str = "") -> Row:
    """The run either went on, or ended in a sentence and was resumed."""
    _, err = process.communicate(timeout=600)
    codes, expected, again = [process.returncode], [0], 0
    if codes[0] != 0:
        assert codes[0] == 3, err
        code, again = resumed(lab, out)
        codes, expected = [3, code], [3, 0]
    return closing(lab, fault, out, codes, expected, again, note=note)


def worker_stopped(lab: Lab) -> Row:
    """SIGSTOP of a worker for longer than the scheduler waits for a sign of life."""
    out = lab.fresh()
    cluster = lab.cluster_file(kind="processes", workers=2, dashboard="127.0.0.1:0")
    environment = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "10s"}
    process = lab.start(out, "--cluster", cluster, preload=lab.preload(pause=PAUSE), environment=environment)
    half_way(lab, out, process, 0.3)
    stopped = local_workers(process)[0]
    stopped.send_signal(signal.SIGSTOP)
    time.sleep(_STOPPED)
    if stopped.is_running():
        stopped.send_signal(signal.SIGCONT)
    note = "given up after 10 s; the other worker goes on"
    return _ended(lab, f"SIGSTOP of a worker for {_STOPPED:.0f} s", out, process, note=note)


def client_stopped(lab: Lab) -> Row:
    """SIGSTOP of the client, and another that looks meanwhile."""
    out = lab.fresh()
    process = lab.start(out, "--cluster", "sync", preload=lab.preload(pause=PAUSE))
    half_way(lab, out, process, 0.3)
    process.send_signal(signal.SIGSTOP)
    time.sleep(_STOPPED)
    code, _ = lab.run(out, "--cluster", "sync")
    process.send_signal(signal.SIGCONT)
    assert code == 2
    return _ended(lab, f"SIGSTOP of the client for {_STOPPED:.0f} s", out, process, note="a second run is refused")


def partition(lab: Lab) -> Row:
    """A scheduler that answers nobody for a while, as behind a network that is cut, and then does again."""
    out, preload = lab.fresh(), lab.preload(pause=PAUSE)
    with dask_cluster(lab, preload) as (cluster, scheduler, _):
        process = lab.start(out, "--cluster", cluster, preload=preload)
        half_way(lab, out, process, 0.3)
        scheduler.send_signal(signal.SIGSTOP)
        time.sleep(_STOPPED)
        scheduler.send_signal(signal.SIGCONT)
        return _ended(lab, f"no way to the scheduler for {_STOPPED:.0f} s", out, process)


def clock_jump(lab: Lab) -> Row:
    """A machine whose date goes back by a day in the middle of a run."""
    out = lab.fresh()
    process = lab.start(out, "--cluster", "sync", preload=lab.preload(CULPRIT, "clock"))
    return _ended(lab, "the date goes back by a day", out, process)


def slow_disk(lab: Lab) -> Row:
    """A disk on which every sync and every rename takes a second."""
    out = lab.fresh()
    process = lab.start(out, "--cluster", "sync", preload=lab.preload(CULPRIT, "slow"))
    return _ended(lab, "a second of latency at each sync and rename", out, process)


def full_tmp(lab: Lab) -> Row:
    """A TMPDIR without a free byte."""
    out = lab.fresh()
    with small_disk(lab.path / "tmp", 64) as disk:
        with open(disk / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(512))
            except OSError:
                pass
        cluster = lab.cluster_file(kind="processes", workers=2, dashboard="127.0.0.1:0")
        process = lab.start(out, "--cluster", cluster, environment={"TMPDIR": os.fspath(disk)})
        return _ended(lab, "a full /tmp", out, process)


def unreadable_source(lab: Lab) -> Row:
    """A source whose disk answers with I/O errors, and then does not any more."""
    out = lab.fresh()
    code, _ = lab.run(out, "--cluster", "sync", preload=lab.preload("", "eio"))
    second, again = resumed(lab, out)
    return closing(lab, "I/O errors where the volumes are read", out, (code, second), (3, 0), again)


def shard_killed(lab: Lab) -> Row:
    """SIGKILL of one of three shards that work in one folder."""
    out, preload = lab.fresh(), lab.preload(pause=PAUSE)
    shards = [lab.start(out, "--cluster", "sync", "--shard", f"{i}/3", preload=preload) for i in (1, 2, 3)]
    while not finished_volumes(out) and any(shard.poll() is None for shard in shards):
        time.sleep(0.02)
    kill(shards[0])
    for shard in shards[1:]:
        shard.communicate()
    code, _ = resumed(lab, out, "--cluster", "sync", "--shard", "1/3")
    whole, again = resumed(lab, out)
    codes = (*(shard.returncode for shard in shards), code, whole)
    return closing(lab, "SIGKILL of one shard of three; it is run again, then the whole run", out, codes,
                   (-9, 0, 0, 0, 0), again)  # fmt: skip


CASES = {
    "stopped-worker": worker_stopped,
    "stopped-client": client_stopped,
    "partition": partition,
    "clock": clock_jump,
    "slow-disk": slow_disk,
    "full-tmp": full_tmp,
    "unreadable": unreadable_source,
    "shard": shard_killed,
}
