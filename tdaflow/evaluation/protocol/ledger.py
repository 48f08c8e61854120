"""The ledger of a run: which choice was tested on which test split, and when.

A test split is tested once. The entry is written before the first prediction, so a crash after it counts too.
"""

import datetime
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from tdaflow.atomic import write_whole
from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.store import options_digest

FORMAT = 1


@dataclass(frozen=True)
class Touch:
    """Entry of the ledger for a test split that was opened.

    Attributes
    ----------
    number : int
        This choice is the n-th of its family on this split; above 1 the test result is no longer of an untouched split.
    n_choices : int
        Choices of the family on this split so far.
    times : int
        How often this very choice was evaluated; repeats change nothing and are counted only.
    n_others : int
        Choices of the family that were tested before on other test splits of the run, which had volumes added since.
    """

    number: int
    n_choices: int
    times: int
    n_others: int = 0

    @property
    def note(self) -> str:
        """Sentence for the tables."""
        if self.number == 1 and self.n_others:
            return (
                "Another test split of this run, smaller or of other volumes, was tested before this choice was made; "
                "what is in both was not opened for this choice alone."
            )
        if self.number == 1:
            return "The test split was opened for this choice alone, after it was made."
        return (
            f"This is choice {self.number} on the same test split (--allow-second-test): the earlier ones had been "
            "tested when it was made, so its test result is optimistic."
        )


def split_digest(ids: np.ndarray, labels: np.ndarray) -> str:
    """Digest of the ids and labels of a test split, in any order and independent of its features."""
    return options_digest(sorted(zip(ids.tolist(), labels.tolist(), strict=True)))


class Ledger:
    """``ledger.json`` in the evaluation folder of a run.

    Parameters
    ----------
    folder : Path
        The evaluation folder; made on the first entry.
    """

    def __init__(self, folder: Path) -> None:
        self.path = Path(folder) / "ledger.json"

    def entries(self) -> list[dict[str, Any]]:
        """All entries, oldest first; InputError if the file cannot be read."""
        try:
            read = json.loads(self.path.read_text(encoding="utf-8"))
            if read["format"] != FORMAT:
                raise ValueError(f"format {read['format']}, this tdaflow reads {FORMAT}")
            entries: list[dict[str, Any]] = read["entries"]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise InputError(
                f"{self.path} cannot be read ({error}): restore it; it records which test splits were touched"
            ) from None
        return entries

    def refuse_other(
        self, family: str, test: str, choice: Mapping[str, Any], *, allow_second_test: bool = False
    ) -> None:
        """Raise ConfigError if another choice of the family was tested, unless `allow_second_test`."""
        before = [e for e in self.entries() if e["family"] == family and e["test"] == test]
        if before and not allow_second_test and options_digest(choice) not in {e["choice_digest"] for e in before}:
            was, now = before[-1]["choice"], dict(choice)
            differs = ", ".join(k for k in now if was.get(k) != now[k]) or "its options"
            raise ConfigError(
                f"another choice was tested on this test split on {before[-1]['touched'][:10]} (it differs in "
                f"{differs}), so a second test would be optimistic: keep the first, or give --allow-second-test to "
                "have it marked in the tables"
            )

    def touch(self, family: str, test: str, choice: Mapping[str, Any], *, allow_second_test: bool = False) -> Touch:
        """Record that a choice is about to be tested.

        Parameters
        ----------
        family : str
            Kind of method; each family has one choice on a test split.
        test : str
            Digest of the test split, see `split_digest`.
        choice : mapping
            JSON-able: everything that was chosen, and the digest of the features.
        allow_second_test : bool
            Allow a second, different choice.

        Raises
        ------
        ConfigError
            For a second, different choice without `allow_second_test`.
        RunError
            If the ledger cannot be written; the test split is then not opened.
        """
        with self._locked():
            self.refuse_other(family, test, choice, allow_second_test=allow_second_test)
            entries = self.entries()
            digest = options_digest(choice)
            family_entries = [e for e in entries if e["family"] == family and e["test"] == test]
            known = [e for e in family_entries if e["choice_digest"] == digest]
            if known:
                entry = known[0]
                entry["times"] += 1
            else:
                entry = {
                    "family": family, "test": test, "choice_digest": digest, "choice": dict(choice), "times": 1,
                    "touched": _now(), "number": len(family_entries) + 1, "again": bool(family_entries),
                }  # fmt: skip
                entries.append(entry)
                family_entries.append(entry)
            entry["last_touched"] = _now()
            self._write(entries)
            others = [e for e in entries[: entries.index(entry)] if e["family"] == family and e["test"] != test]
        return Touch(entry["number"], len(family_entries), entry["times"], len(others))

    def note_use(self, family: str, test: str, choice: Mapping[str, Any], purpose: str) -> None:
        """Record that a choice that was tested is used on the test split for an analysis.

        Parameters
        ----------
        family, test, choice
            As in `touch`.
        purpose : str
            Name of the analysis, such as "robustness"; nothing may be chosen by its result.

        Raises
        ------
        ConfigError
            If this choice was not tested.
        RunError
            If the ledger cannot be written; the test split is then not opened.
        """
        with self._locked():
            entries, digest = self.entries(), options_digest(choice)
            known = [e for e in entries if (e["family"], e["test"], e["choice_digest"]) == (family, test, digest)]
            if not known:
                raise ConfigError(
                    f"the ledger {self.path} has no evaluation of this choice: run `tdaflow evaluate` first"
                )
            uses = known[0].setdefault("further_uses", {})
            times = uses.get(purpose, {}).get("times", 0)
            uses[purpose] = {"times": times + 1, "last": _now()}
            self._write(entries)

    def _write(self, entries: list[dict[str, Any]]) -> None:
        write_whole(self.path, json.dumps({"format": FORMAT, "entries": entries}, indent=1) + "\n")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_name(".ledger.lock")):
                yield
        except OSError as error:
            raise RunError(
                f"the ledger {self.path} cannot be written ({error.strerror}), so the test split stays closed: "
                "make the run folder writable"
            ) from None


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
