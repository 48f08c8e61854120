"""One flipped bit or a cut file anywhere in a finished run: it is seen, no reader takes it for results, it is repaired.

    python tests/benchmarks/fault_flips.py --faults 300

Data and metadata of all stores and run.json are hit alike: a file is drawn with equal chance for each, so that the few
large ones do not take all. For every fault `check --deep` must tell of it, readers must give the undisturbed numbers or
raise one of tdaflow's errors, and ``run --verify`` must end with the bits of the undisturbed run or such an error. Ends
with 1 if not.
"""

import argparse
import os
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from fault_disk import copy_run
from fault_lab import Lab, same_bits
from fault_rows import reference

from tdaflow import load_features
from tdaflow.config import load_config
from tdaflow.errors import TdaflowError
from tdaflow.pipeline import InProcess, Silent, read_status, run
from tdaflow.pipeline.opened import Run
from tdaflow.store import DiagramStore, RunFolder, VolumeStore
from tdaflow.store.integrity import check_run, has_errors


@dataclass
class Fault:
    """One damaged file and what became of it.

    Attributes
    ----------
    where, how : str
    seen : bool
        `check --deep` found an error.
    wrong : list of str
        Readers that gave other numbers without a word.
    tracebacks : list of str
        What ended in an error that is none of tdaflow's.
    ending : "repaired", "named" or "other"
        After ``run --verify``: the undisturbed bits and nothing wrong any more, a sentence, or neither.
    said : str
        That sentence.
    """

    where: str
    how: str
    seen: bool = False
    wrong: list[str] = field(default_factory=list)
    tracebacks: list[str] = field(default_factory=list)
    ending: str = "other"
    said: str = ""

    @property
    def good(self) -> bool:
        """Nothing was lost, and nothing was silent."""
        return self.seen and not self.wrong and not self.tracebacks and self.ending != "other"


def state(out: Path) -> object:
    """Read what run.json says of results."""
    status = read_status(RunFolder(out))
    return [status[name] for name in ("ranges", "scales", "outcomes", "quarantined", "cohort", "config", "digests")]


def features(out: Path) -> object:
    """Read every variable of the features."""
    data = load_features(out)
    return {name: (v.dims, v.values.tobytes() if v.dtype != object else list(v.values)) for name, v in data.items()} | {
        str(name): v.values.tolist() for name, v in data.coords.items()
    }


def diagrams(out: Path) -> object:
    """Read every bar."""
    store = DiagramStore(out / "diagrams.zarr")
    rows = store.read_rows(range(VolumeStore(out / "volumes.zarr").table().n_ok))
    return [{c: (b.pairs.tobytes(), b.counts.tobytes()) for c, b in sorted(row.items()) if b.n_bars} for row in rows]


def volumes(out: Path) -> object:
    """Read every voxel and the table."""
    store = VolumeStore(out / "volumes.zarr")
    table = {name: column.tolist() for name, column in vars(store.table()).items()}
    return str(table), [v.tobytes() for v in store.voxels(0, store.table().n_ok)]


def table(out: Path) -> object:
    """Read the features as a table."""
    return Run(out).table().to_csv()


READERS: tuple[Callable[[Path], object], ...] = (state, features, diagrams, volumes, table)


def faults(lab: Lab, n: int, seed: int = 0) -> Iterator[Fault]:
    """Flip bits and cut files, one at a time, at random places of a finished run's files."""
    undisturbed = reference(lab)
    told = {reader.__name__: reader(undisturbed) for reader in READERS}
    stores = sorted(path for store in undisturbed.glob("*.zarr") for path in store.rglob("*") if path.is_file())
    files = [path.relative_to(undisturbed) for path in (*stores, undisturbed / "run.json") if path.stat().st_size]
    config = load_config(lab.config())
    rng = np.random.default_rng(seed)
    for _ in range(n):
        out = copy_run(undisturbed, lab.fresh())
        where = files[rng.integers(len(files))]
        fault = Fault(str(where), _damage(out / where, rng))
        problems = _tried(fault, "check", lambda out=out: check_run(RunFolder(out), deep=True)[0])
        fault.seen = problems is not None and has_errors(problems)
        for reader in READERS:
            found = _tried(fault, reader.__name__, lambda out=out, reader=reader: reader(out))
            if found is not None and found != told[reader.__name__]:
                fault.wrong.append(reader.__name__)
        fault.said = ""
        ended = _tried(fault, "run", lambda out=out: run(config, RunFolder(out), InProcess(), Silent(), verify=True))
        if ended is None:
            fault.ending = "named" if fault.said else "other"
        elif same_bits(out, undisturbed) and not has_errors(check_run(RunFolder(out), deep=True)[0]):
            fault.ending = "repaired"
        shutil.rmtree(out)
        yield fault


def _damage(path: Path, rng: np.random.Generator) -> str:
    size = path.stat().st_size
    if rng.random() < 0.5:
        length = int(rng.integers(size))
        os.truncate(path, length)
        return f"cut to {length} of {size} bytes"
    position, bit = int(rng.integers(size)), int(rng.integers(8))
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)
    return f"bit {bit} of byte {position} flipped"


def _tried(fault: Fault, what: str, call: Callable[[], object]) -> object | None:
    """Return what a call returns; None if it raises, which is noted."""
    try:
        return call()
    except TdaflowError as error:
        fault.said = str(error)
    except Exception:
        fault.tracebacks.append(f"{what}: {traceback.format_exc().splitlines()[-1]}")
    return None


def summary(found: list[Fault]) -> str:
    """One line on all faults."""
    endings = Counter(fault.ending for fault in found)
    return (
        f"{sum(f.seen for f in found)} of {len(found)} seen, {sum(map(bool, (f.wrong for f in found)))} wrong numbers, "
        f"{sum(map(bool, (f.tracebacks for f in found)))} tracebacks, {endings['repaired']} repaired, "
        f"{endings['named']} named"
    )


def main() -> int:
    """Print what was not as it should be, and a summary; 1 if there was anything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        found = list(faults(Lab(Path(temporary), 12), arguments.faults, arguments.seed))
    for fault in found:
        if not fault.good:
            print(fault)
        elif fault.ending == "named":
            print(f"named: {fault.where}: {fault.said}")
    print(summary(found))
    return int(not all(fault.good for fault in found))


if __name__ == "__main__":
    sys.exit(main())
