"""From scans and a table of labels to a report in one call: what ``tdaflow try`` does.

Every decision is one sentence with the option that would make it otherwise.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdaflow.api import Run, run, watched
from tdaflow.atomic import write_whole
from tdaflow.config import RunConfig
from tdaflow.errors import InputError
from tdaflow.evaluation import Nested, NestedEvaluation, Protocol, RunEvaluation, evaluate_nested, evaluate_run
from tdaflow.pipeline import Observer
from tdaflow.printable import counted
from tdaflow.report.libraries import PAGE, require_libraries
from tdaflow.sources import Arrays, open_source
from tdaflow.sources.guess import guess_source
from tdaflow.sources.guess_columns import (
    LabelTable,
    group_column,
    label_column,
    read_label_table,
    site_column,
    split_column,
)
from tdaflow.sources.manifest import manifest_text
from tdaflow.sources.mask_names import MASK_FOLDER
from tdaflow.sources.pair_files import pair_masks, pair_rows, separate_masks
from tdaflow.sources.readers import reader_of, suffix_of
from tdaflow.sources.walk import Walk

# The strongest features as a whole: chosen by cross-validation, without a choice among channels.
PROTOCOL = Protocol(("logistic", "committee"), n_seeds=1, choose_on="cross-validation", channels="all")
_MARGIN = 3
_BOTH = {"direction": ["sublevel", "superlevel"]}


@dataclass(frozen=True)
class Columns:
    """Names of columns of the table of labels; None for those that are to be recognised."""

    label: str | None = None
    split: str | None = None
    group: str | None = None
    id: str | None = None
    site: str | None = None


@dataclass(frozen=True)
class Analysis:
    """What `analyse` has made.

    Attributes
    ----------
    run : Run
    nested : NestedEvaluation
        Of all labelled volumes outside the test split.
    tested : RunEvaluation or None
        Of the test split, where it was opened.
    report : Path
        A HTML page.
    decisions : tuple of str
        Each with the option that would make it otherwise.
    """

    run: Run
    nested: NestedEvaluation
    tested: RunEvaluation | None
    report: Path
    decisions: tuple[str, ...]


_RECOGNISED = Columns()


def analyse(
    scans: str | Path,
    labels: str | Path | None = None,
    *,
    out: str | Path | None = None,
    columns: Columns = _RECOGNISED,
    masks: str | Path | None = None,
    allow_missing: bool = False,
    open_test: bool = False,
    folds: int = 5,
    cluster: str | None = None,
    workers: int | None = None,
    set: Mapping[str, Any] | Sequence[str] = (),
    progress: bool | Observer = True,
) -> Analysis:
    """Go from scans and labels to persistence images, nested cross-validation, a model and a report.

    Parameters
    ----------
    scans : path
        Folder of images, a stack of arrays, a DICOM archive, or a manifest.
    labels : path, optional
        CSV with a row a volume; not needed where `scans` are a manifest or hold labels themselves.
    out : path, optional
        Folder of the run; ``runs/NAME`` by default. The same call resumes. The table of files and labels that is
        read goes beside it, as ``OUT.csv``.
    columns : Columns
        Such as ``tdaflow.from_scans.Columns(label="diagnosis")``.
    masks : path, optional
        Folder of masks; "none" to use none. By default a folder called so beside or in `scans`, if it has one for each.
    allow_missing : bool
        Go on without rows of the table that have no file.
    open_test : bool
        If the table has splits, also choose on the training volumes and open the test split.
    folds : int
        Of the nested cross-validation.
    cluster, workers, set, progress
        As for `tdaflow.run`.

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        If data cannot be read, rows and files do not pair up, or a decision is not clear; names the option to give.
    ConfigError, RunError
        As `tdaflow.run`; also if the packages of the extra ``report`` are missing.
    """
    # Known before anything is computed.
    require_libraries(*PAGE)
    with watched(progress) as watching:
        return _analysed(
            Path(scans).expanduser(), None if labels is None else Path(labels), out, columns, masks, watching,
            allow_missing=allow_missing, open_test=open_test, folds=folds,
            run_options={"cluster": cluster, "workers": workers, "set": set, "progress": watching},
        )  # fmt: skip


def _analysed(
    scans: Path,
    labels: Path | None,
    out: str | Path | None,
    columns: Columns,
    masks: str | Path | None,
    watching: Observer,
    *,
    allow_missing: bool,
    open_test: bool,
    folds: int,
    run_options: Mapping[str, Any],
) -> Analysis:
    decisions: list[str] = []

    def say(sentence: str) -> None:
        if sentence:
            decisions.append(sentence)
            watching.message(sentence)

    folder = Path(out) if out is not None else Path("runs") / (scans.resolve().name.split(".")[0] or "data")
    table = None if labels is None else read_label_table(labels)
    cohort = _cohort(scans, table, folder, columns, masks, say, allow_missing=allow_missing)
    config = {"data": cohort.data, **_features(cohort.largest, say)}
    if cohort.has_splits:
        config["reference"] = "train"
    whose = "the training split; --set reference=all" if cohort.has_splits else "all volumes; --set reference=RUN"
    say("grey values: as they are; --set preprocess.preset=mr, ct-lung, … or auto brings them to one scale")
    say(f"ranges and σ: learnt without labels from {whose} takes others")
    made = run(config, out=folder, **run_options)
    again = f"tdaflow evaluate {folder}"
    say(f"classifier: logistic regressions, alone or one a filtration; others: {again} --nested --classifiers NAMES")
    nested = evaluate_nested(folder, PROTOCOL, Nested(folds), observer=watching)
    tested = evaluate_run(folder, PROTOCOL, observer=watching) if open_test else None
    if cohort.has_splits and not open_test:
        say("test split: stays closed; --open-test opens it, once")
    if cohort.has_sites:
        say(f"sites: not used; {again} --leave-out site holds out one at a time")
    return Analysis(made, nested, tested, made.report(), tuple(decisions))


@dataclass(frozen=True)
class _Cohort:
    """Section ``data`` of the configuration, what the table holds, and the shape of the largest volume if known."""

    data: dict[str, Any]
    has_splits: bool
    has_sites: bool
    largest: tuple[int, int, int] | None


def _cohort(
    scans: Path,
    table: LabelTable | None,
    out: Path,
    columns: Columns,
    masks: str | Path | None,
    say: Callable[[str], None],
    *,
    allow_missing: bool,
) -> _Cohort:
    found = guess_source(scans)
    say(f"scans: {found.what}, read as kind {found.kind!r}; another reader with tdaflow run --set data.kind=KIND")
    data: dict[str, Any] = {
        name: str(value) if isinstance(value, Path) else value for name, value in found.options.items()
    }
    if found.kind in ("nifti", "images"):
        if table is None:
            raise InputError(f"{scans} holds no labels: give their table, tdaflow try {scans} LABELS.csv")
        return _of_images(scans, table, out, columns, masks, say, allow_missing=allow_missing)
    if masks is not None:
        raise InputError(f"--masks is for image files, this is a source of kind {found.kind!r}: leave it out")
    if found.kind == "manifest":
        if table is not None:
            raise InputError(f"{found.path} is a manifest, which has labels of its own: leave out {table.path}")
        names = _names(read_label_table(found.path), columns, ("id", "path", "mask"), say)
        return _Cohort(data | names, "split_column" in names, "site_column" in names, None)
    if found.kind == "arrays":
        names = {} if table is None else _names(table, columns, ("id",), say)
        if table is not None:
            data |= {"table": str(table.path.expanduser().resolve()), **names}
        info = Arrays(**{name: value for name, value in data.items() if name != "kind"}).describe()
        if not info.class_names:
            raise InputError(f"{scans} holds no labels: give their table, tdaflow try {scans} LABELS.csv")
        return _Cohort(data, info.splits.get("test", 0) > 0, "site_column" in names, info.shape)
    if found.kind == "medmnist":
        if table is not None:
            raise InputError(f"{scans} has labels of its own: leave out {table.path}")
        return _Cohort(data, True, False, open_source(data).describe().shape)
    if found.kind == "dicom" and table is not None:
        say("labels: columns 'id' (keyed), 'label' and 'split' of the table; tdaflow check SCANS lists the ids")
        data["labels"] = str(table.path.expanduser().resolve())
        return _Cohort(data, "split" in table.header, False, None)
    raise InputError(
        f"labels of a source of kind {found.kind!r} are not read from here: give a manifest with the columns path and "
        "label, or convert the images to NIfTI"
    )


def _names(table: LabelTable, columns: Columns, taken: Sequence[str], say: Callable[[str], None]) -> dict[str, str]:
    """Recognise label, split, group and site; return the options of the source that name them."""
    used: list[str | None] = [*taken, columns.id, columns.label, columns.split, columns.group, columns.site]
    splits = split_column(table, columns.split, used)
    labels = label_column(table, columns.label, [*used, splits.column])
    groups = group_column(table, columns.group, [*used, splits.column, labels.column])
    sites = site_column(table, columns.site, [*used, splits.column, labels.column, groups.column])
    found = {}
    for name, guess in (("label", labels), ("split", splits), ("group", groups), ("site", sites)):
        say(guess.sentence)
        if guess.column is not None:
            found[f"{name}_column"] = guess.column
    return found


def _of_images(
    scans: Path,
    table: LabelTable,
    out: Path,
    columns: Columns,
    masks: str | Path | None,
    say: Callable[[str], None],
    *,
    allow_missing: bool,
) -> _Cohort:
    """Write the manifest of a folder of images and their rows."""
    folder = (scans if scans.is_dir() else scans.parent).resolve()
    images, own_masks = separate_masks(_files(folder))
    pairing = pair_rows(table, images, columns.id, allow_missing=allow_missing)
    say(pairing.sentence)
    names = _names(table, columns, (pairing.column,), say)
    of_row = [folder / name if name is not None else None for name in pairing.files]
    paired = _masks(folder, [name for name in pairing.files if name is not None], own_masks, masks, say)
    files = [path for path in (*of_row, *paired.values()) if path is not None]
    root = Path(os.path.commonpath([folder, *(path.parent for path in files)]))
    rows = []
    for number, (name, path) in enumerate(zip(pairing.files, of_row, strict=True)):
        if name is None or path is None:
            continue
        row = {"id": table.columns[pairing.column][number], "path": path.relative_to(root).as_posix()}
        if name in paired:
            row["mask"] = paired[name].relative_to(root).as_posix()
        row |= {key.removesuffix("_column"): table.columns[column][number] for key, column in names.items()}
        rows.append(row)
    manifest = out.with_name(f"{out.name}.csv")
    text = manifest_text(rows)
    # A new time of modification would be a changed input.
    if not manifest.is_file() or manifest.read_bytes() != text.encode():
        manifest.parent.mkdir(parents=True, exist_ok=True)
        write_whole(manifest, text)
    say(f"files and labels: listed in {manifest}")
    data: dict[str, Any] = {"kind": "manifest", "path": str(manifest.resolve()), "root": str(root), "name": out.name}
    if paired:
        data |= {"mask_mode": "crop", "margin": _MARGIN}
    return _Cohort(data, "split_column" in names, "site_column" in names, _largest(path for path in of_row if path))


def _files(folder: Path) -> list[str]:
    return sorted(name for name in Walk(folder).files() if suffix_of(name) is not None)


def _masks(
    folder: Path, images: Sequence[str], own: Sequence[str], given: str | Path | None, say: Callable[[str], None]
) -> dict[str, Path]:
    """The mask of every image: of the folder that is given, of those among the images, or of a folder beside them."""
    if given == "none":
        say("masks: none; --masks DIR crops every volume to its mask")
        return {}
    if given is not None:
        tried = [Path(given).expanduser().resolve()]
    else:
        tried = [folder] if own else [path for path in _beside(folder) if MASK_FOLDER.fullmatch(path.name)]
    for where in tried:
        names = list(own) if where == folder else _files(where)
        found = pair_masks(images, names)
        if found is not None:
            say(
                f"masks: {where} has one for each volume, which is cropped to it with a margin of {_MARGIN} mm; "
                "--masks none takes whole volumes, --set data.mask_mode=background blanks what is outside"
            )
            return {image: where / mask for image, mask in found.items()}
        if given is not None:
            raise InputError(
                f"{where} has not one mask for each of {counted(len(images), 'volume')}, with the same names: add them"
            )
    left_out = (
        f"; {counted(len(own), 'file that looks like a mask is', 'files that look like masks are')} not read"
        if own
        else ""
    )
    say(f"masks: none found{left_out}; --masks DIR crops every volume to its mask")
    return {}


def _beside(folder: Path) -> list[Path]:
    """Other folders in the same one; none if it cannot be listed."""
    try:
        return sorted(path for path in folder.parent.iterdir() if path.is_dir() and path != folder)
    except OSError:
        return []


def _largest(paths: Iterable[Path]) -> tuple[int, int, int] | None:
    """Shape (z, y, x) of the largest image by its header; files that cannot be read are quarantined later."""
    shapes = []
    for path in paths:
        with suppress(InputError):
            shapes.append(reader_of(path.name).header(path).shape)
    return max(shapes, key=math.prod, default=None)


def _features(largest: tuple[int, int, int] | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Preset and filtrations: the strongest where volumes are small enough for it."""
    limit = RunConfig().run.max_voxels
    if largest is None or math.prod(largest) <= limit:
        say(
            "features: preset wide, 21 filtrations, the strongest in validation; --set preset=default takes a "
            "fraction of the time"
        )
        return {"preset": "wide"}
    factor = 2
    while math.prod(-(-n // factor) for n in largest) > limit:
        factor += 1
    say(
        f"features: alpha filtration, and cubical ones of means over {factor}³ voxels, since a volume of "
        f"{' × '.join(map(str, largest))} voxels is above run.max_voxels = {limit}; --set preprocess.steps=… resamples "
        "the volumes, --set preset=wide takes the strongest features of small ones"
    )
    return {"preset": "wide", "filtrations": {"alpha": {}, "cubical": {"each": _BOTH, "downsample": factor}}}
