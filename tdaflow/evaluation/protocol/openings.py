"""Test volumes that were opened before, in any run folder: one file a user, keyed by what the volumes hold.

Each line of the file is a JSON object: the time, the name of the run folder, the family, the digest of the choice, and
digests of the test volumes' voxels. There is no path, no id and no label in it.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from tdaflow.atomic import write_whole
from tdaflow.errors import InputError
from tdaflow.store import options_digest

FORMAT = 1
VARIABLE = "TDAFLOW_LEDGER"
LISTED = 1024
"""Volumes of a test split whose digests are kept: of a larger split the smallest digests, a random sample."""
_HEX = 16  # 64 bits: no accidental match among 10⁵ × 10⁵ volumes


@dataclass(frozen=True)
class Opening:
    """A choice that was tested on some of the same volumes.

    Attributes
    ----------
    choice, run, time : str
        Digest of the choice, name of its run folder, ISO time.
    n_shared, n_volumes : int
        How many of the volumes at hand were opened, and how many these are.
    exact : bool
        False if `n_shared` is estimated from a sample of a large split.
    """

    choice: str
    run: str
    time: str
    n_shared: int
    n_volumes: int
    exact: bool

    @property
    def in_words(self) -> str:
        """When, and by which run and choice, how many of the volumes were opened."""
        return (
            f"{'' if self.exact else 'about '}{self.n_shared} of {self.n_volumes} test volumes were opened before, on "
            f"{self.time[:10]} by the run {self.run!r} (choice {self.choice[:8]})"
        )


def openings_path() -> Path:
    """Return the user's file: what ``TDAFLOW_LEDGER`` says, else one in the user's data folder."""
    if given := os.environ.get(VARIABLE):
        return Path(given).expanduser()
    import platformdirs

    return platformdirs.user_data_path("tdaflow") / "opened-test-splits.jsonl"


class Openings:
    """The user's file of opened test splits.

    Parameters
    ----------
    path : Path, optional
        By default `openings_path`.

    Notes
    -----
    A split of more than `LISTED` volumes leaves a sample, so that 10⁵ volumes take 16 kB. Of that sample the share that
    a later split holds is estimated without bias, but a later split of few of its volumes can be missed.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or openings_path()

    @contextmanager
    def locked(self) -> Iterator[str]:
        """Keep other processes out; yield why the file cannot be written, "" if it can."""
        with ExitStack() as held:
            reason = ""
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(FileLock(self.path.with_name(f".{self.path.name}.lock")))
            except OSError as error:
                reason = self._unwritable(error)
            yield reason

    def before(self, family: str, choice: str, volumes: Collection[str]) -> list[Opening]:
        """Find the other choices of a family that were tested on some of these volumes.

        Parameters
        ----------
        family : str
        choice : str
            Digest of the choice at hand. If it was tested itself, those that came after it are left out.
        volumes : collection of str
            Content digests of the test volumes at hand.

        Returns
        -------
        list of Opening
            Oldest first, one a choice.

        Raises
        ------
        InputError
            If the file is damaged.
        """
        here = {digest[:_HEX] for digest in volumes}
        lines, found = self._lines(), dict[str, Opening]()
        listed = {line["test"]: line["volumes"] for line in lines if "volumes" in line}
        for line in sorted(lines, key=lambda line: line["time"]):
            if line["family"] != family or line["choice"] in found:
                continue
            known, n = listed[line["test"]], line["n"]
            if not (shared := here.intersection(known)):
                continue
            if line["choice"] == choice:
                break
            # A sample of all: its share is theirs.
            n_shared = min(round(len(shared) * n / len(known)), len(here))
            found[line["choice"]] = Opening(
                line["choice"], line["run"], line["time"], n_shared, len(here), exact=len(known) == n
            )
        return list(found.values())

    def add(self, run: str, volumes: Collection[str], entries: Sequence[Mapping[str, Any]]) -> str:
        """Record choices that are, or were, tested on some volumes; call it within `locked`.

        Parameters
        ----------
        run : str
            Name of the run folder.
        volumes : collection of str
            Content digests.
        entries : sequence of mapping
            ``family``, ``choice_digest`` and ``touched`` of each; what is recorded already is passed over.

        Returns
        -------
        str
            Why the file cannot be written, "" if it was.
        """
        here = sorted({digest[:_HEX] for digest in volumes})
        test, lines = options_digest(here)[:_HEX], self._lines()
        known = {(line["family"], line["choice"]) for line in lines if line["test"] == test}
        told: dict[str, Any] = {} if any(line["test"] == test for line in lines) else {"volumes": here[:LISTED]}
        new = []
        for entry in entries:
            if (entry["family"], entry["choice_digest"]) not in known:
                new.append(
                    {
                        "format": FORMAT, "time": entry["touched"], "run": run, "family": entry["family"],
                        "choice": entry["choice_digest"], "test": test, "n": len(here), **told,
                    }
                )  # fmt: skip
                told = {}
        if not new:
            return ""
        try:
            write_whole(self.path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [*lines, *new]))
        except OSError as error:
            return self._unwritable(error)
        return ""

    def _lines(self) -> list[dict[str, Any]]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except OSError:  # none yet; one that cannot be read cannot be written either, which is said
            return []
        except ValueError as error:
            raise self._damaged(1, error) from None
        lines, listed = [], set[str]()
        for number, written in enumerate(text.splitlines(), start=1):
            try:
                line = json.loads(written)
                if line["format"] != FORMAT:
                    raise ValueError(f"format {line['format']}, this tdaflow reads {FORMAT}")
                listed |= {line["test"]} if line.get("volumes") else set()
                if line["test"] not in listed or not isinstance(line["n"], int):
                    raise ValueError("its test volumes are not told")
                for key in ("time", "run", "family", "choice"):
                    if not isinstance(line[key], str):
                        raise ValueError(f"{key} is no text")
            except (ValueError, KeyError, TypeError) as error:
                raise self._damaged(number, error) from None
            lines.append(line)
        return lines

    def _damaged(self, number: int, error: Exception) -> InputError:
        return InputError(
            f"line {number} of {self.path} cannot be read ({error}): restore the file, which records the test splits "
            f"that were opened, or delete that line"
        )

    def _unwritable(self, error: OSError) -> str:
        return (
            f"{self.path} cannot be written ({error.strerror or error}), so this opening is recorded in the run folder "
            f"alone and no other run will know of it: set {VARIABLE} to a file that can be written"
        )
