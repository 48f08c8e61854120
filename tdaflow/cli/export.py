"""``tdaflow export``: write features or volumes of a run as files for other programs."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.atomic import write_whole
from tdaflow.cli.exit_codes import DONE, QUARANTINED
from tdaflow.cli.settings import say
from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.pipeline.opened import Run
from tdaflow.pipeline.recipe import shown_superpixels
from tdaflow.pipeline.table import write_table
from tdaflow.progress import observer
from tdaflow.remote import place
from tdaflow.store import RunFolder, VolumeStore, VolumeTable, content_digest
from tdaflow.store.anatomy import Anatomy
from tdaflow.store.nifti import write_nifti
from tdaflow.store.ome_zarr import SUFFIX, safe_file_name, superpixel_labels, write_ome_zarr
from tdaflow.superpixels import SuperpixelOptions

# An export is for viewing: a copy of a whole archive must be requested.
_FIRST = 10
_STAGE = "export"
OME_ZARR, NIFTI = "ome-zarr", "nifti"
_SUFFIXES = {OME_ZARR: SUFFIX, NIFTI: ".nii.gz"}


def export_table(path: Path, target: Path, *, summary: bool, wide: bool, overwrite: bool) -> int:
    """Write the features of a run as a table; return the exit code."""
    from tdaflow.evaluation.stress.reliability.table import beside, write_beside

    if beside(target).exists() and not overwrite:
        raise ConfigError(f"{beside(target)} is there already: replace it with --overwrite, or give another file")
    n_rows, n_columns = write_table(Run(path), target, summary=summary, wide=wide, overwrite=overwrite)
    say(f"{n_rows} {'subjects' if wide else 'volumes'}, {n_columns} columns in {target}")
    told = write_beside(path, target, summary=summary, overwrite=overwrite)
    if told is not None:
        say(f"how well each column repeats (ICC) in {told}")
    return DONE


def export_command(
    path: Path,
    out: Path,
    wanted: list[str],
    *,
    everything: bool,
    labels: bool,
    overwrite: bool,
    kind: str = OME_ZARR,
    where: bool = False,
) -> int:
    """Export volumes as OME-Zarr or NIfTI images (`kind`); return the exit code.

    With `where`, ``ID.where`` is a map of what speaks for the predicted class, with the strongest loops and cavities as
    labels, which a table ``ID.where.csv`` tells of.

    A volume that is damaged, or smaller than its superpixels, is named and left out; the others are written.
    """
    store, config = _source(path, labels=labels)
    if where:
        from tdaflow.evaluation.model.saliency import linear_model

        linear_model(Run(path))  # raises before anything is written
    table = store.table()
    rows = _chosen(table, wanted, everything=everything)
    table = table.of_rows()
    targets = {row: out / f"{safe_file_name(table.id[row])}{_SUFFIXES[kind]}" for row in rows}
    _prepare(out, targets, kind, overwrite=overwrite)
    left_out = 0
    with observer() as watching:
        watching.stage_begins(_STAGE, len(rows), 0)
        for row, target in targets.items():
            try:
                _export(store, table, row, target, config, overwrite=overwrite)
                if where:
                    _export_where(path, table, row, target, overwrite=overwrite)
            except InputError as error:
                left_out += 1
                watching.message(f"{table.id[row]} is left out: {error}")
            watching.advanced(_STAGE, 1)
        here = len(rows) - left_out
        watching.message(f"{here} of {len(table)} volumes in {out}, spacing in mm")
        if here < len(table) and not wanted and not everything:
            watching.message("these are the first; choose others with --volume ID, or all with --all")
    return QUARANTINED if left_out else DONE


def _source(path: Path, *, labels: bool) -> tuple[VolumeStore, SuperpixelOptions | None]:
    """The volumes of a run, an ingest or a volume store, and on request the superpixels of the run."""
    folder = RunFolder(path)
    state = folder.read()
    if labels and state is None:
        raise ConfigError(f"{path} holds no run.json, which says what the superpixels are: leave out --labels")
    config = None
    if labels and state:
        config = shown_superpixels(RunConfig.model_validate(state["config"]), state.get("scales", {}))
    if (path / "zarr.json").is_file():
        return VolumeStore(path), config
    elsewhere = None if state is None else state["config"]["data"].get("store")
    return VolumeStore(place(elsewhere) if elsewhere else folder.volumes), config


def _chosen(table: VolumeTable, wanted: list[str], *, everything: bool) -> list[int]:
    """Rows of the store, in the requested order."""
    if everything and wanted:
        raise ConfigError("--all and --volume exclude each other: give one of them")
    if not wanted:
        return list(range(table.n_ok if everything else min(_FIRST, table.n_ok)))
    position = {identity: index for index, identity in enumerate(table.id)}
    rows = []
    for identity in dict.fromkeys(wanted):
        if identity not in position:
            hint = f"ids look like {table.id[0]!r}" if len(table) else "there is none at all"
            raise InputError(f"there is no volume {identity!r}: {hint}")
        index = position[identity]
        if table.row[index] < 0:
            raise InputError(f"volume {identity!r} has no voxels, it was quarantined: {table.reason[index]}")
        rows.append(int(table.row[index]))
    return rows


def _prepare(out: Path, targets: dict[int, Path], kind: str, *, overwrite: bool) -> None:
    """Make the folder; refuse before anything is written if images are there and may not be replaced."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the folder {out} cannot be made ({error.strerror}): give another with --{kind}") from None
    there = [] if overwrite else [target for target in targets.values() if target.exists()]
    if there:
        raise ConfigError(
            f"{there[0]} is there already ({len(there)} of {len(targets)} images are): "
            "replace with --overwrite, or give another folder"
        )


def _export(
    store: VolumeStore,
    table: VolumeTable,
    row: int,
    target: Path,
    config: SuperpixelOptions | None,
    *,
    overwrite: bool,
) -> None:
    z, y, x = (float(s) for s in table.spacing[row])
    voxels = _voxels(store, row, table.digest[row])
    labels = None
    about: dict[str, Any] = {"volume": table.id[row], "digest": table.digest[row]}
    if config is not None:
        # Which voxels make a superpixel does not depend on the scale of intensities.
        labels = superpixel_labels(voxels, (z, y, x), config)
        about["superpixels"] = asdict(config)
    try:
        if target.name.endswith(_SUFFIXES[NIFTI]):
            affine = Anatomy.of(table.facts[row], (z, y, x)).affine
            write_nifti(target, voxels, (z, y, x), affine)
            if labels is not None:
                name = target.name.removesuffix(_SUFFIXES[NIFTI]) + f".superpixels{_SUFFIXES[NIFTI]}"
                write_nifti(target.with_name(name), labels, (z, y, x), affine)
            return
        write_ome_zarr(
            target, voxels, (z, y, x), name=table.id[row], labels=labels, attributes=about, overwrite=overwrite
        )
    except OSError as error:
        raise RunError(
            f"{target} cannot be written ({error.strerror or error}): make room or choose another"
        ) from error


def _export_where(path: Path, table: VolumeTable, row: int, target: Path, *, overwrite: bool) -> None:
    from tdaflow.evaluation.model.saliency import saliency

    found = saliency(path, table.id[row])
    suffix = next(s for s in _SUFFIXES.values() if target.name.endswith(s))
    stem = target.with_name(target.name.removesuffix(suffix) + ".where")
    heat, labels = found.heat.astype(np.float32), found.labels.astype(np.uint16)
    about = {"class": found.class_name, "probability": found.probability, "smoothing_mm": found.smoothing}
    try:
        if suffix == _SUFFIXES[NIFTI]:
            affine = Anatomy.of(table.facts[row], found.spacing).affine
            write_nifti(stem.with_name(f"{stem.name}{suffix}"), heat, found.spacing, affine)
            write_nifti(stem.with_name(f"{stem.name}-labels{suffix}"), labels, found.spacing, affine)
        else:
            write_ome_zarr(
                stem.with_name(f"{stem.name}{suffix}"), heat, found.spacing, name=f"{table.id[row]} where",
                labels=labels, label_name="bars", attributes=about, overwrite=overwrite,
            )  # fmt: skip
        legend = found.labelled.rename_axis("label").reset_index()
        legend["label"] += 1
        write_whole(stem.with_name(f"{stem.name}.csv"), legend.to_csv(index=False).encode())
    except OSError as error:
        raise RunError(f"{stem} cannot be written ({error.strerror or error}): make room or choose another") from error


def _voxels(store: VolumeStore, row: int, digest: str) -> np.ndarray:
    try:
        voxels = next(store.voxels(row, row + 1))
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"its voxels are damaged in {store.path} ({error}): ingest it again") from error
    # A chunk whose file is lost reads as zeros, without any error.
    if content_digest(voxels) != digest:
        raise InputError(f"its voxels in {store.path} are not those that were ingested: ingest it again")
    return voxels
