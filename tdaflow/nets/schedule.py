"""How long and how a network is trained, fixed before any training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tdaflow.errors import InputError

Stem = Literal["plain", "pooled"]
Precision = Literal["float32", "mixed"]

# MedMNIST v2 (Yang et al., Scientific Data 10, 41, 2023).
_FULL_EPOCHS = 100


@dataclass(frozen=True)
class Phase:
    """Epochs at one learning rate of Adam.

    Attributes
    ----------
    epochs : int
    learning_rate : float
    fixed_normalisation : bool
        Batch normalisation uses the statistics it has gathered, as in inference, instead of those of each batch, whose
        noise is what keeps a small network from fitting better late in training.
    """

    epochs: int
    learning_rate: float
    fixed_normalisation: bool = False


@dataclass(frozen=True)
class Schedule:
    """Training settings of a deep baseline.

    Attributes
    ----------
    epochs : int
    n_seeds : int
        Trainings, with seeds 0 … n − 1.
    stem : "plain" or "pooled"
        First layer of the network: a 3×3(×3) convolution with stride 1, and in "pooled" a max pooling of stride 2 after
        it, a quarter of the work in 3D.
    batch : int
    learning_rate : float
        Of Adam.
    drops : tuple of float
        After these shares of the epochs the learning rate is divided by ten.
    precision : "float32" or "mixed"
        Of the convolutions, see `tdaflow.nets.networks`.
    """

    epochs: int = _FULL_EPOCHS
    n_seeds: int = 5
    stem: Stem = "plain"
    batch: int = 32
    learning_rate: float = 1e-3
    drops: tuple[float, ...] = (0.5, 0.75)
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        for name in ("epochs", "n_seeds", "batch"):
            if getattr(self, name) < 1:
                raise InputError(f"a training schedule has {name} = {getattr(self, name)}: give at least 1")

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, which is counted from 0."""
        return float(self.learning_rate * 0.1 ** sum(epoch >= drop * self.epochs for drop in self.drops))

    def position(self, validation: Sequence[float]) -> Phase | None:
        """Return the phase of the next epoch, or None if training is over; only the number of epochs counts."""
        done = len(validation)
        return Phase(1, self.rate(done)) if done < self.epochs else None

    @property
    def is_reduced(self) -> bool:
        """True if it is less than MedMNIST's; such rows are named 'reduced' wherever they are shown."""
        return self.epochs < _FULL_EPOCHS or self.stem != "plain" or self.precision != "float32"

    @property
    def suffix(self) -> str:
        """Text added to the name of a method."""
        return " (reduced)" if self.is_reduced else ""

    @property
    def note(self) -> str:
        """Sentence under a table that describes the training."""
        how = (
            f"Adam, learning rate {self.learning_rate:g}, divided by 10 after "
            f"{' and '.join(f'{100 * drop:.0f} %' for drop in self.drops)} of the epochs ({self.epochs}), batches of "
            f"{self.batch}, cross-entropy, seeds: {self.n_seeds}"
        )
        if not self.is_reduced:
            return f"MedMNIST's training: {how}."
        pooled = ", max pooling after the first convolution" if self.stem == "pooled" else ""
        mixed = ", convolutions of the large stages in bfloat16" if self.precision == "mixed" else ""
        fixed = ", the schedule fixed in advance for a CPU" if replace(self, precision="float32") == REDUCED else ""
        return f"Reduced training{fixed} (MedMNIST trains {_FULL_EPOCHS} epochs): {how}{pooled}{mixed}."


MEDMNIST = Schedule()
"""MedMNIST's settings, on a CUDA device."""

REDUCED = Schedule(epochs=10, n_seeds=3, stem="pooled")
"""Settings that a CPU can finish, named 'reduced' in every table."""


def schedule_for(
    device: str, *, epochs: int | None = None, n_seeds: int | None = None, precision: Precision = "float32"
) -> Schedule:
    """Choose the schedule of a device ("cuda" or "cpu"), with other numbers of epochs or seeds if they are given.

    `precision` is that of a CPU; a CUDA device computes in float32 as MedMNIST's did.
    """
    schedule = MEDMNIST if device == "cuda" else replace(REDUCED, precision=precision)
    return replace(
        schedule,
        epochs=schedule.epochs if epochs is None else epochs,
        n_seeds=schedule.n_seeds if n_seeds is None else n_seeds,
    )
