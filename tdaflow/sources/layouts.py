"""Layouts of data sets that are known by name: nnU-Net's and the Decathlon's folders, and BIDS."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tdaflow.errors import InputError
from tdaflow.printable import printable
from tdaflow.sources.cells import cell_text
from tdaflow.sources.csv_rows import read_csv
from tdaflow.sources.readers import SUFFIXES, stem_of, suffix_of
from tdaflow.sources.walk import Walk

_CHANNEL = re.compile(r"(.+)_(\d{4})")
_SUBJECT = re.compile(r"(sub-[^_/]+)[_/]")
# Of a data set with several, the image that most studies of shape and texture are of.
_PREFERRED = ("T1w", "T2w", "FLAIR", "ct", "pet")
_MR = re.compile(r"mr|t1|t2|flair|pd|bold|dwi|adc|swi|asl|epi|sbref", re.IGNORECASE)
_LARGEST_JSON = 1 << 24


@dataclass(frozen=True)
class Image:
    """One image of a layout: relative name, what kind of image (channel or suffix), subject, and name of its mask."""

    name: str
    image: str
    subject: str
    mask: str | None = None


@dataclass(frozen=True)
class Layout:
    """What is where in a data set.

    Parameters
    ----------
    what : str
        Name of the layout.
    images : tuple of Image
        All of them, of every kind.
    titles : mapping of str to str
        What the data set calls a channel, such as T1.
    apart : tuple of str
        Sentences about what was found and is not read.
    """

    what: str
    images: tuple[Image, ...]
    titles: Mapping[str, str]
    apart: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Number of images of each kind, the one that is taken by default first."""
        counts = Counter(image.image for image in self.images)
        rank = {name: place for place, name in enumerate(_PREFERRED)}
        order = sorted(
            counts, key=lambda name: (rank.get(name, len(rank)), 0 if name.isdigit() else -counts[name], name)
        )
        return {name: counts[name] for name in order}

    def modality(self, image: str) -> str | None:
        """Return the DICOM code of the modality of a kind of image, if its name tells."""
        title = self.titles.get(image, image)
        if title.lower() in ("ct", "pet"):
            return {"ct": "CT", "pet": "PT"}[title.lower()]
        return "MR" if _MR.match(title) else None


def layout_of(root: Path) -> str | None:
    """Return the name of a folder's layout, by the names in it; None if it is not known."""
    if (root / "imagesTr").is_dir() and ((root / "labelsTr").is_dir() or (root / "dataset.json").is_file()):
        return "nnU-Net"
    described = any((root / name).is_file() for name in ("dataset_description.json", "participants.tsv"))
    return "BIDS" if described and any(path.is_dir() for path in root.glob("sub-*")) else None


def read_layout(root: Path) -> Layout:
    """List the images of a data set; only names are read, and of ``dataset.json`` the names of channels.

    Raises
    ------
    InputError
        If the layout is not known, or there is no image.
    """
    if not root.is_dir():
        raise InputError(f"there is no folder {root}: check the path")
    what = layout_of(root)
    if what is None:
        raise InputError(
            f"{root} is neither laid out as nnU-Net (imagesTr, labelsTr, dataset.json) nor as BIDS "
            "(dataset_description.json, sub-…): read it with data.kind images"
        )
    layout = _nnunet(root) if what == "nnU-Net" else _bids(root)
    if not layout.images:
        raise InputError(f"{root} is laid out as {what} and has no image that ends in {', '.join(SUFFIXES)}")
    return layout


def participants(root: Path) -> tuple[list[str], dict[str, Mapping[str, str | None]]]:
    """Return the columns of ``participants.tsv`` and its rows by subject; nothing if there is none."""
    path = root / "participants.tsv"
    if not path.is_file():
        return [], {}
    columns, rows = read_csv(path)
    if "participant_id" not in columns:
        raise InputError(f"{path} has no column participant_id: its columns are {', '.join(columns)}")
    found: dict[str, Mapping[str, str | None]] = {}
    for line, cells in rows:
        subject = cell_text(cells["participant_id"])
        if subject is None:
            continue
        subject = subject if subject.startswith("sub-") else f"sub-{subject}"
        if subject in found:
            raise InputError(f"{path} line {line} has the same participant_id as an earlier one: keep one")
        found[subject] = cells
    return [name for name in columns if name != "participant_id"], found


def _nnunet(root: Path) -> Layout:
    masks = {stem_of(name): f"labelsTr/{name}" for name in _image_names(root / "labelsTr")[0]}
    names, left_out = _image_names(root / "imagesTr")
    matches = [_CHANNEL.fullmatch(stem_of(name)) for name in names]
    # The Decathlon has no numbers of channels; there the names of images are those of masks.
    has_channels = all(matches) and not any(stem_of(name) in masks for name in names)
    images = []
    for name, match in zip(names, matches, strict=True):
        case, channel = match.groups() if has_channels and match else (stem_of(name), "0000")
        images.append(Image(f"imagesTr/{name}", channel, case, masks.get(case)))
    apart = [f"{folder}/ is not read, it holds images without masks" for folder in ("imagesTs", "imagesVal")
             if (root / folder).is_dir()]  # fmt: skip
    lacking = sum(image.mask is None for image in images)
    if masks:
        apart.insert(0, f"labelsTr/ holds their masks ({lacking} lack one), used with --set data.mask_mode=crop")
    return Layout("nnU-Net", tuple(images), _channel_names(root / "dataset.json"), (*apart, *left_out))


def _channel_names(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_size > _LARGEST_JSON:
            return {}
        given = json.loads(path.read_bytes())
        names = given.get("channel_names", given.get("modality", {}))
        return {f"{int(number):04d}": printable(str(name)[:40]) for number, name in names.items()}
    except (OSError, ValueError, AttributeError, RecursionError):  # it is only for messages
        return {}


def _bids(root: Path) -> Layout:
    walk = Walk(root)
    found = walk.files(lambda name: "/" in name or name.startswith("sub-"))
    images = []
    for name in sorted(found):
        match = _SUBJECT.match(name)
        if match and suffix_of(name) is not None and "_" in name.rpartition("/")[2]:
            images.append(Image(name, stem_of(name).rpartition("_")[2], match[1]))
    apart = tuple(f"{folder}/ is not read" for folder in ("derivatives", "sourcedata") if (root / folder).is_dir())
    return Layout("BIDS", tuple(images), {}, (*apart, *walk.notes()))


def _image_names(folder: Path) -> tuple[list[str], tuple[str, ...]]:
    """Return the names of the images in a folder, which may be missing, and sentences about what was left out."""
    if not folder.is_dir():
        return [], ()
    walk = Walk(folder)
    names = [name for name in walk.inside()[1] if suffix_of(name) is not None]
    walk.check_readable()
    return names, walk.notes()
