"""Single slices of several volumes, for lists of cases."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tdaflow.errors import InputError
from tdaflow.report.figures_volume import Thumbnail, window
from tdaflow.report.run_data import RunData
from tdaflow.store.anatomy import Anatomy


@dataclass(frozen=True)
class Case:
    """A volume to show, and what to write above it."""

    id: str
    title: str


def how_shown(shown: Sequence[Thumbnail]) -> str:
    """Return a sentence on what is seen of each volume, for a caption."""
    turned = (
        "axial, in radiological convention"
        if all(one.letters for one in shown)
        else "as stored where no letters stand, for the orientation is unknown"
    )
    return f"Shown is the slice with the largest spread of grey values of each, {turned}."


def thumbnails(run: RunData, cases: Sequence[Case]) -> list[Thumbnail]:
    """Read the axial slice with the largest spread of grey values of every case.

    Parameters
    ----------
    run : RunData
    cases : sequence of Case
        Those that the volume store lacks are left out.

    Returns
    -------
    list of Thumbnail
        Empty if the page may not show scans, or the volume store is missing.
    """
    if run.volumes is None or not run.scans:
        return []
    rows = {str(identity): row for row, identity in enumerate(run.rows.id)}
    found = []
    for case in cases:
        if case.id not in rows:
            continue
        row = rows[case.id]
        try:
            stored = next(run.volumes.voxels(row, row + 1))
        except (InputError, OSError, ValueError, RuntimeError):
            continue  # `tdaflow check` says what is damaged
        z, y, x = (float(s) for s in run.rows.spacing[row])
        anatomy = Anatomy.of(str(run.rows.facts[row]), (z, y, x))
        voxels = anatomy.upright(stored)
        at = int(np.argmax([plane.std(dtype=np.float64) for plane in voxels]))
        _, s_y, s_x = anatomy.upright_spacing((z, y, x))
        found.append(Thumbnail(case.id, case.title, np.array(voxels[at]), (s_y, s_x), window(voxels), anatomy.letters))
    return found
