"""The chosen classifier of an evaluated run, for volumes that come later."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.model.distance import FeatureDistance
from tdaflow.evaluation.protocol.calibration import Calibration
from tdaflow.evaluation.protocol.fit import FittedChoice, calibrated
from tdaflow.evaluation.protocol.members import Blocks, Member, mean_probabilities
from tdaflow.evaluation.protocol.metrics import decisions
from tdaflow.printable import counted


@dataclass(frozen=True)
class Predicted:
    """Predictions of some volumes, in the order of their features.

    Attributes
    ----------
    classes : array of str, shape (n,)
        Name of the class: of two the second above a probability of ½, of more the most probable.
    probabilities : float64 array, shape (n, n_classes)
        Calibrated; columns in the order of `class_names`.
    ood_scores : float64 array, shape (n,)
        Distance from the training volumes, about 1 for a volume like them.
    warnings : array of str, shape (n,)
        A sentence where the score exceeds the threshold, "" elsewhere.
    class_names : tuple of str
    """

    classes: np.ndarray
    probabilities: np.ndarray
    ood_scores: np.ndarray
    warnings: np.ndarray
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True)
class Model:
    """All distinct fits of the chosen classifier; a probability is their mean, calibrated.

    Attributes
    ----------
    members : tuple of Member
    calibration : Calibration or None
    distance : FeatureDistance
        Out-of-distribution score.
    class_names : tuple of str
    digest : str
        Of the features that the model was fitted on.
    card : mapping
        Model card, JSON-able: data, preprocessing, versions, metrics, limits.
    """

    members: tuple[Member, ...]
    calibration: Calibration | None
    distance: FeatureDistance
    class_names: tuple[str, ...]
    digest: str
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def widths(self) -> dict[str, int]:
        """Columns of every block of features that the model reads, by name."""
        projections = [member.projection for member in self.members] + [self.distance.projection]
        return {name: n for p in projections for name, n in zip(p.blocks, p.widths, strict=True)}

    @property
    def holds_training_rows(self) -> bool:
        """True if rows of training features are inside: support vectors of an SVM."""
        return any(member.holds_training_rows for member in self.members)

    def predict(self, blocks: Blocks) -> Predicted:
        """Predict volumes from their features.

        Parameters
        ----------
        blocks : mapping of str to array, shape (n, columns)
            Features under the names of `widths`, finite, as `tdaflow.evaluation.load_features` and a run's
            ``features.zarr`` hold them; other blocks are ignored.

        Returns
        -------
        Predicted
            Each row is a function of that row alone: neither order nor batch changes it by more than rounding (1e-12).

        Raises
        ------
        InputError
            If a block is missing, has another number of columns or rows, or holds NaN or infinity.
        """
        self._check(blocks)
        probabilities = calibrated(mean_probabilities(self.members, blocks), self.calibration)
        scores = self.distance.scores(blocks)
        threshold = self.distance.threshold
        warnings = [
            f"unlike the training volumes: its out-of-distribution score {score:.2f} exceeds {threshold:.2f}, so its "
            "class and probability may mean nothing"
            if score > threshold
            else ""
            for score in scores
        ]
        classes = np.array(self.class_names)[decisions(probabilities)]
        return Predicted(classes, probabilities, scores, np.array(warnings, dtype=np.str_), self.class_names)

    def _check(self, blocks: Blocks) -> None:
        remedy = "make the features with the run that the model belongs to: tdaflow apply RUN DATA --out DIR"
        lacking = [name for name in self.widths if name not in blocks]
        if lacking:
            raise InputError(
                f"the features lack {lacking[0]!r}, one of the {len(self.widths)} blocks that the model reads; {remedy}"
            )
        n_rows = {len(blocks[name]) for name in self.widths}
        if len(n_rows) > 1:
            raise InputError(f"the blocks of features have {min(n_rows)} and {max(n_rows)} rows: give one row a volume")
        for name, n_columns in self.widths.items():
            block = np.asarray(blocks[name])
            if block.ndim != 2 or block.shape[1] != n_columns:
                raise InputError(
                    f"the features {name!r} have shape {block.shape}, the model reads (volumes, {n_columns}); {remedy}"
                )
            bad = ~np.isfinite(block).all(axis=1)
            if bad.any():
                raise InputError(
                    f"the features {name!r} of {counted(int(bad.sum()), 'volume')} are NaN or infinite, first of row "
                    f"{int(bad.argmax())}: leave these volumes out"
                )


def ensemble(fit: FittedChoice) -> tuple[Member, ...]:
    """The members of all distinct fits; seeds that give the same arrays count once."""
    distinct: list[tuple[Member, ...]] = []
    for members in fit.members.values():
        if not any(all(map(_same, members, other)) for other in distinct):
            distinct.append(members)
    return tuple(member for members in distinct for member in members)


def _same(first: Member, second: Member) -> bool:
    if first.head is not None or second.head is not None:
        return False  # estimators differ with their seed
    pairs = zip(vars(first.projection).values(), vars(second.projection).values(), strict=True)
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)
