"""One row of the fault table: how a disturbed run ended, against an undisturbed one."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fault_lab import Lab, finished_volumes, leftovers, same_bits

from tdaflow.store import RunFolder


@dataclass(frozen=True)
class Row:
    """One fault and what became of the run; `accounted`: each input is ok or quarantined, but for one that kills."""

    fault: str
    codes: tuple[int, ...]
    expected: tuple[int, ...]
    again: int
    leftovers: int
    same: bool
    accounted: bool
    note: str = ""

    @property
    def good(self) -> bool:
        """Nothing was lost."""
        whole = self.same and self.accounted
        return self.codes == self.expected and self.again == 0 and self.leftovers == 0 and whole


def reference(lab: Lab, without: int | None = None) -> Path:
    """An undisturbed run in one process."""
    out = lab.path / f"reference-{without}"
    if not out.exists():
        config = lab.config(*(("all",) if without is None else ("without", without)))
        code, err = lab.run(out, "--cluster", "sync", config=config)
        assert code == 0, err
        lab.forget()
    return out


def closing(
    lab: Lab, fault: str, out: Path, codes: Iterable[int], expected: Iterable[int], again: int = 0,
    *, note: str = "", without: int | None = None, compare: Path | None = None,
) -> Row:  # fmt: skip
    """Compare with the undisturbed run."""
    other = compare or reference(lab, without)
    same = (out / "features.zarr").exists() and same_bits(out, other)
    outcomes = RunFolder(out).read()["outcomes"]
    lost = [outcome for outcome in outcomes.values() if outcome not in ("ok", "quarantined")]
    accounted = len(outcomes) == lab.n and lost == ([] if without is None else ["failed"])
    return Row(fault, tuple(codes), tuple(expected), again, len(leftovers(out)), same, accounted, note)


def resumed(lab: Lab, out: Path, *more: object, **options) -> tuple[int, int]:
    """Run again; the exit code, and how many volumes of finished batches were begun again."""
    finished = finished_volumes(out)
    lab.forget()
    code, err = lab.run(out, *(more or ("--cluster", "sync")), **options)
    if code not in (0, 2, 3):
        print(err, file=sys.stderr)
    return code, len(finished & set(lab.begun()))
