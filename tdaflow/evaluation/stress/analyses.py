"""Analyse the recorded choice of a run: robustness, out-of-distribution scores, explanation, fusion, calibration."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tdaflow.errors import InputError
from tdaflow.evaluation.baselines.late_fusion import late_fusion, saved_baselines
from tdaflow.evaluation.protocol.bootstrap import N_RESAMPLES
from tdaflow.evaluation.protocol.evaluate import FAMILY
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.ledger import Split
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.evaluation.protocol.recorded import Recorded, recorded_predictions, refitted
from tdaflow.evaluation.stress.calibration import temperature_scaled
from tdaflow.evaluation.stress.explanation.linear import linear_maps
from tdaflow.evaluation.stress.explanation.maps import Maps, write_maps
from tdaflow.evaluation.stress.ood.measure import score_ood_sets, write_ood
from tdaflow.evaluation.stress.ood.sets import CORRUPTED, corrupted_sets, named_sets
from tdaflow.evaluation.stress.robustness.half_resolution import finished_half_resolution, half_resolution
from tdaflow.evaluation.stress.robustness.measure import Robustness
from tdaflow.evaluation.stress.robustness.perturbations import chosen_kinds
from tdaflow.evaluation.stress.robustness.table import robustness_rows
from tdaflow.pipeline import Engine, InProcess, Observer, Silent

RESOLUTION = "resolution"

MapNetwork = Callable[..., Maps]
"""From run, features and candidate, with ``say=``, to maps of a network, as `tdaflow.nets.gradcam.gradcam_maps`."""


@dataclass(frozen=True)
class Analyses:
    """Which analyses are requested.

    Attributes
    ----------
    robustness : bool
        Predict perturbed test volumes with the choice that was fitted on clean ones.
    perturbations : tuple of str
        Keys of `KINDS`, and "resolution"; empty for all of them.
    ood : tuple of str
        Out-of-distribution sets: "corrupted", and stores as `named_sets` takes them.
    explain : bool
        Map the decision to the birth–persistence plane.
    late_fusion : tuple of str
        Names of saved baselines to fuse with the best of; "all" for all of them.
    calibrate : bool
        Add a temperature-scaled row.

    Raises
    ------
    InputError
        If a perturbation is unknown, or given without `robustness`.
    """

    robustness: bool = False
    perturbations: tuple[str, ...] = ()
    ood: tuple[str, ...] = ()
    explain: bool = False
    late_fusion: tuple[str, ...] = ()
    calibrate: bool = False

    def __post_init__(self) -> None:
        if self.perturbations and not self.robustness:
            raise InputError("--perturbations selects what --robustness does: give both")
        chosen_kinds(self.kinds)

    @property
    def requested(self) -> bool:
        """True if any analysis was requested."""
        return bool(self.robustness or self.ood or self.explain or self.late_fusion or self.calibrate)

    @property
    def computes_volumes(self) -> bool:
        """True if volumes must be computed."""
        return bool(self.robustness or self.ood)

    @property
    def tests_resolution(self) -> bool:
        """True if half resolution is among the perturbations."""
        return not self.perturbations or RESOLUTION in self.perturbations

    @property
    def kinds(self) -> tuple[str, ...] | None:
        """Requested keys of `KINDS`; None for all."""
        return tuple(name for name in self.perturbations if name != RESOLUTION) if self.perturbations else None


NO_ANALYSES: Analyses = Analyses()


def analyse(
    run: Path,
    features: Features,
    analyses: Analyses,
    *,
    engine: AbstractContextManager[Engine] | None = None,
    gradcam: MapNetwork | None = None,
    choose_by: str = "auc",
    allow_second_test: bool = False,
    n_resamples: int = N_RESAMPLES,
    observer: Observer | None = None,
) -> None:
    """Run the requested analyses and write their results into the evaluation folder of the run.

    Parameters
    ----------
    run : Path
        Folder of an evaluated run.
    features : Features
        Of the run.
    analyses : Analyses
    engine : context manager of an Engine, optional
        Entered only if volumes are computed; by default they are computed in this process.
    gradcam : callable, optional
        Maps of a network, see `MapNetwork`.
    choose_by : str
        Validation metric that late fusion is chosen by.
    allow_second_test : bool
        Allow a second, different late fusion on the same test split.
    n_resamples : int
        Resamples of the bootstrap.
    observer : Observer, optional

    Raises
    ------
    InputError
        If the run has no recorded choice on its features, or a set or baseline does not exist.
    ConfigError
        If another late fusion has touched the test split and `allow_second_test` is not given.
    RunError
        If computing volumes fails.
    """
    observer = observer or Silent()
    folder = EvaluationFolder(run)
    saved = recorded_predictions(features, folder)
    if saved is None:
        raise InputError(f"{run} has no recorded choice on its features: run `tdaflow evaluate {run}` first")
    if analyses.calibrate:
        _calibrate(features, saved, folder)
    if analyses.late_fusion:
        fused = late_fusion(
            saved, saved_baselines(folder.predictions(), analyses.late_fusion), folder.ledger,
            choose_by=choose_by, allow_second_test=allow_second_test,
        )  # fmt: skip
        folder.save(fused.predictions)
        observer.message(f"late fusion chosen on validation: {fused.predictions.method}")
    if not (analyses.computes_volumes or analyses.explain):
        return
    recorded = refitted(features, saved)
    observer.message("the recorded choice was fitted again and reproduces its saved validation predictions")
    if analyses.explain:
        _explain(run, features, recorded, folder, gradcam, observer)
    if analyses.computes_volumes:
        with engine or nullcontext(InProcess()) as working:
            if analyses.robustness:
                _robustness(run, features, recorded, analyses, working, observer, n_resamples)
            if analyses.ood:
                _ood(run, features, recorded, analyses.ood, working, observer, n_resamples)


def _calibrate(features: Features, saved: Predictions, folder: EvaluationFolder) -> None:
    test = features.rows("test")
    folder.ledger.note_use(FAMILY, Split(test.ids, test.labels), saved.details["choice"], "temperature scaling")
    folder.save(temperature_scaled(saved))


def _robustness(
    run: Path, features: Features, recorded: Recorded, analyses: Analyses, engine: Engine, observer: Observer,
    n_resamples: int,
) -> None:  # fmt: skip
    folder = EvaluationFolder(run)
    work = Robustness(run, features, recorded, analyses.kinds)
    perturbed = work.work(folder.ledger, engine, observer)
    if analyses.tests_resolution:
        half_resolution(run, features, recorded, work.path, engine, observer)
    half = finished_half_resolution(features, recorded, work.path)
    rows = robustness_rows(recorded.predictions, perturbed, half, n_resamples=n_resamples)
    about = {"method": recorded.predictions.method, "n_resamples": n_resamples}
    written = folder.write_rows("robustness", [row.as_dict() for row in rows], about)
    observer.message(f"robustness in {', '.join(path.name for path in written)}")


def _ood(
    run: Path, features: Features, recorded: Recorded, given: tuple[str, ...], engine: Engine, observer: Observer,
    n_resamples: int,
) -> None:  # fmt: skip
    folder = EvaluationFolder(run)
    sets = named_sets([text for text in given if text != CORRUPTED], run)
    if CORRUPTED in given:
        sets += corrupted_sets(run, features.rows("test"))
    found = score_ood_sets(run, features, recorded, sets, folder.ledger, engine, observer, n_resamples=n_resamples)
    written = write_ood(found, folder)
    observer.message(f"out-of-distribution scores in {', '.join(path.name for path in written)}")


def _explain(
    run: Path,
    features: Features,
    recorded: Recorded,
    folder: EvaluationFolder,
    gradcam: MapNetwork | None,
    observer: Observer,
) -> None:
    write_maps(linear_maps(run, features, recorded.candidate), folder, "explanation-linear")
    if gradcam is not None:
        maps = gradcam(run, features, recorded.candidate, say=observer.message)
        write_maps(maps, folder, "explanation-gradcam")
