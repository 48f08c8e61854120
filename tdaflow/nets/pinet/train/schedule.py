"""Schedules of a PI-Net: epochs, learning rates, early stopping."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tdaflow.errors import InputError
from tdaflow.nets.schedule import Phase


@dataclass(frozen=True)
class PINetSchedule:
    """Training settings of a PI-Net.

    Attributes
    ----------
    phases : tuple of Phase
        One after the other.
    batch : int
    patience : int or None
        A phase ends early after this many epochs without a validation loss below all before; None: it never does.
    """

    phases: tuple[Phase, ...]
    batch: int = 128
    patience: int | None = None

    def __post_init__(self) -> None:
        if not self.phases or min(p.epochs for p in self.phases) < 1:
            raise InputError("a training schedule needs phases of at least one epoch")
        for name, value in (("batch", self.batch), ("patience", self.patience)):
            if value is not None and value < 1:
                raise InputError(f"a training schedule has {name} = {value}: give at least 1")

    @property
    def epochs(self) -> int:
        """Most epochs of all phases together."""
        return sum(phase.epochs for phase in self.phases)

    def position(self, validation: Sequence[float]) -> Phase | None:
        """Return the phase of the next epoch, or None if training is over.

        Parameters
        ----------
        validation : sequence of float
            Of the epochs so far. Nothing else decides, so a resumed training goes on as it would have.
        """
        number, here, waited, best = 0, 0, 0, math.inf
        for loss in validation:
            here += 1
            waited = 0 if loss < best else waited + 1
            best = min(best, loss)
            if here == self.phases[number].epochs or (self.patience is not None and waited >= self.patience):
                number, here, waited = number + 1, 0, 0
                if number == len(self.phases):
                    return None
        return self.phases[number]

    def starting_at(self, learning_rate: float) -> "PINetSchedule":
        """Return the same phases with all learning rates scaled so that the first is `learning_rate`."""
        first = self.phases[0].learning_rate
        scaled = (replace(p, learning_rate=learning_rate * p.learning_rate / first) for p in self.phases)
        return replace(self, phases=tuple(scaled))

    def lasting(self, epochs: int) -> "PINetSchedule":
        """Return the same phases, of `epochs` together; InputError for fewer epochs than phases."""
        n = len(self.phases)
        if epochs < n:
            raise InputError(f"{epochs} epochs are too few for {n} learning rates: give at least {n}")
        share, ends = epochs / self.epochs, [0]
        for i in range(1, n + 1):
            wanted = round(share * sum(p.epochs for p in self.phases[:i]))
            ends.append(min(max(wanted, ends[-1] + 1), epochs - (n - i)))
        lengths = (after - before for before, after in pairwise(ends))
        return replace(
            self, phases=tuple(replace(p, epochs=length) for p, length in zip(self.phases, lengths, strict=True))
        )


PRESETS: dict[str, PINetSchedule] = {
    "paper": PINetSchedule((Phase(300, 1e-3), Phase(300, 1e-4), Phase(400, 1e-5))),
    "short": PINetSchedule(
        (Phase(30, 2e-3), Phase(20, 5e-4, fixed_normalisation=True), Phase(10, 1e-4, fixed_normalisation=True)),
        batch=32,
        patience=8,
    ),
}
"""``paper`` is that of Som et al. 2019, section 5; ``short`` is for a CPU and stops on validation."""


def schedule_named(name: str, *, epochs: int | None = None) -> PINetSchedule:
    """Return a preset by name, of other length on request; InputError for an unknown one."""
    if name not in PRESETS:
        raise InputError(f"there is no training preset {name!r}: use {' or '.join(PRESETS)}")
    return PRESETS[name] if epochs is None else PRESETS[name].lasting(epochs)
