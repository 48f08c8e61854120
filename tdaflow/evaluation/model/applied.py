"""Predictions of the volumes of a run that was made with the scales and ranges of an evaluated run."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdaflow.errors import InputError
from tdaflow.evaluation.model.keep import load_model
from tdaflow.evaluation.protocol.features import feature_batches
from tdaflow.remote import place
from tdaflow.store import RunFolder
from tdaflow.store.reference import SECTIONS

if TYPE_CHECKING:
    import pandas as pd


def predict_run(run: Path, applied: Path) -> "pd.DataFrame":
    """Predict every volume of an applied run with the model of an evaluated one.

    Parameters
    ----------
    run : Path
        Folder of the evaluated run.
    applied : Path
        Folder of a finished run whose ``reference`` is `run`, or `run` itself. Its features are read a chunk at a time.

    Returns
    -------
    DataFrame
        One row a volume: ``id``, ``class``, ``probability_CLASS`` of each class, ``ood_score``, ``warning`` where it
        exceeds the threshold, and ``quarantined``, the reason why a volume has no prediction ("" for others).
        Quarantined and failed volumes come last, with an empty class and NaN.

    Raises
    ------
    InputError
        See `load_model`; if `applied` is not finished, or was made with other scales or ranges than the run.
    """
    import pandas as pd

    run, applied = place(run), place(applied)
    model = load_model(run)
    state = RunFolder(applied).read()
    if state is None:
        raise InputError(f"{applied} holds no run: make one with `tdaflow apply {run} DATA --out {applied}`")
    own = RunFolder(run).read() or {}
    mine, theirs = ({**s, **{name: s.get("config", {}).get(name) for name in SECTIONS}} for s in (own, state))
    differs = [name for name in ("scales", "ranges", *SECTIONS) if mine.get(name) != theirs.get(name)]
    if differs:
        raise InputError(
            f"{applied} was made with other {differs[0]} than {run}, so its features mean something else: make it "
            f"with `tdaflow apply {run} DATA --out DIR`"
        )
    parts = []
    for ids, blocks in feature_batches(applied):
        found = model.predict(blocks)
        columns = {f"probability_{name}": found.probabilities[:, k] for k, name in enumerate(model.class_names)}
        parts.append(
            pd.DataFrame(
                {
                    "id": ids, "class": found.classes, **columns, "ood_score": found.ood_scores,
                    "warning": found.warnings, "quarantined": "",
                }
            )
        )  # fmt: skip
    reasons: dict[str, Any] = {**state.get("quarantined", {}), **state.get("failed", {})}
    parts.append(
        pd.DataFrame({"id": list(reasons), "class": "", "warning": "", "quarantined": list(map(str, reasons.values()))})
    )
    return pd.concat([part for part in parts if len(part)], ignore_index=True).reindex(columns=parts[0].columns)
