"""``tdaflow evaluate --robustness --ood --explain --fuse --calibrate``: further questions to the recorded choice."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tdaflow.cluster import connect, read_spec
from tdaflow.errors import InputError
from tdaflow.evaluation import EvaluationFolder, Features, Predictions
from tdaflow.evaluation.baselines.late_fusion import late_fusion
from tdaflow.evaluation.protocol.evaluate import FAMILY
from tdaflow.evaluation.protocol.ledger import split_digest
from tdaflow.evaluation.protocol.recorded import Recorded, recorded_predictions, refitted
from tdaflow.evaluation.stress.calibration import temperature_scaled
from tdaflow.evaluation.stress.explanation.linear import linear_maps
from tdaflow.evaluation.stress.explanation.maps import write_maps
from tdaflow.evaluation.stress.ood.measure import strangeness, write_strangeness
from tdaflow.evaluation.stress.ood.sets import CORRUPTED, corrupted_sets, named_sets
from tdaflow.evaluation.stress.robustness.half_resolution import finished_half_resolution, half_resolution
from tdaflow.evaluation.stress.robustness.measure import Robustness
from tdaflow.evaluation.stress.robustness.perturbations import chosen_kinds
from tdaflow.evaluation.stress.robustness.table import robustness_rows
from tdaflow.nets.gradcam import gradcam_maps
from tdaflow.nets.optional import require_torch
from tdaflow.pipeline import Engine, Observer

RESOLUTION = "resolution"


@dataclass(frozen=True)
class Analyses:
    """What is asked beside the tables.

    Attributes
    ----------
    robustness : bool
    perturbations : tuple of str
        Keys of `KINDS`, and "resolution"; empty for all of them.
    ood : tuple of str
        "corrupted", and stores as `named_sets` takes them.
    explain : bool
    fuse : tuple of str
        Names of baselines, or of saved predictions; "all" for all of them.
    calibrate : bool
    cluster : str or None
        Where volumes are computed.
    workers : int or None
    """

    robustness: bool = False
    perturbations: tuple[str, ...] = ()
    ood: tuple[str, ...] = ()
    explain: bool = False
    fuse: tuple[str, ...] = ()
    calibrate: bool = False
    cluster: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.perturbations and not self.robustness:
            raise InputError("--perturbations says what --robustness does: give both")
        chosen_kinds(self.kinds)

    @property
    def wanted(self) -> bool:
        """Whether anything is asked."""
        return bool(self.robustness or self.ood or self.explain or self.fuse or self.calibrate)

    @property
    def needs_engine(self) -> bool:
        """Whether volumes are computed."""
        return bool(self.robustness or self.ood)

    @property
    def halves(self) -> bool:
        """Whether another resolution is tried."""
        return not self.perturbations or RESOLUTION in self.perturbations

    @property
    def kinds(self) -> tuple[str, ...] | None:
        """Keys of `KINDS`; None for all."""
        return tuple(name for name in self.perturbations if name != RESOLUTION) if self.perturbations else None


def run_analyses(
    run: Path,
    features: Features,
    wanted: Analyses,
    watching: Observer,
    *,
    choose_by: str,
    n_resamples: int,
    again: bool,
) -> None:
    """Answer everything that is asked, and write it into the run's evaluation folder."""
    folder = EvaluationFolder(run)
    saved = recorded_predictions(features, folder)
    if saved is None:
        raise InputError(f"{run} has no recorded choice on its features: run `tdaflow evaluate {run}` first")
    if wanted.calibrate:
        test = features.rows("test")
        folder.ledger.note_use(
            FAMILY, split_digest(test.ids, test.labels), saved.details["choice"], "temperature scaling"
        )
        folder.save(temperature_scaled(saved))
    if wanted.fuse:
        found = late_fusion(
            saved, _named(folder.predictions(), wanted.fuse), folder.ledger, choose_by=choose_by, again=again
        )
        folder.save(found.predictions)
        watching.message(f"late fusion chosen on validation: {found.predictions.method}")
    if not (wanted.needs_engine or wanted.explain):
        return
    recorded = refitted(features, saved)
    watching.message("the recorded choice is fitted again and repeats what was saved")
    if wanted.explain:
        _explain(run, features, recorded, folder, watching)
    if wanted.needs_engine:
        with connect(read_spec(wanted.cluster or "threads", wanted.workers)) as engine:
            if wanted.robustness:
                _robustness(run, features, recorded, folder, wanted, engine, watching, n_resamples)
            if wanted.ood:
                _ood(run, features, recorded, folder, wanted.ood, engine, watching, n_resamples)


def _robustness(
    run: Path, features: Features, recorded: Recorded, folder: EvaluationFolder, wanted: Analyses,
    engine: Engine, watching: Observer, n_resamples: int,
) -> None:  # fmt: skip
    work = Robustness(run, features, recorded, wanted.kinds)
    perturbed = work.work(folder.ledger, engine, watching)
    if wanted.halves:
        half_resolution(run, features, recorded, work.path, engine, watching)
    half = finished_half_resolution(features, recorded, work.path)
    rows = robustness_rows(recorded.predictions, perturbed, half, n_resamples=n_resamples)
    about = {"method": recorded.predictions.method, "n_resamples": n_resamples}
    written = folder.write_rows("robustness", [row.as_dict() for row in rows], about)
    watching.message(f"robustness in {', '.join(path.name for path in written)}")


def _ood(
    run: Path, features: Features, recorded: Recorded, folder: EvaluationFolder, given: Sequence[str],
    engine: Engine, watching: Observer, n_resamples: int,
) -> None:  # fmt: skip
    sets = named_sets([text for text in given if text != CORRUPTED], run)
    if CORRUPTED in given:
        sets += corrupted_sets(run, features.rows("test"))
    found = strangeness(run, features, recorded, sets, folder.ledger, engine, watching, n_resamples=n_resamples)
    written = write_strangeness(found, folder)
    watching.message(f"out of distribution in {', '.join(path.name for path in written)}")


def _explain(run: Path, features: Features, recorded: Recorded, folder: EvaluationFolder, watching: Observer) -> None:
    write_maps(linear_maps(run, features, recorded.candidate), folder, "explanation-linear")
    try:
        require_torch()
    except InputError as error:
        watching.message(f"Grad-CAM is left out: {error}")
        return
    write_maps(gradcam_maps(run, features, recorded.candidate, say=watching.message), folder, "explanation-gradcam")


def _named(saved: Sequence[Predictions], names: Sequence[str]) -> list[Predictions]:
    """Saved baselines by name, the newest choice of each; InputError for one that is not there."""
    newest: dict[str, Predictions] = {}
    for predictions in saved:
        if predictions.kind != "baseline" or predictions.method.startswith("majority class"):
            continue
        family = str(predictions.details.get("family", "")).removeprefix("baseline ")
        name = family or re.sub(r"[^a-z0-9.]+", "-", predictions.method.lower()).strip("-")
        number = int(predictions.details.get("number", 0))
        if name not in newest or number > int(newest[name].details.get("number", 0)):
            newest[name] = predictions
    unknown = [name for name in names if name != "all" and name not in newest]
    if unknown:
        there = ", ".join(newest) or "none yet"
        raise InputError(
            f"there are no saved predictions of {unknown[0]!r}: make them with `tdaflow baselines RUN --methods "
            f"{unknown[0]}` (there are: {there})"
        )
    return list(newest.values()) if "all" in names else [newest[name] for name in dict.fromkeys(names)]
