"""A cohort that grows: which volumes were added to a source, and which of them scales and ranges are learnt from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tdaflow.config import RunConfig
from tdaflow.errors import InputError
from tdaflow.preprocessing import Preprocessing
from tdaflow.printable import counted
from tdaflow.sources import Growing, Member, Source
from tdaflow.store import VolumeStore, VolumeTable, options_digest

_SHOWN = 3

State = tuple[int, str]
"""Number of entries and digest of a volume store at some time, see `VolumeStore.states`."""


@dataclass(frozen=True)
class Added:
    """What a task reads of the volumes that were added.

    Attributes
    ----------
    ids : tuple of str
        In the order of the source.
    codes : tuple of int
        Label in the store of each class of the source.
    """

    ids: tuple[str, ...]
    codes: tuple[int, ...]

    def part(self, start: int, stop: int) -> "Added":
        """Some of the ids."""
        return Added(self.ids[start:stop], self.codes)


@dataclass(frozen=True)
class Growth:
    """Volumes that a source has in addition to those of a store.

    Attributes
    ----------
    store : VolumeStore
    added : Added
    class_names : tuple of str
        Those of the store, then new ones: labels of the store keep their meaning.
    members : list of str
        `members_digests` of all volumes, in the order of the grown store.
    """

    store: VolumeStore
    added: Added
    class_names: tuple[str, ...]
    members: list[str]

    @property
    def sentence(self) -> str:
        """What is about to be done, for the user."""
        n, there = len(self.added.ids), self.store.states[-1][0]
        classes = self.class_names[len(self.store.attributes["class_names"]) :]
        with_them = f", with the new class {' and '.join(map(repr, classes))}" if classes else ""
        were = "volume was" if n == 1 else "volumes were"
        return f"{n} {were} added to the {there} of this run{with_them}; only {'it is' if n == 1 else 'they are'} read"

    def preprocessing(self, chosen: Preprocessing) -> tuple[Preprocessing, str]:
        """The steps that the store was made with, and a sentence if the preset "auto" would choose others by now."""
        steps = self.store.attributes["preprocessing"]
        if chosen.tables() == steps:
            return chosen, ""
        return Preprocessing(tuple(steps)), (
            "they are preprocessed as the others were, though the preset auto would choose other steps for all by now; "
            "--restart-from volumes does it all again with those"
        )


def members_digests(source: Source) -> list[str] | None:
    """Digests of all that decides the voxels of each volume, in order; None where the source cannot tell them apart."""
    if not isinstance(source, Growing):
        return None
    try:
        return list(map(_digest, source.members()))
    except InputError:
        return None


def growth_of(source: Source, store: VolumeStore) -> Growth | None:
    """What was added to a source since its volumes were stored; None if nothing was.

    Raises
    ------
    InputError
        If volumes have changed or are gone, naming them; or if the source cannot tell its volumes apart.
    """
    if not isinstance(source, Growing):
        raise InputError("its volumes cannot be told apart unread, so added ones cannot be told from changed ones")
    members, told = source.members(), store.attributes.get("members")
    if told is None:
        raise InputError("an older version noted nothing by which added volumes could be told from changed ones")
    class_names = source.describe().class_names
    table, known = store.table(), tuple(store.attributes["class_names"])
    left = {member.id: member for member in members}
    problems: dict[str, list[str]] = {}
    for position, identity in enumerate(table.id.tolist()):
        member = left.pop(identity, None)
        if member is None:
            problems.setdefault("removed", []).append(repr(identity))
        elif _digest(member) != told[position]:
            problems.setdefault("changed", []).append(repr(identity))
        else:
            for name, was, now in _labelling(table, position, member, known, class_names):
                problems.setdefault(f"another {name}", []).append(f"{identity!r} ({was or 'none'} → {now or 'none'})")
    if problems:
        raise InputError("; ".join(f"{what}: {_some(names)}" for what, names in problems.items()))
    added = [member for member in members if member.id in left]
    if not added:
        return None
    names = (*known, *(name for name in class_names if name not in known))
    codes = tuple(map(names.index, class_names))
    return Growth(store, Added(tuple(m.id for m in added), codes), names, [*told, *map(_digest, added)])


def _labelling(
    table: VolumeTable, position: int, member: Member, known: Sequence[str], class_names: Sequence[str]
) -> list[tuple[str, str, str]]:
    """What differs between a row of the store and the source: which column, what it was and what it is."""
    label = int(table.label[position])
    columns = (
        ("label", known[label] if label >= 0 else "", "" if member.label is None else class_names[member.label]),
        ("split", table.split[position], member.split or ""),
        ("group", table.group[position], member.group or ""),
    )
    return [column for column in columns if column[1] != column[2]]


def _digest(member: Member) -> str:
    # A store has one for every volume among its attributes, which every task reads.
    return options_digest(list(member.made_of))[:16]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def state_of(states: Sequence[State], digest_of: Callable[[State], str], digest: str | None) -> State | None:
    """The state of the volumes that something was made of, by its digest; the newest if there is no such thing yet."""
    return states[-1] if digest is None else next((s for s in states if digest_of(s) == digest), None)


def learnt_from(config: RunConfig, states: Sequence[State], scales: State, ranges: State) -> dict[str, int]:
    """How many of how many ``volumes`` the intensity ``scales`` and the ``ranges`` are of; empty where it is all."""
    total, found = states[-1][0], {}
    if config.frozen is None or not config.frozen.ranges:
        found = {"ranges": ranges[0]} | ({"scales": scales[0]} if config.learns_scale and not config.frozen else {})
    return {"volumes": total, **found} if any(n < total for n in found.values()) else {}


def learnt_sentence(learnt: Mapping[str, int]) -> str:
    """What a grown run keeps and what it learns anew, from `learnt_from`."""
    total, ranges = learnt["volumes"], learnt["ranges"]
    scales = learnt.get("scales", total)
    first, anew = f"the first {ranges} of {counted(total, 'volume')}", "--restart-from images learns them anew from all"
    if ranges == total:
        return (
            f"ranges and σ are learnt from all {counted(total, 'volume')}; the "
            f"intensity scale stays that of the first {scales}, "
            "which the diagrams are made with: --restart-from diagrams learns it anew from all"
        )
    if scales == total:
        return f"ranges and σ stay those of {first}: {anew}"
    also = "" if scales == ranges else f" (that of the first {scales})"
    return (
        f"ranges, σ and intensity scale{also} stay those of {first}: --restart-from images learns ranges and σ anew "
        "from all, --restart-from diagrams the intensity scale too"
    )
