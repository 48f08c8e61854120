"""Test split that can be read once."""

from tdaflow.errors import RunError
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.ledger import Split


class HeldOut:
    """Test rows of some features; they can be read by `open` only, and only once.

    Parameters
    ----------
    features : Features
        All splits; only the test rows are kept.

    Attributes
    ----------
    split : Split
        Ids and labels, for the ledger.
    opened : bool
    """

    def __init__(self, features: Features) -> None:
        self._rows = features.rows("test")
        self.split = Split(self._rows.ids, self._rows.labels)
        self.opened = False

    def open(self) -> Features:
        """Return the test rows; RunError the second time."""
        if self.opened:
            raise RunError("the test split was opened before: fit and choose everything first, then open it once")
        self.opened = True
        return self._rows


def development(features: Features) -> tuple[Features, Features]:
    """Return the training and validation rows."""
    return features.rows("train"), features.rows("val")
