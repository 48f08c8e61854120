"""One flipped bit anywhere in the stores of a finished run: `check --deep` tells of it, or no result is another.

    python tests/benchmarks/fault_flips.py --flips 500

ends with 1 if a flip changed what is read and was not told.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from fault_disk import copy_run
from fault_lab import Lab, same_bits
from fault_rows import reference

from tdaflow.store import RunFolder
from tdaflow.store.integrity import check_run, has_errors


def unseen_flips(lab: Lab, flips: int, seed: int = 0) -> tuple[list[str], int]:
    """Flip bits, one at a time, at random places of the run's files; return those that went unseen, and how many told.

    A file is drawn with equal chance for each, so that the few large ones do not take all the flips.
    """
    undisturbed = reference(lab)
    out = copy_run(undisturbed, lab.fresh())
    files = sorted(path for store in out.glob("*.zarr") for path in store.rglob("*") if path.is_file())
    files = [path for path in files if path.stat().st_size]
    rng, unseen, told = np.random.default_rng(seed), [], 0
    for _ in range(flips):
        path = files[rng.integers(len(files))]
        whole = path.read_bytes()
        position, bit = int(rng.integers(len(whole))), int(rng.integers(8))
        data = bytearray(whole)
        data[position] ^= 1 << bit
        path.write_bytes(data)
        try:
            if has_errors(check_run(RunFolder(out), deep=True)[0]):
                told += 1
            elif not _harmless(out, undisturbed):
                unseen.append(f"{path.relative_to(out)}, byte {position}, bit {bit}")
        finally:
            path.write_bytes(whole)
    return unseen, told


def _harmless(out: Path, undisturbed: Path) -> bool:
    try:
        return same_bits(out, undisturbed)
    except Exception:
        return False


def main() -> int:
    """Print what went unseen; 1 if anything did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        unseen, told = unseen_flips(Lab(Path(temporary), 12), arguments.flips, arguments.seed)
    for where in unseen:
        print(f"UNSEEN: {where}")
    print(f"{arguments.flips} flipped bits: {told} told, {len(unseen)} unseen, the rest changed no result")
    return int(bool(unseen))


if __name__ == "__main__":
    sys.exit(main())
