"""A model as files: ``model.json`` and ``arrays.npz``, its card, and of other than linear classifiers ``head-N.skops``.

Nothing is pickled. JSON names a list of members, each with its kind, its blocks of features and the arrays of its
scaling, coefficients and intercepts, and a probability map: later kinds of either only add. An estimator is read back
only if every type in its file is on a fixed list and scikit-learn is of the version that wrote it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import sklearn

from tdaflow import __version__
from tdaflow.atomic import remove_whole, written_whole
from tdaflow.errors import InputError
from tdaflow.evaluation.model.distance import FeatureDistance
from tdaflow.evaluation.model.model import Model
from tdaflow.evaluation.protocol.calibration import Calibration
from tdaflow.evaluation.protocol.files import without_nan, writing
from tdaflow.evaluation.protocol.members import Member, Projection

FORMAT = 1
"""Version of the files; a change that an older reader would misread raises it."""

# What estimators of `CLASSIFIERS` consist of beyond what skops trusts by itself.
ALLOWED_TYPES = (
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
_PROJECTION = ("centre", "weights", "offsets")


def write_model(model: Model, folder: Path, card_text: str) -> Path:
    """Write a model and its card into a folder, replacing what is there; whole or not at all.

    Parameters
    ----------
    model : Model
    folder : Path
        Made by this function.
    card_text : str
        The card in Markdown.

    Raises
    ------
    InputError
        If the classifier is not linear and skops is not installed.
    RunError
        If the folder cannot be written.
    """
    arrays: dict[str, np.ndarray] = {}
    members = []
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with writing(folder), written_whole(folder) as working:
        working.mkdir()
        for i, member in enumerate(model.members):
            told: dict[str, Any] = {"kind": "linear", **_take(member.projection, f"member_{i}", arrays)}
            if member.head is not None:
                told |= {"kind": "estimator", "head": f"head-{i}.skops"}
                _skops().dump(member.head, working / told["head"])
            members.append(told)
        distance = model.distance
        arrays |= {"ood_scale": distance.scale, "ood_deviations": distance.deviations}
        about = {
            "format": FORMAT,
            "tdaflow": __version__,
            "scikit_learn": sklearn.__version__,
            "features": model.digest,
            "class_names": list(model.class_names),
            "members": members,
            "probability_map": _map_as_dict(model.calibration),
            "ood": {
                "kind": "principal components",
                **_take(distance.projection, "ood", arrays),
                "means": list(distance.means),
                "threshold": distance.threshold,
            },
            "holds_training_rows": model.holds_training_rows,
        }
        with (working / "arrays.npz").open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        for name, value in (("model.json", about), ("card.json", without_nan(dict(model.card)))):
            text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
            (working / name).write_text(text, encoding="utf-8")
        (working / "card.md").write_text(card_text, encoding="utf-8")
        remove_whole(folder)
    return folder


def read_model(folder: Path) -> Model:
    """Read what `write_model` wrote.

    Raises
    ------
    InputError
        If there is no model, a file is damaged, it is of another format, or its estimator was written by another
        version of scikit-learn or holds a type that is not allowed.
    """
    try:
        about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        found = about["format"]
    except FileNotFoundError:
        raise InputError(f"{folder} holds no model: run `tdaflow evaluate RUN` first, which keeps one") from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(
            f"{folder / 'model.json'} cannot be read ({type(error).__name__}): run `tdaflow evaluate` again"
        ) from None
    if found != FORMAT:
        raise InputError(
            f"the model in {folder} has format {found}, written by tdaflow {about.get('tdaflow', '?')}, and tdaflow "
            f"{__version__} reads {FORMAT}: run `tdaflow evaluate` again with this version"
        )
    try:
        with (folder / "arrays.npz").open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = dict(file)
        members = tuple(
            Member(_projection(told, f"member_{i}", arrays), _head(folder, told, about))
            for i, told in enumerate(about["members"])
        )
        ood = about["ood"]
        distance = FeatureDistance(
            _projection(ood, "ood", arrays), arrays["ood_scale"], arrays["ood_deviations"],
            (float(ood["means"][0]), float(ood["means"][1])), float(ood["threshold"]),
        )  # fmt: skip
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        return Model(
            members, _map_from(about["probability_map"]), distance, tuple(about["class_names"]), about["features"], card
        )
    except InputError:
        raise
    except Exception as error:  # whatever damaged bytes make of zip, npy and JSON
        raise InputError(
            f"the model in {folder} is damaged ({type(error).__name__}: {error}): run `tdaflow evaluate` again"
        ) from None


def _take(projection: Projection, prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Put the arrays of a projection among the others; return the rest, JSON-able."""
    for name in _PROJECTION:
        arrays[f"{prefix}_{name}"] = getattr(projection, name)
    return {
        "blocks": [{"name": name, "columns": n} for name, n in zip(projection.blocks, projection.widths, strict=True)],
        "square_root": projection.square_root,
    }


def _projection(told: Mapping[str, Any], prefix: str, arrays: Mapping[str, np.ndarray]) -> Projection:
    blocks, widths = zip(*((str(b["name"]), int(b["columns"])) for b in told["blocks"]), strict=True)
    centre, weights, offsets = (arrays[f"{prefix}_{name}"] for name in _PROJECTION)
    if weights.shape != (len(offsets), sum(widths)) or centre.shape != (sum(widths),):
        raise ValueError(f"arrays of {prefix} do not fit its blocks")
    return Projection(blocks, widths, bool(told["square_root"]), centre, weights, offsets)


def _map_as_dict(calibration: Calibration | None) -> dict[str, Any]:
    return {"kind": "identity"} if calibration is None else {"kind": "vector scaling", **calibration.as_dict()}


def _map_from(told: Mapping[str, Any]) -> Calibration | None:
    if told["kind"] == "identity":
        return None
    if told["kind"] != "vector scaling":
        raise ValueError(f"probability map {told['kind']!r}")
    return Calibration.from_dict(told)


def _head(folder: Path, told: Mapping[str, Any], about: Mapping[str, Any]) -> Any:
    if told["kind"] == "linear":
        return None
    if told["kind"] != "estimator":
        raise ValueError(f"member of kind {told['kind']!r}")
    if about["scikit_learn"] != sklearn.__version__:
        raise InputError(
            f"the model in {folder} was written by scikit-learn {about['scikit_learn']} and is not linear, so "
            f"scikit-learn {sklearn.__version__} cannot read it: install that version, or run `tdaflow evaluate` again"
        )
    skops = _skops()
    path = folder / Path(told["head"]).name
    content = path.read_bytes()
    strange = sorted(set(skops.get_untrusted_types(data=content)) - set(ALLOWED_TYPES))
    if strange:
        raise InputError(
            f"{path} holds an object of type {strange[0]}, which no model of tdaflow has, and was not opened: "
            "run `tdaflow evaluate` again"
        )
    return skops.loads(content, trusted=list(ALLOWED_TYPES))


def _skops() -> Any:
    try:
        import skops.io
    except ImportError:
        raise InputError(
            "models that are not linear are kept and read with skops: pip install skops, or give "
            "--classifiers logistic,committee"
        ) from None
    return skops.io
