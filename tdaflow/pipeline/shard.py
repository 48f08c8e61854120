"""A part of the work of a run that is done without a scheduler, as one of an array of jobs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tdaflow.errors import ConfigError

_TOLD = re.compile(r"(\d+)/(\d+)")
_NAME = re.compile(r"(\d+)-of-(\d+)")


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count` equal parts, counted from 1."""

    number: int
    count: int

    @classmethod
    def told(cls, text: str) -> "Shard":
        """Read ``2/8`` (`ConfigError`)."""
        found = _TOLD.fullmatch(text.strip())
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise ConfigError(f"--shard {text!r} is no part such as 2/8, the second of eight")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def named(cls, name: str) -> "Shard":
        """The shard of this `name`."""
        found = _NAME.fullmatch(name)
        assert found is not None
        return cls(int(found[1]), int(found[2]))

    @property
    def name(self) -> str:
        """Name of its files; in order."""
        return f"{self.number:0{len(str(self.count))}d}-of-{self.count}"

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def part(self, n: int, step: int = 1) -> tuple[int, int]:
        """Its share [start, stop) of `n` things in a row; parts begin at multiples of `step`."""
        steps = -(-n // step)
        start, stop = (min(n, step * (steps * i // self.count)) for i in (self.number - 1, self.number))
        return start, stop


def clipped(ranges: Iterable[tuple[int, int]], part: tuple[int, int]) -> list[tuple[int, int]]:
    """Return what of ranges [start, stop) lies in another range."""
    cut = [(max(start, part[0]), min(stop, part[1])) for start, stop in ranges]
    return [(start, stop) for start, stop in cut if start < stop]
