"""Source of the volumes that a manifest lists: a table with path, label, split, group and more per volume."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from tdaflow.atomic import write_whole
from tdaflow.errors import InputError
from tdaflow.printable import counted
from tdaflow.remote import place
from tdaflow.sources.columns import ColumnNames, Renamed
from tdaflow.sources.entries import FileOptions, stamps, summary
from tdaflow.sources.manifest_plan import Plan, is_absolute, plan
from tdaflow.sources.manifest_table import COLUMNS
from tdaflow.sources.rois import find_rois, members_of_rows, read_rows
from tdaflow.sources.stack import file_stamp
from tdaflow.sources.volume import Member, Rejected, SourceInfo, Volume, tally


@dataclass(frozen=True)
class Manifest(FileOptions, ColumnNames):
    """Volumes listed in a CSV or Parquet table; every row is checked before any volume is read.

    Parameters
    ----------
    path : pathlib.Path
        ``.csv``, ``.tsv`` or ``.parquet`` with the column ``path`` (of the image, relative to `root`, or absolute and
        below it; an address of the web is refused, and never shown) and, optionally, ``id`` (by default the path
        without suffix), ``label`` (number or name), ``split`` (train, val or test, or a longer form of these words),
        ``group`` (what must not be divided between splits, such as a patient), ``mask`` (a path), ``spacing_z``,
        ``spacing_y``, ``spacing_x`` (mm, in place of the file's), ``volume_index`` (of a 4D file),
        ``modality`` (a DICOM code such as CT or MR) and ``site`` (where it was acquired). Other columns are noted and
        not read. Words for missing values (`tdaflow.sources.cells.MISSING`) are empty cells.
    root : pathlib.Path, optional
        Folder that paths are relative to and must stay in, links resolved; by default that of the manifest.
    bad_rows : "refuse" or "quarantine"
        Refuse the whole manifest if any row is bad, or yield each bad row as `Rejected`. Rows that share an id are all
        bad, because the right one cannot be known.
    id_column, label_column, split_column, group_column, site_column : str
        What these columns are called in the table.
    path_column : str
        What the column of the images is called: one of several (``t1``, ``t2``), of which each is a run of its own.
    name : str, optional
        Name of the data set; by default the manifest's file name without suffix.
    canonical, volume_index, mask_mode, mask_label, mask_labels, margin, margin_unit, nan
        As `tdaflow.sources.entries.FileOptions` says; a row's ``volume_index`` overrides the option.

    Raises
    ------
    InputError
        From the methods: for an unusable manifest, and for bad rows with ``bad_rows="refuse"``; names the first few.
    """

    location: ClassVar[str] = "path"

    path: Path
    root: Path | None = None
    bad_rows: Literal["refuse", "quarantine"] = "refuse"
    path_column: str = "path"
    name: str = ""

    @property
    def renamed(self) -> Renamed:
        """Those that are not called as usual."""
        path = (("path", self.path_column),) if self.path_column != "path" else ()
        return (*super().renamed, *path)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "path", place(self.path))
        if self.root is not None:
            object.__setattr__(self, "root", place(self.root))
        if self.bad_rows not in ("refuse", "quarantine"):
            raise InputError(f"bad_rows={self.bad_rows!r} must be 'refuse' or 'quarantine'")
        if not self.name:
            object.__setattr__(self, "name", self.path.expanduser().resolve().stem)

    def describe(self) -> SourceInfo:
        """Check every row and read every header, no voxels; but every segmentation where regions are wanted."""
        return plan_info(self.name, self._plan(), self)

    def fingerprint(self) -> dict[str, Any]:
        """Return the options, and size and modification time of the manifest and every file by relative name."""
        files = stamps(self._plan().entries, self.mask_mode != "none")
        return {
            "kind": "manifest",
            "name": self.name,
            "bad_rows": self.bad_rows,
            **self.options(),
            "manifest": file_stamp(self.path.expanduser()),
            "files": files,
        }

    def members(self) -> list[Member]:
        """Return every row, and the stamps of its files."""
        return members_of_rows(self._plan().entries, self)

    def volumes(self, start: int = 0, only: Collection[str] | None = None) -> Iterator[Volume | Rejected]:
        """Yield volumes in the order of the rows; skip the first ``start`` without opening them."""
        yield from read_rows(self._plan().entries, self, start, only)

    def _plan(self) -> Plan:
        stamp = file_stamp(self.path.expanduser())
        found = plan(
            self.path.expanduser(),
            (stamp["size"], stamp["mtime_ns"]),
            self.root.expanduser() if self.root is not None else None,
            with_masks=self.mask_mode != "none",
            volume_index=self.volume_index,
            renamed=self.renamed,
            quarantine=self.bad_rows == "quarantine",
        )
        if self.are_segmentations and found.has_masks:
            raise InputError("mask_labels with a column mask needs a mask_mode: inside, background, crop or volume")
        return found


def plan_info(name: str, plan: Plan, options: FileOptions) -> SourceInfo:
    """Read the header of every entry of a plan, and every segmentation where regions are wanted; summarise them."""
    shape, dtype, unusable = summary(plan.entries, options)
    notes = plan.notes
    if unusable:
        notes += (f"{unusable} of {counted(len(plan.entries), 'volume')} cannot be used",)
    rois = find_rois(plan.entries, options)
    n = len(rois.named) or 1
    splits, counts = tally(
        [e.split for e in plan.entries] * n, [e.label for e in plan.entries] * n, len(plan.class_names)
    )
    return SourceInfo(
        name,
        len(plan.entries) * n,
        shape,
        dtype,
        class_names=plan.class_names,
        splits=splits,
        class_counts=counts,
        modality=", ".join(plan.modalities) or None,
        notes=notes + rois.notes,
        modalities={code: count * n for code, count in plan.modalities.items()},
        rois=rois.named,
        labels_found=rois.found,
    )


def write_manifest(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the rows of `manifest_text` into a ``.csv``, replaced if it exists."""
    write_whole(place(path), manifest_text(rows))


def manifest_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Make a manifest.

    Parameters
    ----------
    rows : sequence of mapping
        One per volume, with the keys that `Manifest` reads; None leaves a cell empty. ``path`` and ``mask`` are
        relative to the manifest's folder, or to the ``root`` that it will be read with.

    Returns
    -------
    str
        CSV with a header line.

    Raises
    ------
    InputError
        If there are no rows, a key is unknown, or a path is absolute.
    """
    keys = {key for row in rows for key in row}
    if not rows or "path" not in keys:
        raise InputError("a manifest needs rows, and each row a path")
    if unknown := sorted(keys - set(COLUMNS)):
        raise InputError(f"a manifest has no column called {unknown[0]!r}: it has {', '.join(COLUMNS)}")
    for row in rows:
        for column in ("path", "mask"):
            if (text := row.get(column)) and is_absolute(str(text)):
                raise InputError(f"{column} of a row is absolute: write it relative to the manifest's folder or root")
    text = io.StringIO(newline="")
    header = [name for name in COLUMNS if name in keys]
    table = csv.writer(text)
    table.writerow(header)
    table.writerows(["" if row.get(name) is None else str(row[name]) for name in header] for row in rows)
    return text.getvalue()
