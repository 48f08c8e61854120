"""Recognise segmentations by their file names, to warn when they are read as volumes."""

import re
from collections import Counter
from collections.abc import Iterable
from posixpath import basename

# As in the Medical Segmentation Decathlon and nnU-Net (labelsTr), BIDS (derivatives) and by habit.
MASK_FOLDER = re.compile(
    r"labels(tr|ts|va|val|train|test)?|masks?|segs?|segmentations?|derivatives|annotations?|ground[-_ ]?truth",
    re.IGNORECASE,
)
_FILE = re.compile(r"[-_.](d?seg|aseg|segmentation|mask|labels?|labelmap)$", re.IGNORECASE)
_SHOWN = 3


def mask_note(stems: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence about volumes that look like segmentations of the others; nothing if none or all do.

    If all do, segmentations were requested, as in a study of shapes.

    Parameters
    ----------
    stems : iterable of str
        Names relative to the data folder, with forward slashes and without suffix.
    """
    signs = [mask_sign(stem) for stem in stems]
    found = Counter(sign for sign in signs if sign)
    if not 0 < found.total() < len(signs):
        return ()
    shown = ", ".join(sign for sign, _ in found.most_common(_SHOWN)) + (", …" if len(found) > _SHOWN else "")
    return (
        f"{found.total()} of {len(signs)} volumes look like segmentations by their names ({shown}) and are read as "
        "volumes: to leave them out, give the folder of the images alone; to use them as masks, give "
        "--set data.mask_mode=crop --set data.mask_dir=DIR (with the same names in it), or list both "
        "in a manifest, columns path and mask",
    )


def mask_sign(stem: str) -> str | None:
    """Return the folder, or the end of the file name, that marks a segmentation; None if there is none."""
    folder = next((part for part in stem.split("/")[:-1] if MASK_FOLDER.fullmatch(part)), None)
    if folder is not None:
        return f"{folder}/"
    end = _FILE.search(basename(stem))
    return f"*{end[0].lower()}" if end else None
