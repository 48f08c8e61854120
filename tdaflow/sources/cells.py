"""Meaning of cells, the same in all tables: missing values, splits, whole numbers."""

import re

from tdaflow.printable import printable

# As R, pandas and BIDS write them. Case counts: "none" may well be a class, such as no tumour.
MISSING = frozenset(
    {"", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "-nan", "None", "null", "NULL", "Null", "-"}
)
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_ADDRESS = re.compile(r"([A-Za-z0-9+.-]*://)(?:[^/\s]*@)?([^?#\s]*)(?:[?#].*)?", re.DOTALL)
_WHOLE = re.compile(r"([+-]?[0-9]+)\.0*")


def cell_text(raw: str | None, *, verbatim: bool = False) -> str | None:
    """Return the text of a cell without surrounding blanks; None if it is empty or a word for a missing value.

    Addresses are shortened as by `without_secrets`, and control characters are written as escapes, but not those of
    `verbatim` text, such as a path.
    """
    text = without_secrets((raw or "").strip())
    return None if text in MISSING else text if verbatim else printable(text)


def without_secrets(text: str) -> str:
    """Remove user names, passwords and queries (tokens) from addresses, so that they reach no message and no store.

    Examples
    --------
    >>> without_secrets("https://user:word@host/a.nii?token=1")
    'https://host/a.nii'
    """
    return _ADDRESS.sub(r"\1\2", text) if "://" in text else text


def is_missing_word(raw: str | None) -> bool:
    """Return True if a cell holds a word for a missing value, such as ``NA``."""
    return bool(raw and raw.strip()) and cell_text(raw) is None


def split_name(text: str) -> str:
    """Return the split that a word stands for, in any case; the word itself if it stands for none."""
    return _SPLITS.get(text.casefold(), text)


def whole_number(text: str) -> str:
    """Remove the zeros that tables with gaps add to whole numbers (``1.0`` becomes ``1``); keep other text."""
    found = _WHOLE.fullmatch(text)
    return found[1] if found else text


def decimal(text: str) -> float:
    """Return the number that a cell holds, also with a decimal comma (`ValueError`)."""
    return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)


def missing_note(n: int, table: str) -> tuple[str, ...]:
    """Return a sentence about `n` cells with words for missing values; an empty tuple if `n` is 0."""
    if not n:
        return ()
    cells = "1 cell of {} says" if n == 1 else f"{n} cells of {{}} say"
    return (f"{cells.format(table)} NA, None or the like and {'is' if n == 1 else 'are'} taken as empty",)
