"""What a cell of a table means, the same in every table that is read."""

import re

# As R, pandas and BIDS write them, compared as they are: "none" may well be a class, such as no tumour.
MISSING = frozenset(
    {"", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "-nan", "None", "null", "NULL", "Null", "-"}
)
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_WHOLE = re.compile(r"([+-]?[0-9]+)\.0*")


def cell_text(raw: str | None) -> str | None:
    """The text of a cell without blanks around it; None if the cell is empty or says that its value is missing."""
    text = (raw or "").strip()
    return None if text in MISSING else text


def is_missing_word(raw: str | None) -> bool:
    """True if a cell is not empty but says that its value is missing, such as ``NA``."""
    return bool(raw and raw.strip()) and cell_text(raw) is None


def split_name(text: str) -> str:
    """The split that a word means, whatever its case; the word itself if it means none."""
    return _SPLITS.get(text.casefold(), text)


def whole_number(text: str) -> str:
    """A name without the zeros that tables with gaps add to whole numbers: ``1.0`` is ``1``; others stay."""
    found = _WHOLE.fullmatch(text)
    return found[1] if found else text


def missing_note(n: int, table: str) -> tuple[str, ...]:
    """A sentence about `n` cells with words for missing values; none if there are none."""
    if not n:
        return ()
    cells = "1 cell of {} says" if n == 1 else f"{n} cells of {{}} say"
    return (f"{cells.format(table)} NA, None or the like and {'is' if n == 1 else 'are'} taken as empty",)
