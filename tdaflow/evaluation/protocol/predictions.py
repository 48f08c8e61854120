"""Predicted probabilities of one method: the input of all tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.atomic import written_whole
from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.metrics import decisions
from tdaflow.remote import place

FORMAT = 1
_BEYOND = 1e-9
OUT_OF_FOLD = "out-of-fold"
"""Name of the split of volumes that nested cross-validation has predicted."""


@dataclass(frozen=True)
class Predictions:
    """Predicted probabilities of the volumes of the validation and test splits, or of all folds of a cross-validation.

    Attributes
    ----------
    method : str
        Name of the row in the table.
    ids, splits, groups : arrays of str, shape (n,)
        `splits` are "val" or "test" ("train" is allowed), or all `OUT_OF_FOLD`; `groups` are patients, "" where
        unknown.
    labels : int64 array, shape (n,)
    class_names : tuple of str
    probabilities : mapping of int to float64 array, shape (n, n_classes)
        One array a seed; rows sum to 1. A deterministic method has one seed.
    thresholds : mapping of int to float
        For two classes: the decision threshold of each seed, chosen on validation; empty for 0.5.
    kind : str
        "method", "fusion", "calibrated", "baseline" or "published protocol"; sets the style of the row.
    notes : tuple of str
        Sentences for every table that shows the row.
    details : mapping
        JSON-able: what was chosen, schedules, seconds.
    folds : mapping of int to int64 array, shape (n,)
        Of each seed: the fold that each volume was held out with, for a model a fold; empty for one model. Scores of
        different models are not ranked against one another: AUC is that of the pairs within a fold (Forman and Scholz,
        "Apples-to-apples in cross-validation studies", SIGKDD Explorations 2010).

    Raises
    ------
    InputError
        If shapes do not fit, ids repeat, a label has no class, or a probability is not in [0, 1].
    """

    method: str
    ids: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    groups: np.ndarray
    class_names: tuple[str, ...]
    probabilities: Mapping[int, np.ndarray]
    thresholds: Mapping[int, float] = field(default_factory=dict)
    kind: str = "method"
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    folds: Mapping[int, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, n_classes = len(self.ids), len(self.class_names)
        if not self.probabilities:
            raise InputError(f"the predictions of {self.method!r} hold no seed: give probabilities of one at least")
        for name in ("labels", "splits", "groups"):
            if getattr(self, name).shape != (n,):
                raise InputError(
                    f"{name} of {self.method!r} have shape {getattr(self, name).shape}, {n} ids need ({n},)"
                )
        if len(set(self.ids.tolist())) < n:
            raise InputError(f"the predictions of {self.method!r} name an id twice: give every volume one row")
        if n and not (self.labels.min() >= 0 and self.labels.max() < n_classes):
            raise InputError(f"a label of {self.method!r} lies outside its {n_classes} classes")
        for seed, values in self.probabilities.items():
            if values.shape != (n, n_classes):
                raise InputError(
                    f"probabilities of {self.method!r}, seed {seed}, have shape {values.shape}; "
                    f"{n} ids and {n_classes} classes need ({n}, {n_classes})"
                )
            if not ((values >= 0) & (values <= 1 + 1e-9)).all():
                raise InputError(f"a probability of {self.method!r}, seed {seed}, is NaN or outside [0, 1]")

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds, ascending."""
        return tuple(sorted(self.probabilities))

    @property
    def averaged(self) -> np.ndarray:
        """Mean probabilities over seeds, float64 (n, n_classes): what one ensemble of them predicts."""
        return np.mean([self.probabilities[seed] for seed in self.seeds], axis=0)

    @property
    def threshold(self) -> float | None:
        """Mean decision threshold over seeds; None if there are none."""
        return float(np.mean(list(self.thresholds.values()))) if self.thresholds else None

    @property
    def decided(self) -> np.ndarray:
        """Class index by the mean probabilities and the mean threshold, int64 (n,): every volume is decided once."""
        return decisions(self.averaged, self.threshold)

    def with_positive(self, name: str | None) -> "Predictions":
        """Return the predictions with this one of two classes as the positive class, which is the second.

        InputError unless there are two classes and one has this name.
        """
        if name is None or (len(self.class_names) == 2 and self.class_names[1] == name):
            return self
        if len(self.class_names) != 2 or name not in self.class_names:
            what = ", ".join(self.class_names)
            raise InputError(
                f"{name!r} cannot be the positive class of {what}: "
                + ("give one of them" if len(self.class_names) == 2 else "there is one with two classes only")
            )
        return replace(
            self, labels=1 - self.labels, class_names=self.class_names[::-1],
            probabilities={seed: values[:, ::-1] for seed, values in self.probabilities.items()},
            # A volume at the threshold, where one of validation lies, stays in its class.
            thresholds={seed: 1 - value + _BEYOND for seed, value in self.thresholds.items()},
        )  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a volume: id, split, group, class, predicted class, threshold of the positive class, if there is
        one, and the mean probability of every class.
        """
        decided, averaged = self.decided, self.averaged
        return [
            {
                "method": self.method, "id": str(self.ids[i]), "split": str(self.splits[i]),
                "group": str(self.groups[i]), "class": self.class_names[self.labels[i]],
                "predicted": self.class_names[decided[i]], "correct": bool(decided[i] == self.labels[i]),
                "threshold": "" if self.threshold is None else round(self.threshold, 6),
                **{f"p[{name}]": round(float(p), 6) for name, p in zip(self.class_names, averaged[i], strict=True)},
            }
            for i in range(len(self.ids))
        ]  # fmt: skip

    def of_split(self, split: str) -> "Predictions":
        """Select the rows of one split."""
        return self._rows(np.flatnonzero(self.splits == split))

    def aligned(self, ids: np.ndarray) -> "Predictions":
        """Return the rows in the order of `ids`; InputError unless exactly these are there."""
        position = {identity: row for row, identity in enumerate(self.ids.tolist())}
        if len(ids) != len(self.ids) or any(identity not in position for identity in ids.tolist()):
            lacking = sorted(set(ids.tolist()) ^ set(position))
            raise InputError(
                f"the predictions of {self.method!r} are of other volumes than the table's ({len(lacking)} ids differ, "
                f"such as {lacking[0]!r}): make them from the same run"
            )
        return self._rows(np.array([position[identity] for identity in ids.tolist()], dtype=np.int64))

    def _rows(self, rows: np.ndarray) -> "Predictions":
        return Predictions(
            self.method, self.ids[rows], self.labels[rows], self.splits[rows], self.groups[rows], self.class_names,
            {seed: values[rows] for seed, values in self.probabilities.items()},
            self.thresholds, self.kind, self.notes, self.details,
            {seed: values[rows] for seed, values in self.folds.items()},
        )  # fmt: skip

    def save(self, path: Path) -> Path:
        """Write an .npz of plain arrays (nothing is pickled), whole or not at all; return its path."""
        path = place(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        about = {
            "format": FORMAT, "method": self.method, "kind": self.kind, "class_names": list(self.class_names),
            "seeds": list(self.seeds), "thresholds": {str(k): v for k, v in self.thresholds.items()},
            "notes": list(self.notes), "details": dict(self.details),
        }  # fmt: skip
        folds: dict[str, Any] = {"folds": np.stack([self.folds[s] for s in self.seeds])} if self.folds else {}
        with written_whole(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                about=np.array(json.dumps(about)),
                ids=np.asarray(self.ids, dtype=np.str_),
                labels=self.labels.astype(np.int64),
                splits=np.asarray(self.splits, dtype=np.str_),
                groups=np.asarray(self.groups, dtype=np.str_),
                probabilities=np.stack([self.probabilities[seed] for seed in self.seeds]),
                **folds,
            )
        return path

    @classmethod
    def load(cls, path: Path) -> "Predictions":
        """Read what `save` wrote; InputError if it is something else."""
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                about = json.loads(str(file["about"]))
                columns = {name: file[name] for name in ("ids", "labels", "splits", "groups")}
                stack, folds = file["probabilities"], file.get("folds", ())
            if about["format"] != FORMAT:
                raise ValueError(f"format {about['format']}, this tdaflow reads {FORMAT}")
            seeds = about["seeds"]
            probabilities = dict(zip(seeds, stack, strict=True))
        except Exception as error:  # whatever damaged bytes make of zip, npy and JSON
            raise InputError(f"{path} holds no predictions ({error}): delete it and evaluate again") from None
        return cls(
            method=about["method"],
            class_names=tuple(about["class_names"]),
            probabilities=probabilities,
            thresholds={int(seed): float(value) for seed, value in about["thresholds"].items()},
            kind=about["kind"],
            notes=tuple(about["notes"]),
            details=about["details"],
            folds=dict(zip(seeds, folds, strict=True)) if len(folds) else {},
            **columns,
        )
