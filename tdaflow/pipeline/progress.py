"""Observers receive events; no computing code prints."""

from typing import Protocol


class Observer(Protocol):
    """What a run tells while it runs."""

    def message(self, text: str) -> None:
        """One line for the user."""
        ...

    def stage_begins(self, stage: str, total: int, reused: int) -> None:
        """A stage of `total` volumes begins, of which `reused` are done already."""
        ...

    def advanced(self, stage: str, volumes: int) -> None:
        """`volumes` more are done."""
        ...

    def noticed(self, stage: str, volume: str, text: str) -> None:
        """Something about one volume: a warning, a fallback, a quarantine."""
        ...

    def stage_ends(self, stage: str, seconds: float) -> None:
        """The stage is over."""
        ...


class Silent:
    """An observer that tells nothing."""

    def message(self, text: str) -> None:
        """Ignore it."""

    def stage_begins(self, stage: str, total: int, reused: int) -> None:
        """Ignore it."""

    def advanced(self, stage: str, volumes: int) -> None:
        """Ignore it."""

    def noticed(self, stage: str, volume: str, text: str) -> None:
        """Ignore it."""

    def stage_ends(self, stage: str, seconds: float) -> None:
        """Ignore it."""
