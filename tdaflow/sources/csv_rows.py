"""Read the text of a table as programs and spreadsheets write it."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tdaflow.errors import InputError
from tdaflow.sources.cells import without_secrets
from tdaflow.sources.columns import Rows

SUFFIXES = (".csv", ".tsv")
_DELIMITERS = (",", ";", "\t")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_csv(path: Path) -> tuple[list[str], Rows]:
    """Read a table with a header line.

    Cells are separated by what divides the header into most names, of commas, semicolons and tabs; a first line
    ``sep=;`` says so. UTF-8, or UTF-16 with its mark. Rows whose cells are all empty are left out.

    Parameters
    ----------
    path : pathlib.Path
        The table.

    Returns
    -------
    header : list of str
        Names without surrounding blanks.
    rows : list of (int, mapping)
        Number of the line, from 1 for the first, and cells by name; surplus cells under None, missing ones are None.

    Raises
    ------
    InputError
        If it cannot be read as a table.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-16" if raw.startswith(_UTF16) else "utf-8-sig")
        lines = io.StringIO(text, newline="")
        first = text.partition("\n")[0].strip()
        skipped = int(first.startswith("sep=") and len(first) == 5)
        if skipped:
            lines.readline()
        reader = csv.DictReader(lines, strict=True, delimiter=first[-1] if skipped else _delimiter(first))
        header = [without_secrets(name.strip()) for name in reader.fieldnames or ()]
        reader.fieldnames = header
        return header, [(reader.line_num + skipped, cells) for cells in reader if not _is_blank(cells)]
    except FileNotFoundError:
        raise InputError(f"there is no table {path}: check the path") from None
    except (OSError, UnicodeError, csv.Error) as error:
        what = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path} cannot be read as a UTF-8 CSV ({what}): export it again") from None


def _delimiter(header: str) -> str:
    return max(_DELIMITERS, key=lambda mark: len(next(csv.reader([header], delimiter=mark), ())))


def _is_blank(cells: Mapping[Any, str | Sequence[str] | None]) -> bool:
    return not any("".join(value or "").strip() for value in cells.values())
