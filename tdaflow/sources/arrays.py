"""Source of plain NumPy arrays: a stack in ``.npy`` or ``.npz``, or a folder of volumes, with an optional CSV."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tdaflow.errors import InputError, PassingFault
from tdaflow.printable import counted, printable
from tdaflow.remote import place
from tdaflow.sources.byte_stream import contained
from tdaflow.sources.cases import Case, attach_table
from tdaflow.sources.cells import cell_text, missing_note
from tdaflow.sources.columns import ColumnNames, ignored_note
from tdaflow.sources.mask_names import mask_note
from tdaflow.sources.stack import ArrayStack, file_stamp, load_npy, npz_members
from tdaflow.sources.table import encode_labels, read_table
from tdaflow.sources.volume import (
    SPLITS,
    UNASSIGNED,
    UNIT_SPACING,
    Member,
    NanFill,
    Rejected,
    SourceInfo,
    Volume,
    count_modalities,
    filled_or_rejected,
    leaking_groups,
    tally,
)
from tdaflow.sources.walk import Walk

_USUAL_KEYS = ("images", "volumes", "arr_0")


@dataclass(frozen=True)
class Arrays(ColumnNames):
    """Volumes from plain NumPy files.

    Parameters
    ----------
    path : pathlib.Path
        One of

        - a ``.npy`` stack (volume, z, y, x), memory-mapped;
        - a ``.npz`` with such a stack under ``key`` and, optionally, ``labels`` (integers or strings, one per volume);
        - a ``.npz`` in MedMNIST's layout: ``train_images``, ``train_labels``, ``val_images``, ... ;
        - a folder of ``.npy`` files, one volume (z, y, x) each, shapes may differ; ids are the file names without
          ``.npy``, in sorted order; hidden files and sub-folders are left out.

        Voxels are bool, integers or floats of up to 64 bits. Object arrays are refused, never unpickled.
    table : pathlib.Path, optional
        CSV as `tdaflow.sources.table.read_table` describes: for stacks the n-th row is the n-th volume, for a folder
        rows are matched by ``id``, in any order.
    key : str, optional
        Member of the ``.npz``; by default ``images``, ``volumes``, or the only one there is.
    spacing : tuple of 3 float, in mm
        Distance between voxel centres along (z, y, x), where the table has none.
    limit : int, optional
        Read only the first ``limit`` volumes of each split (volumes without a split count as one split).
    nan : "lowest", optional
        As `tdaflow.sources.entries.FileOptions` says.
    id_column, label_column, split_column, group_column, site_column : str
        What these columns are called in the table.
    name : str, optional
        Name of the data set and first part of generated ids; by default the file or folder name.

    Raises
    ------
    InputError
        From the methods, if the input as a whole cannot be used. A single unusable file in a folder is yielded as
        `Rejected` instead, as are NaN, infinite, constant and empty volumes.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, must stay a plain attribute

    location: ClassVar[str] = "path"

    path: Path
    table: Path | None = None
    key: str | None = None
    spacing: tuple[float, float, float] = UNIT_SPACING
    limit: int | None = None
    nan: NanFill | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if len(self.spacing) != 3 or not all(np.isfinite(s) and s > 0 for s in self.spacing):
            raise InputError(f"spacing={self.spacing} must be three positive numbers (z, y, x) in mm")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"limit={self.limit} must be at least 1: leave it out to read everything")
        object.__setattr__(self, "path", place(self.path))
        if self.table is not None:
            object.__setattr__(self, "table", place(self.table))
        if not self.name:
            object.__setattr__(self, "name", printable(self.path.expanduser().resolve().stem))

    def describe(self) -> SourceInfo:
        """Check the table, every header and all lengths; read no voxels."""
        cases, class_names, notes = self._plan()
        headers = [case.header for case in cases if case.header is not None]
        shapes = {case.shape for case in cases if case.shape is not None}
        dtypes = {header.dtype.newbyteorder("=").name for header in headers}
        modalities = count_modalities(case.modality for case in cases)
        splits, class_counts = tally([c.split for c in cases], [c.code for c in cases], len(class_names))
        return SourceInfo(
            name=self.name,
            n_volumes=len(cases),
            shape=shapes.pop() if len(shapes) == 1 else None,
            dtype=dtypes.pop() if len(dtypes) == 1 else None,
            class_names=class_names,
            splits=splits,
            class_counts=class_counts,
            modality=", ".join(modalities) or None,
            notes=notes,
            modalities=modalities,
        )

    def fingerprint(self) -> dict[str, Any]:
        """Return the options that select volumes, and size and modification time of every file."""
        path = self._existing_path()
        files = _npy_files(path)[0] if path.is_dir() else [path]
        stamps = {printable(file.name): file_stamp(file) for file in files}
        if self.table is not None:
            stamps[f"table:{self.table.name}"] = file_stamp(self.table.expanduser())
        return {
            "kind": "arrays",
            "name": self.name,
            "key": self.key,
            "spacing": list(self.spacing),
            "limit": self.limit,
            "files": stamps,
            **({} if self.nan is None else {"nan": self.nan}),
        }

    def members(self) -> list[Member]:
        """Return file and row of every volume of a folder; `InputError` for a stack, which is one file."""
        cases, _, _ = self._plan()
        if cases[0].index is not None:
            raise InputError(f"all volumes are in the one file {self.path.name}, whose change may be of any of them")
        made_of = ((printable(c.stack.path.name), file_stamp(c.stack.path), list(c.spacing)) for c in cases)
        return [Member(c.id, of, c.code, c.split, c.group) for c, of in zip(cases, made_of, strict=True)]

    def volumes(self, start: int = 0, only: Collection[str] | None = None) -> Iterator[Volume | Rejected]:
        """Yield volumes in file order, without the first ``start``."""
        cases = [case for case in self._plan()[0][start:] if only is None or case.id in only]
        for stack, run in groupby(cases, key=lambda case: case.stack):
            batch = list(run)
            stream = stack.read([case.index for case in batch if case.index is not None])
            for case in batch:
                yield self._single(case) if case.index is None else self._item(case, next(stream))

    def _item(self, case: Case, voxels: np.ndarray) -> Volume | Rejected:
        facts = {} if case.site is None else {"site": case.site}
        volume = Volume(case.id, voxels, case.spacing, case.code, case.split, case.group, facts)
        return filled_or_rejected(volume, self.nan)

    def _single(self, case: Case) -> Volume | Rejected:
        """Read a file that is one volume; an unusable file is rejected."""
        problem, passing = case.problem, False
        if problem is None:
            try:
                with contained(case.id):
                    return self._item(case, load_npy(case.stack.path))
            except (InputError, PassingFault) as error:
                problem, passing = str(error), isinstance(error, PassingFault)
        return Rejected(case.id, problem, case.code, case.split, case.group, passing)

    def _existing_path(self) -> Path:
        path = self.path.expanduser()
        if not path.exists():
            raise InputError(f"there is no file or folder {path}: check the path")
        return path

    def _plan(self) -> tuple[list[Case], tuple[str, ...], tuple[str, ...]]:
        """Return cases in reading order, class names and notes; check everything but voxels."""
        table = read_table(self.table.expanduser(), self.renamed) if self.table is not None else None
        path = self._existing_path()
        cases = self._cases(path)
        notes = list(_npy_files(path)[1]) if path.is_dir() else []
        if rejected := sum(case.problem is not None for case in cases):
            notes.append(f"{rejected} of {counted(len(cases), 'file')} in {self.path} cannot be used")
        if table is not None and self.table is not None:
            cases = attach_table(cases, table, self.table)
            notes += ignored_note(self.table.name, table.ignored)
            notes += missing_note(table.n_missing_words, self.table.name)
        if leaks := leaking_groups((case.group, case.split) for case in cases):
            notes.append(
                f"{counted(len(leaks), 'group has', 'groups have')} volumes in more "
                f"than one split, the first is {leaks[0]!r}"
            )
        # Codes come before the limit, so that a part of the data has the same classes as the whole.
        class_names, codes = encode_labels([case.label for case in cases])
        cases = [replace(case, code=code) for case, code in zip(cases, codes, strict=True)]
        return self._limited(cases), class_names, tuple(notes)

    def _cases(self, path: Path) -> list[Case]:
        if path.is_dir():
            return self._folder_cases(path)
        if path.suffix == ".npy":
            cases = self._stack_cases(ArrayStack(path), None, None)
        elif path.suffix == ".npz":
            cases = self._npz_cases(path)
        else:
            raise InputError(f"{path} is not .npy, .npz or a folder of .npy files: save it with numpy.save")
        return [replace(case, id=f"{self.name}/{number:05d}") for number, case in enumerate(cases)]

    def _limited(self, cases: list[Case]) -> list[Case]:
        if self.limit is None:
            return cases
        seen: dict[str, int] = {}
        kept = []
        for case in cases:
            key = case.split or UNASSIGNED
            seen[key] = seen.get(key, 0) + 1
            if seen[key] <= self.limit:
                kept.append(case)
        return kept

    def _folder_cases(self, path: Path) -> list[Case]:
        files, _ = _npy_files(path)
        if not files:
            raise InputError(f"the folder {path} has no .npy files: save each volume there with numpy.save")
        cases = []
        for file in files:
            stack = ArrayStack(file)
            try:
                header, problem = stack.volume_header(3), None
            except InputError as error:
                header, problem = None, str(error)
            cases.append(Case(printable(file.stem), stack, None, header, self.spacing, problem=problem))
        return cases

    def _npz_cases(self, path: Path) -> list[Case]:
        members = npz_members(path)
        splits = [split for split in SPLITS if f"{split}_images" in members]
        if self.key is None and splits:
            return [
                case
                for split in splits
                for case in self._stack_cases(
                    ArrayStack(path, f"{split}_images"), _if_present(path, f"{split}_labels", members), split
                )
            ]
        return self._stack_cases(
            ArrayStack(path, self._choose_key(path, members)), _if_present(path, "labels", members), None
        )

    def _choose_key(self, path: Path, members: tuple[str, ...]) -> str:
        if self.key is not None and self.key in members:
            return self.key
        candidates = [key for key in members if key != "labels"]
        if self.key is None:
            usual = [key for key in _USUAL_KEYS if key in candidates]
            if usual or len(candidates) == 1:
                return (usual or candidates)[0]
        asked = "no array called " + (repr(self.key) if self.key else " or ".join(map(repr, _USUAL_KEYS)))
        has = f"(it has {', '.join(members) or 'none'})"
        raise InputError(f"{path} has {asked} {has}: name one with --set data.key=NAME")

    def _stack_cases(self, stack: ArrayStack, label_stack: ArrayStack | None, split: str | None) -> list[Case]:
        header = stack.volume_header(4)
        n = header.shape[0]
        if n == 0:
            raise InputError(f"{stack} holds no volumes, its shape is {header.shape}")
        labels = _labels(label_stack, n, stack) if label_stack is not None else [None] * n
        return [Case("", stack, index, header, self.spacing, label, split) for index, label in enumerate(labels)]


def _npy_files(path: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Return the sorted files of a folder, and sentences about what was left out."""
    walk = Walk(path)
    files = [file for file in map(walk.path, walk.inside()[1]) if file.suffix == ".npy" and file.is_file()]
    return files, (*walk.notes(), *mask_note(printable(file.stem) for file in files))


def _if_present(path: Path, key: str, members: tuple[str, ...]) -> ArrayStack | None:
    return ArrayStack(path, key) if key in members else None


def _labels(label_stack: ArrayStack, n: int, stack: ArrayStack) -> list[str | None]:
    labels = label_stack.load()
    if labels.shape not in ((n,), (n, 1)):
        raise InputError(
            f"{label_stack} has shape {labels.shape} but {stack} has {counted(n, 'volume')}: one label for each"
        )
    if labels.dtype.kind not in "iubU":
        raise InputError(f"{label_stack} is of type {labels.dtype}: labels are integers or strings")
    if labels.dtype.kind == "b":
        labels = labels.astype(np.uint8)
    return [cell_text(str(label)) for label in labels.reshape(-1)]
