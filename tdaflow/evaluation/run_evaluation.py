"""Evaluate a run: what the verb ``tdaflow evaluate`` does."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tdaflow.errors import InputError
from tdaflow.evaluation.model.keep import keep_model
from tdaflow.evaluation.protocol.bootstrap import N_RESAMPLES
from tdaflow.evaluation.protocol.evaluate import Protocol, evaluate, majority_rows, n_steps, ranges_note
from tdaflow.evaluation.protocol.features import Features, load_features
from tdaflow.evaluation.protocol.folder import EvaluationFolder, check_is_run
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.evaluation.protocol.recorded import recorded_predictions
from tdaflow.evaluation.protocol.steps import Steps
from tdaflow.evaluation.stress.analyses import NO_ANALYSES, Analyses, MapNetwork, analyse
from tdaflow.evaluation.tables.published import published_rows
from tdaflow.evaluation.tables.results import Results, summarise
from tdaflow.evaluation.tables.written import write_results
from tdaflow.pipeline import Engine, Observer, Silent
from tdaflow.pipeline.apply import run_volumes
from tdaflow.printable import counted
from tdaflow.store import RunFolder
from tdaflow.store.integrity import same_voxels

_DEFAULT = Protocol()


@dataclass(frozen=True)
class RunEvaluation:
    """Results of all saved predictions of a run, and the files that hold their tables."""

    results: Results
    files: list[Path]


def evaluate_run(
    run: Path,
    protocol: Protocol = _DEFAULT,
    *,
    analyses: Analyses = NO_ANALYSES,
    engine: AbstractContextManager[Engine] | None = None,
    gradcam: MapNetwork | None = None,
    rebuild: bool = False,
    allow_second_test: bool = False,
    n_resamples: int = N_RESAMPLES,
    out: Path | None = None,
    positive: str | None = None,
    observer: Observer | None = None,
) -> RunEvaluation:
    """Fit on train, choose on validation, test once, analyse the choice and write the tables.

    Parameters
    ----------
    run : Path
        Folder of a finished run. Predictions, the ledger and the tables go to its sub-folder ``evaluation``.
    protocol : Protocol
        Classifiers, seeds, metric and channels of the choice.
    analyses : Analyses
        Further analyses. If any is requested, an evaluation that is recorded already is not made again.
    engine : context manager of an Engine, optional
        Such as ``tdaflow.cluster.connect(spec)``; entered only if the analyses compute volumes. By default volumes are
        computed in this process.
    gradcam : callable, optional
        Such as `tdaflow.nets.gradcam.gradcam_maps`; without it ``analyses.explain`` maps the linear model only.
    rebuild : bool
        Fit nothing: make the tables from the saved predictions.
    allow_second_test : bool
        Allow a second, different choice on the same test split; the tables say so.
    n_resamples : int
        Resamples of the bootstrap.
    out : Path, optional
        Folder of the tables.
    positive : str, optional
        Name of the positive one of two classes in the tables; by default the second.
    observer : Observer, optional

    Returns
    -------
    RunEvaluation

    Raises
    ------
    InputError
        If the folder holds no finished run, or its features cannot be evaluated (see `check_features`).
    ConfigError
        If another choice has touched the test split and `allow_second_test` is not given.
    RunError
        If a file cannot be written, or computing volumes fails.
    """
    observer = observer or Silent()
    check_is_run(run)
    folder, features = EvaluationFolder(run), load_features(run)
    refuse_copies(run)
    observer.message(ranges_note(features.about))
    if not rebuild and not (analyses.requested and recorded_predictions(features, folder)):
        choose_and_save(
            features, folder, protocol, observer, allow_second_test=allow_second_test, n_resamples=n_resamples
        )
    if analyses.requested:
        analyse(
            run, features, analyses, engine=engine, gradcam=gradcam, choose_by=protocol.choose_by,
            allow_second_test=allow_second_test, n_resamples=n_resamples, observer=observer,
        )  # fmt: skip
    return write_run_tables(features, folder, n_resamples, out, positive)


def refuse_copies(run: Path) -> None:
    """Raise InputError if the same voxels are in two splits: what is tested was learnt from."""
    try:
        table = run_volumes(RunFolder(run)).table()
    except InputError:  # the volumes are not there; what is evaluated are features
        return
    copies = [by_split for _, by_split in same_voxels(table) if len(by_split) > 1]
    if copies:
        first = " and ".join(f"{identity} ({split})" for split, identity in copies[0].items())
        raise InputError(
            f"{counted(len(copies), 'volume is', 'volumes are')} in more than one split, the "
            f"first is {first} with the same voxels: keep one of "
            "them, or give both one split, and run again"
        )


def choose_and_save(
    features: Features,
    folder: EvaluationFolder,
    protocol: Protocol,
    observer: Observer,
    *,
    allow_second_test: bool = False,
    n_resamples: int = N_RESAMPLES,
) -> None:
    """Follow the protocol and save predictions, candidates, majority rows and the model; errors as `evaluate`."""
    began = time.perf_counter()
    n, resolved = n_steps(features, protocol), protocol.resolved(features)
    observer.message(
        f"{n - protocol.n_seeds} candidates, of {resolved.channels} channels, are compared {resolved.compared}"
    )
    steps = Steps("candidates and seeds", n, observer.message)
    found = evaluate(
        features, protocol, folder.ledger, allow_second_test=allow_second_test, advanced=steps.advanced
    )  # fmt: skip
    observer.message(f"fitted and chosen in {time.perf_counter() - began:.1f} s")
    folder.save(found.predictions, f"tda-choice-{found.touch.number}")
    folder.write_search(found.validation)
    for row in majority_rows(features):
        folder.save(row)
    keep_model(folder.path.parent, features, found, n_resamples=n_resamples)
    observer.message(f"the model and its card are in {folder.path / 'model'}")
    observer.message(found.touch.note)


def write_run_tables(
    features: Features,
    folder: EvaluationFolder,
    n_resamples: int = N_RESAMPLES,
    out: Path | None = None,
    positive: str | None = None,
) -> RunEvaluation:
    """Write the tables of all saved predictions of a run; nothing is fitted."""
    listed = folder.predictions()
    results = run_results(folder, listed, str(features.about.get("data_set", "")), n_resamples, positive)
    return RunEvaluation(results, write_results(results, out or folder.path, listed))


def run_results(
    folder: EvaluationFolder,
    listed: Sequence[Predictions],
    data_set: str,
    n_resamples: int = N_RESAMPLES,
    positive: str | None = None,
) -> Results:
    """Summarise all saved predictions of a run, with the published rows of its data set."""
    return summarise(
        listed,
        data_set=data_set,
        published=published_rows(data_set),
        unavailable=folder.unavailable(),
        n_resamples=n_resamples,
        positive=positive,
    )
