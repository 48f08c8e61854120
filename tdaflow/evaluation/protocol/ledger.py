"""The ledger of a run: which choice was tested on which test split, and when.

A test split is tested once, wherever the run lies: `tdaflow.evaluation.protocol.openings` knows of other run folders.
The entry is written before the first prediction, so a crash after it counts too.
"""

import datetime
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.atomic import write_whole
from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.evaluation.protocol.openings import Opening, Openings
from tdaflow.remote import place
from tdaflow.store import options_digest
from tdaflow.store.lease import locked

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
    before : tuple of Opening
        Other choices that other run folders tested on some of the same volumes before.
    unknown : str
        Why other run folders could not be asked, or will not know of this opening; "" if they could and will.
    """

    number: int
    n_choices: int
    times: int
    before: tuple[Opening, ...] = ()
    unknown: str = ""

    @property
    def note(self) -> str:
        """Sentence for the tables."""
        if self.number == 1:
            text = "The test split was opened for this choice alone, after it was made."
        else:
            text = (
                f"This is choice {self.number} on the same test split (--allow-second-test): the earlier ones had been "
                "tested when it was made, so its test result is optimistic."
            )
        if self.before:
            told = _told(self.before)
            text += f" {told[0].upper()}{told[1:]}."
        return f"{text} Note: {self.unknown}." if self.unknown else text


@dataclass(frozen=True)
class Split:
    """A test split as the ledger knows it.

    Attributes
    ----------
    ids, labels : arrays (n,)
        In any order.
    """

    ids: np.ndarray
    labels: np.ndarray

    @property
    def digest(self) -> str:
        """Digest of ids and labels, independent of the features."""
        return split_digest(self.ids, self.labels)


def split_digest(ids: np.ndarray, labels: np.ndarray) -> str:
    """Digest of the ids and labels of a split, in any order and independent of its features."""
    return options_digest(sorted(zip(ids.tolist(), labels.tolist(), strict=True)))


class Ledger:
    """``ledger.json`` in the evaluation folder of a run, beside the user's file of all opened test splits.

    Parameters
    ----------
    folder : Path
        The evaluation folder; made on the first entry.
    contents : callable, optional
        Returns the content digest of the voxels of each volume of the run by its id, InputError if it cannot. Without
        it only this folder's own entries are known.
    """

    def __init__(self, folder: Path, contents: Callable[[], Mapping[str, str]] | None = None) -> None:
        self.path = place(folder) / "ledger.json"
        self._contents = contents

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
        self, family: str, test: Split, choice: Mapping[str, Any], *, allow_second_test: bool = False
    ) -> None:
        """Raise ConfigError if another choice of the family was tested, in any folder, unless `allow_second_test`."""
        self._other(family, test, choice, self._volumes(test)[0], allow_second_test=allow_second_test)

    def touch(self, family: str, test: Split, choice: Mapping[str, Any], *, allow_second_test: bool = False) -> Touch:
        """Record that a choice is about to be tested.

        Parameters
        ----------
        family : str
            Kind of method; each family has one choice on a test split.
        test : Split
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
        openings = Openings()
        volumes, unknown = self._volumes(test)
        with self._locked(), openings.locked() as unwritable:
            before = self._other(family, test, choice, volumes, allow_second_test=allow_second_test)
            entries = self.entries()
            digest = options_digest(choice)
            of_split = [e for e in entries if e["test"] == test.digest]
            family_entries = [e for e in of_split if e["family"] == family]
            known = [e for e in family_entries if e["choice_digest"] == digest]
            earlier = {o.choice for o in before} | {e["choice_digest"] for e in family_entries}
            if known:
                entry = known[0]
                entry["times"] += 1
            else:
                number = 1 + max([len(earlier), *(e["number"] for e in family_entries)])
                entry = {
                    "family": family, "test": test.digest, "choice_digest": digest, "choice": dict(choice), "times": 1,
                    "touched": _now(), "number": number, "again": number > 1,
                }  # fmt: skip
                entries.append(entry)
                of_split.append(entry)
            entry["last_touched"] = _now()
            if volumes:
                # Entries of this folder that the user's file lacks are of a time when there was none.
                unknown = unwritable or openings.add(self.path.parent.parent.resolve().name, volumes, of_split)
            self._write(entries)
        ours = {e["choice_digest"] for e in family_entries}
        elsewhere = tuple(opening for opening in before if opening.choice not in ours)
        return Touch(entry["number"], len(earlier | {digest}), entry["times"], elsewhere, unknown)

    def _other(
        self, family: str, test: Split, choice: Mapping[str, Any], volumes: list[str], *, allow_second_test: bool
    ) -> list[Opening]:
        """Return the openings by other choices before this one; ConfigError if they forbid it."""
        digest, hint = options_digest(choice), (
            "so a second test would be optimistic: keep the first, or give --allow-second-test to have it marked in "
            "the tables"
        )  # fmt: skip
        ours = [e for e in self.entries() if e["family"] == family and e["test"] == test.digest]
        before = Openings().before(family, digest, volumes) if volumes else []
        if allow_second_test or digest in {e["choice_digest"] for e in ours}:
            return before
        if ours:
            was, now = ours[-1]["choice"], dict(choice)
            differs = ", ".join(k for k in now if was.get(k) != now[k]) or "its options"
            raise ConfigError(
                f"another choice was tested on this test split on {ours[-1]['touched'][:10]} (it differs in "
                f"{differs}), {hint}"
            )
        if before:
            raise ConfigError(f"{_told(before)}, {hint}; all openings are in {Openings().path}")
        return before

    def _volumes(self, test: Split) -> tuple[list[str], str]:
        """Return the content digests of a split, or why they are not known."""
        reason = "what the test volumes hold is not known here, so other run folders were not asked"
        if self._contents is None:
            return [], reason
        try:
            contents = self._contents()
        except InputError as error:
            return [], f"{reason} ({error})"
        found = [contents.get(str(identity), "") for identity in test.ids]
        return ([], reason) if "" in found else (found, "")

    def note_use(self, family: str, test: Split, choice: Mapping[str, Any], purpose: str) -> None:
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
            entries, wanted = self.entries(), (family, test.digest, options_digest(choice))
            known = [e for e in entries if (e["family"], e["test"], e["choice_digest"]) == wanted]
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
            with locked(self.path.with_name(".ledger.lock")):
                yield
        except OSError as error:
            raise RunError(
                f"the ledger {self.path} cannot be written ({error.strerror}), so the test split stays closed: "
                "make the run folder writable"
            ) from None


def _told(before: Sequence[Opening]) -> str:
    """Say of the opening with the most volumes in common what it was, and how many others there are."""
    largest = max(before, key=lambda opening: opening.n_shared)
    others = f", and {len(before) - 1} other choice{'s' if len(before) > 2 else ''}" if len(before) > 1 else ""
    return largest.in_words + others


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
