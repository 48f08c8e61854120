"""What a run survives: faults from outside, each compared bit for bit with an undisturbed run.

    python tests/benchmarks/fault_table.py [--s3] [--only NAME ...]

prints a Markdown table. "Exit codes" are those of the disturbed command and of the commands after it; "done again"
counts volumes of finished batches that were begun again after a restart, by a ledger that the workers keep.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import fault_machine
import fault_objects
from fault_disk import chunk_of, copy_run, flip, kilobytes_in, remount, small_disk, truncate
from fault_flips import faults, summary
from fault_lab import Lab, dask_cluster, finished_volumes, half_way, kill, kill_workers
from fault_rows import Row, closing, reference, resumed
from object_server import BUCKET, environment, s3_server

from tdaflow.store import RunFolder

PAUSE = 0.1
STAGES = ("ingest", "superpixels+persistence", "ranges", "images")
CULPRIT = 9


def workers_killed(lab: Lab, times: int) -> Row:
    """SIGKILL of worker processes while they work."""
    out = lab.fresh()
    lab.forget()
    cluster = lab.cluster_file(kind="processes", workers=2, memory_limit="2GiB", dashboard="127.0.0.1:0")
    preload = lab.preload(pause=PAUSE)
    process = lab.start(out, "--cluster", cluster, preload=preload)
    killed = kill_workers(process, times, lambda: len(lab.begun()))
    process.communicate()
    codes, begun, again = [process.returncode], len(lab.begun()), 0
    # A volume that lost its worker every time it was tried counts as failed; the next run tries it again.
    expected = [process.returncode if times > 4 and process.returncode == 3 else 0]
    if codes[0] == 3:
        code, again = resumed(lab, out)
        codes.append(code)
        expected.append(0)
    note = f"{killed} kills; {begun - lab.n} volumes begun more than once"
    return closing(lab, f"SIGKILL of a worker, {times}×", out, codes, expected, again, note=note)


def client_killed(lab: Lab) -> Row:
    """SIGKILL of the client, whose workers are its children."""
    out = lab.fresh()
    cluster = lab.cluster_file(kind="processes", workers=2, dashboard="127.0.0.1:0")
    process = lab.start(out, "--cluster", cluster, preload=lab.preload(pause=PAUSE))
    half_way(lab, out, process)
    kill(process)
    done = len(finished_volumes(out))
    time.sleep(2)  # until its workers have noticed
    code, again = resumed(lab, out)
    note = f"{done} of {lab.n} volumes were finished"
    return closing(lab, "SIGKILL of the client", out, (process.returncode, code), (-9, 0), again, note=note)


def killed_between(lab: Lab, stage: str) -> Row:
    """SIGKILL of the client at the end of a stage."""
    out = lab.fresh()
    process = lab.start(out, "--cluster", "sync", stage=stage)
    process.communicate()
    code, again = resumed(lab, out)
    return closing(lab, f"SIGKILL after the stage {stage}", out, (process.returncode, code), (-9, 0), again)


def external_killed(lab: Lab, whom: str) -> Row:
    """SIGKILL of the client or the scheduler of a cluster that a user started."""
    out, preload = lab.fresh(), lab.preload(pause=PAUSE)
    with dask_cluster(lab, preload) as (cluster, scheduler, _):
        process = lab.start(out, "--cluster", cluster, preload=preload)
        half_way(lab, out, process)
        kill(process if whom == "client" else scheduler)
        began = time.monotonic()
        process.wait(120)
        took = time.monotonic() - began
        time.sleep(1)
        code, again = resumed(lab, out, "--cluster", cluster if whom == "client" else "sync", preload=preload)
    note = "the cluster lives on and is used again" if whom == "client" else f"noticed after {took:.0f} s"
    first = -9 if whom == "client" else 3
    return closing(lab, f"SIGKILL of the {whom}, cluster apart", out, (process.returncode, code), (first, 0), again,
                   note=note)  # fmt: skip


def poisoned(lab: Lab, harm: str, fault: str, *settings: str, only_allowed: bool = False) -> Row:
    """A volume that harms its worker: the run ends before σ, or goes on without it where that is allowed.

    It is compared with a run of the same input without the volume. `only_allowed` leaves out the first of the two.
    """
    out, name = lab.fresh(), f"v{CULPRIT:03d}"
    options = {"kind": "processes", "workers": 2, "memory_limit": "1GiB", "dashboard": "127.0.0.1:0"}
    cluster, preload = lab.cluster_file(**options), lab.preload(name, harm)
    sets = [part for setting in settings for part in ("--set", setting)]
    allowed = [*sets, "--set", "run.allow_failed=1"]
    codes, again, note = [], 0, ""
    for more in [allowed] if only_allowed else [sets, allowed]:
        finished = finished_volumes(out)
        lab.forget()
        code, err = lab.run(out, "--cluster", cluster, *more, preload=preload)
        codes.append(code)
        again += len(finished & set(lab.begun()))
        failed = json.loads((out / "run.json").read_text())["failed"]
        if len(finished_volumes(out)) != lab.n - 1 or list(failed) != [name]:
            note = f"NOT isolated: {err[-300:]}"
        elif not all(setting.replace("=", " = ") in failed[name] for setting in settings):
            note = f"the reason does NOT name the setting: {failed[name]}"
        note = note or f"isolated after {lab.begun().count(name)} deaths, batch mates finished"
    return closing(lab, fault, out, codes, (3, 4)[-len(codes) :], again, note=note, without=CULPRIT)


def disk_full(lab: Lab, stage: str) -> Row:
    """A file system that is full in the middle of a stage, and then made larger."""
    whole = reference(lab)
    stores = [whole / f"{name}.zarr" for name in ("volumes", "diagrams", "features")]
    position = ("ingest", "diagrams", "images").index(stage)
    room = kilobytes_in(*stores[:position]) + kilobytes_in(stores[position]) // 2 + 12
    with small_disk(lab.path / f"disk-{stage}", room) as disk:
        code, _ = lab.run(disk / "run", "--cluster", "sync")
        remount(disk, "size=50m")
        second, again = resumed(lab, disk / "run")
        return closing(lab, f"disk full during {stage}", disk / "run", (code, second), (3, 0), again)


def disk_full_before_ranges(lab: Lab) -> Row:
    """A file system that is full when the ranges, which are written into run.json alone, are about to be computed."""
    with small_disk(lab.path / "disk-ranges", 20_000) as disk:
        filler = disk / "filler"
        code, _ = lab.run(disk / "run", "--cluster", "sync", fill=("ranges", str(filler)))
        filler.unlink()
        second, again = resumed(lab, disk / "run")
        return closing(lab, "disk full during ranges", disk / "run", (code, second), (3, 0), again)


def read_only(lab: Lab) -> Row:
    """A finished run on a file system that has become read-only, and its volumes read from there."""
    with small_disk(lab.path / "disk-ro", 20_000) as disk:
        copy_run(reference(lab), disk / "run")
        remount(disk, "ro")
        code, _ = lab.run(disk / "run", "--cluster", "sync")
        out = lab.fresh()
        config = lab.path / "from-store.toml"
        text = lab.config().read_text()
        config.write_text(f'[data]\nstore = "{disk}/run/volumes.zarr"\n' + text[text.index("[superpixels]") :])
        second, _ = lab.run(out, "--cluster", "sync", config=config)
        return closing(lab, "read-only file system: run there; only its volumes read", out, (code, second), (2, 0))


def damaged(lab: Lab, store: str, harm: Callable[[Path], None]) -> Row:
    """A damaged chunk is found when it is read, told, and made anew on request."""
    out = copy_run(reference(lab), lab.fresh())
    array = {"volumes": "voxels", "diagrams": "bars", "features": "persistence_image"}[store]
    harm(chunk_of(out / f"{store}.zarr", array))
    for later in {"volumes": ("diagrams", "features"), "diagrams": ("features",), "features": ()}[store]:
        shutil.rmtree(out / f"{later}.zarr")
    codes = []
    if store != "features":
        codes.append(lab.run(out, "--cluster", "sync")[0])
    codes.append(lab.run(out, "--cluster", "sync", "--verify")[0])
    what = "flipped bit" if harm is flip else "truncated chunk"
    return closing(lab, f"{what} in {store}.zarr", out, codes, (3, 0)[-len(codes) :], note="--verify")


def anywhere(lab: Lab, n: int = 300) -> Row:
    """Flipped bits and cut files, one at a time, at random places of all files of a finished run."""
    found = list(faults(lab, n))
    for fault in found:
        if not fault.good:
            print(fault, file=sys.stderr)
    good = all(fault.good for fault in found)
    what = f"one flipped bit or cut file, at {n} random places of data, metadata and run.json"
    return Row(what, (0,), (0,), 0, 0, good, good, f"--verify; {summary(found)}")


def two_at_once(lab: Lab) -> Row:
    """A second run in the same folder while the first one lives."""
    out = lab.fresh()
    first = lab.start(out, "--cluster", "sync", preload=lab.preload(pause=PAUSE))
    half_way(lab, out, first, 0.1)
    first.send_signal(signal.SIGSTOP)  # or it might end before the second has begun
    code, err = lab.run(out, "--cluster", "sync")
    first.send_signal(signal.SIGCONT)
    first.communicate()
    note = "names host and pid" if f"pid {first.pid}" in err else ""
    return closing(lab, "two runs at once on one folder", out, (code, first.returncode), (2, 0), note=note)


def changed(lab: Lab, what: str) -> Row:
    """A finished folder, and other settings, other input or another version of a package."""
    out = copy_run(reference(lab), lab.fresh())
    more: list[object] = []
    config, expected = lab.config(), 2
    if what == "settings":
        more = ["--set", "superpixels.n_superpixels=50"]
    elif what == "input":
        config = lab.path / "changed" / "run.toml"
        if not config.exists():
            shutil.copytree(lab.config().parent, config.parent)
            config.write_text(lab.config().read_text().replace(str(lab.config().parent), str(config.parent)))
            flip(config.parent / "stack.npy")
    else:
        expected = 0
        state = json.loads((out / "run.json").read_text())
        (state if what == "tdaflow" else state["versions"])[what] = "0.0.1"
        RunFolder(out).write(state)
    lab.forget()
    code, err = lab.run(out, "--cluster", "sync", *more, config=config)
    named = {"settings": "superpixels.n_superpixels", "input": "source"}.get(what, f"{what} 0.0.1 →")
    told = "says what changed" if named in err else f"NOT told: {err[-200:]}"
    name = what if what in ("settings", "input") else f"version of {what}"
    return closing(lab, f"changed {name} since", out, (code,), (expected,), len(lab.begun()), note=told)


ON_OBJECTS = (
    "worker-1", "worker-4", "client", *(f"after-{stage}" for stage in STAGES), "external-client", "external-scheduler",
    "segfault", "two",
)  # fmt: skip
"""Faults that have nothing to do with disks."""


def cases_on_objects(lab: Lab, server: subprocess.Popen) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Every fault of runs whose folders are on an object store."""
    yield from ((name, case) for name, case in cases(lab) if name in ON_OBJECTS)
    yield from fault_objects.cases(lab, server).items()


def cases(lab: Lab) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Every fault by a short name."""
    for times in (1, 4, 20):
        yield f"worker-{times}", lambda times=times: workers_killed(lab, times)
    yield "client", lambda: client_killed(lab)
    for stage in STAGES:
        yield f"after-{stage}", lambda stage=stage: killed_between(lab, stage)
    for whom in ("client", "scheduler"):
        yield f"external-{whom}", lambda whom=whom: external_killed(lab, whom)
    yield "segfault", lambda: poisoned(lab, "segfault", "a volume that crashes its worker")
    yield "hog", lambda: poisoned(lab, "hog", "a volume that takes all memory")
    for harm, how in (("sleep", "hangs"), ("spin", "hangs in compiled code")):
        yield (
            harm,
            lambda harm=harm, how=how: poisoned(
                lab, harm, f"a volume that {how} (`run.volume_seconds=4`)", "run.volume_seconds=4"
            ),
        )
    for stage in ("ingest", "diagrams", "images"):
        yield f"full-{stage}", lambda stage=stage: disk_full(lab, stage)
    yield "full-ranges", lambda: disk_full_before_ranges(lab)
    yield "read-only", lambda: read_only(lab)
    for store in ("volumes", "diagrams", "features"):
        for harm in (flip, truncate):
            yield f"{harm.__name__}-{store}", lambda store=store, harm=harm: damaged(lab, store, harm)
    yield "two", lambda: two_at_once(lab)
    yield "anywhere", lambda: anywhere(lab)
    for name, case in fault_machine.CASES.items():
        yield name, lambda case=case: case(lab)
    for what in ("settings", "input", "gudhi", "tdaflow"):
        yield f"changed-{what}", lambda what=what: changed(lab, what)


def main() -> int:
    """Print the table; 1 if something was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", help="names of faults")
    parser.add_argument("--volumes", type=int, default=24)
    parser.add_argument("--s3", action="store_true", help="runs on an object store, moto's server on this machine")
    arguments = parser.parse_args()
    good = True
    print("| fault | exit codes | done again | leftovers | same bits and σ, none lost | |\n|---|---|---|---|---|---|")
    with ExitStack() as held:
        temporary = held.enter_context(tempfile.TemporaryDirectory())
        if arguments.s3:
            settings, server = held.enter_context(s3_server())
            held.enter_context(environment(settings))
            lab = Lab(Path(temporary), arguments.volumes, address=BUCKET)
            chosen = cases_on_objects(lab, server)
        else:
            lab = Lab(Path(temporary), arguments.volumes)
            chosen = cases(lab)
        for name, case in chosen:
            if arguments.only and name not in arguments.only:
                continue
            try:
                row = case()
            except PermissionError as error:
                print(f"| {name} | | | | | skipped: {error} |", flush=True)
                continue
            good &= row.good
            codes = " → ".join("killed" if code == -9 else str(code) for code in row.codes)
            verdict = "yes" if row.same and row.accounted else "**NO**"
            verdict += "" if row.good else " (**not as expected**)"
            print(f"| {row.fault} | {codes} | {row.again} | {row.leftovers} | {verdict} | {row.note} |", flush=True)
    return not good


if __name__ == "__main__":
    sys.exit(main())
