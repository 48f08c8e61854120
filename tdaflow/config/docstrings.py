"""What the docstring of a class says of its options, in numpydoc's form."""

import inspect
import re
from typing import NamedTuple

_SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
_ENTRY = re.compile(r"^(\w+(?:, \w+)*)(?: : (.+))?$")
_UNIT = re.compile(r",? in (?![\[(])(.+)$")
_MARKUP = re.compile(r"(?::\w+:)?(`+)(.+?)\1")


class Described(NamedTuple):
    """Type, unit ("" for none) and meaning of an option."""

    type: str
    unit: str
    meaning: str


def described(kind: type) -> dict[str, Described]:
    """Say of every option that `kind` or a class above it documents what it is.

    The class that declares an option has the first word, then the nearest one that documents it.
    """
    found: dict[str, Described] = {}
    by_class = [(cls, _own(cls)) for cls in kind.__mro__]
    for cls, own in by_class:
        for name, what in own.items():
            if name in inspect.get_annotations(cls):
                found.setdefault(name, what)
    for _, own in by_class:
        for name, what in own.items():
            found.setdefault(name, what)
    return found


def text(kind: type) -> str:
    """The text before the first section of a class's docstring, without markup."""
    return plain(_SECTION.split(inspect.cleandoc(kind.__doc__ or ""))[0])


def summary(kind: type) -> str:
    """The first line of a class's docstring, without markup."""
    return plain(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0])


def plain(text: str) -> str:
    """Text on one line, without the marks of reStructuredText."""
    return _MARKUP.sub(r"\2", " ".join(text.split()))


def _own(cls: type) -> dict[str, Described]:
    parts = _SECTION.split(inspect.cleandoc(cls.__dict__.get("__doc__") or ""))
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    found: dict[str, Described] = {}
    for section in ("Attributes", "Parameters"):
        names: list[str] = []
        text: list[str] = []
        type_ = ""
        for line in [*sections.get(section, "").splitlines(), "end : end"]:
            entry = _ENTRY.match(line)
            if entry is None:
                text.append(line)
                continue
            unit = _UNIT.search(type_)
            shown = _UNIT.sub("", type_).replace(", optional", "").replace("pathlib.Path", "path")
            found |= {name: Described(shown, unit[1] if unit else "", plain("\n".join(text))) for name in names}
            names, type_, text = entry[1].split(", "), entry[2] or "", []
    return found
