"""Section on where decisions lie: maps of the contributions of bars over scans of some test volumes."""

from collections.abc import Iterator

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.model.saliency import saliency
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.report.blocks import FigureBlock, Section, figure_block
from tdaflow.report.figure_saliency import saliency_figure
from tdaflow.report.run_data import RunData
from tdaflow.store.anatomy import Anatomy

# Of each kind: the surest of those classified correctly, and of those classified wrongly.
_CASES, _SLICES = 2, 4


def where_section(run: RunData) -> Section | None:
    """Build the section; None if the page shows no scans, or there is no linear model of test volumes."""
    path = EvaluationFolder(run.folder.path).path / "model" / "predictions.npz"
    if not run.scans or run.volumes is None or not path.is_file():
        return None
    section = Section("where", "Where decisions lie")
    try:
        section.items += [_block(run, *case) for case in _cases(Predictions.load(path))]
    except InputError:  # such as a model that is not linear
        return None
    if not section.items:
        return None
    section.notes.append(
        "A decision of a linear model is a sum over the bars of a volume, relative to the mean training volume; each "
        "bar's share is drawn where its component is born or its loop or cavity is filled. `tdaflow inspect RUN ID "
        "--where` draws any other volume, `tdaflow export RUN --nifti DIR --where` writes maps for viewers. A map says "
        "what the model uses, not what causes a disease."
    )
    return section


def _cases(predictions: Predictions) -> Iterator[tuple[str, str, bool]]:
    """Id, true class, and whether the prediction is right, of the surest test volumes of both kinds."""
    (probabilities,) = predictions.probabilities.values()
    of_test = predictions.splits == "test"
    right = probabilities.argmax(axis=1) == predictions.labels
    for is_right in (True, False):
        (rows,) = np.nonzero(of_test & (right == is_right))
        for row in rows[np.argsort(-probabilities[rows].max(axis=1), kind="stable")][:_CASES]:
            yield str(predictions.ids[row]), predictions.class_names[predictions.labels[row]], is_right


def _block(run: RunData, identity: str, true_class: str, is_right: bool) -> FigureBlock:
    found = saliency(run.folder.path, identity)
    row = run.row_of(identity)
    assert run.volumes is not None
    voxels = next(run.volumes.voxels(row, row + 1))
    anatomy = Anatomy.of(str(run.rows.facts[row]), found.spacing)
    told = f"{'Correctly' if is_right else 'Wrongly'} classified as {found.class_name}"
    return figure_block(
        saliency_figure(found, identity, voxels, anatomy, n_slices=_SLICES),
        f"{told}: what speaks for it, and where",
        f"Red speaks for {found.class_name}, blue against; the volume is labelled {true_class}. Numbers stand where "
        "the strongest loops and cavities are filled.",
        f"Axial slices of {identity} with the contributions to {found.class_name} in red and blue.",
        scans=[identity],
    )
