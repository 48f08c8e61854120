"""Every key of a configuration, read from the dataclasses that declare them and from their docstrings."""

import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from tdaflow.config.docstrings import described, summary, text
from tdaflow.config.model import RunConfig
from tdaflow.config.sections import ExecutionConfig, FiltrationConfig, Section
from tdaflow.config.toml import toml_value
from tdaflow.homology import FILTRATIONS
from tdaflow.homology.regions import Regions
from tdaflow.images import ImageOptions
from tdaflow.preprocessing import Preprocessing
from tdaflow.preprocessing.pipeline import STEPS
from tdaflow.sources import SOURCES
from tdaflow.superpixels import SuperpixelOptions
from tdaflow.vectorisations import VECTORISATIONS

STEP = "preprocess.steps[]"
"""Section of the keys of a step: a table in the list ``preprocess.steps``."""


@dataclass(frozen=True)
class Key:
    """One key of a configuration.

    Attributes
    ----------
    section, name : str
        As in TOML; "NAME" and "KIND" in a section stand for names. ``section`` is "" at the top level.
    kinds : tuple of str
        The kinds of data, step or filtration that have the key; empty if it is there whatever the kind.
    type, unit, meaning : str
        `unit` is "" where there is none.
    default : str or None
        In TOML; None if there is none, because the key must be given, or left out.
    """

    section: str
    name: str
    kinds: tuple[str, ...]
    type: str
    unit: str
    meaning: str
    default: str | None

    @property
    def key(self) -> str:
        """The dotted key, as ``--set`` takes it."""
        return f"{self.section}.{self.name}" if self.section else self.name


def reference() -> list[Key]:
    """Every key, in the order of the sections."""
    by_name = {key.name: key for key in _keys("", RunConfig)}
    data = [
        Key("data", "kind", (), "str", "", f"Which source: {', '.join(SOURCES)}.", toml_value("phantoms")),
        Key("data", "store", (), "path", "", "A volume store to read instead, without any other key of data.", None),
    ]
    # A table is of the kind that it is named after, unless it says otherwise.
    filtration = [
        replace(key, default="NAME") if key.name == "kind" else key
        for key in _keys("filtrations.NAME", FiltrationConfig)
        if key.name != "options"
    ]
    return [
        by_name["preset"], by_name["reference"],
        *data, *_of_kinds("data", SOURCES),
        *_keys("preprocess", Preprocessing), *_of_kinds(STEP, STEPS),
        *_keys("superpixels", SuperpixelOptions),
        *filtration, *_keys("filtrations.NAME.regions", Regions), *_of_kinds("filtrations.NAME", FILTRATIONS),
        *_keys("images", ImageOptions),
        by_name["vectorisations"],
        *(key for kind, options in VECTORISATIONS.items() for key in _keys(f"vectorisations.{kind}", options)),
        *_keys("run", ExecutionConfig),
    ]  # fmt: skip


def reference_text(width: int = 80) -> str:
    """The reference for a terminal of `width` columns."""
    about = {name: what.meaning for name, what in described(RunConfig).items()}
    about |= {f"vectorisations.{kind}": summary(options) for kind, options in VECTORISATIONS.items()}
    about |= {
        "filtrations.NAME": " ".join([about["filtrations"], text(FiltrationConfig)]),
        "filtrations.NAME.regions": summary(Regions),
    }
    named: dict[str, tuple[Mapping[str, type], str]] = {
        "data": (SOURCES, "kind"),
        STEP: (STEPS, "step"),
        "filtrations.NAME": (FILTRATIONS, "kind"),
    }
    introduced = set()
    lines = _filled("Keys of a configuration with their defaults, as a TOML file and --set KEY=VALUE take them.", width)
    for (section, kinds), keys in groupby(reference(), lambda key: (key.section, key.kinds)):
        intro = about.get(section, "")
        if section:
            lines += ["", f"[{section}]" if section != STEP else "[[preprocess.steps]]"]
        if kinds:
            table, word = named[section]
            lines[-1:] = _filled(f"{lines[-1]} with {word} = {' or '.join(map(toml_value, kinds))}", width)
            intro = ""
        lines += _filled(intro, width)
        if section in named and section not in introduced:
            introduced.add(section)
            table, word = named[section]
            lines.append("")
            for kind, options in table.items():
                lines += _filled(f"{word} = {toml_value(kind)}: {summary(options)}", width, "  ")
        for key in keys:
            given = "(no default)" if key.default is None else f"= {key.default}"
            lines += ["", *_filled(f"{key.key if section != STEP else key.name} {given}", width, "  ")]
            unit = f", in {key.unit}" if key.unit else ""
            lines += _filled(f"{key.type}{unit}. {key.meaning}", width, "      ")
    return "\n".join(lines) + "\n"


def _filled(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _keys(section: str, kind: type, kinds: tuple[str, ...] = ()) -> list[Key]:
    known = described(kind)
    return [
        Key(section, name, kinds, *known[name], None if default is inspect.Parameter.empty else toml_value(default))
        for name, default in _defaults(kind).items()
    ]


def _defaults(kind: type) -> dict[str, Any]:
    """Defaults by option, `inspect.Parameter.empty` for those that must be given."""
    if issubclass(kind, Section):
        fields = kind.model_fields.items()
        return {
            name: inspect.Parameter.empty if f.is_required() else f.get_default(call_default_factory=True)
            for name, f in fields
        }
    return {name: parameter.default for name, parameter in inspect.signature(kind).parameters.items()}


def _of_kinds(section: str, table: Mapping[str, type]) -> list[Key]:
    """The options of every kind; those that several kinds share are listed once, with the first of them."""
    kinds: dict[Key, list[str]] = {}
    for kind, options in table.items():
        for key in _keys(section, options):
            kinds.setdefault(key, []).append(kind)
    found = [replace(key, kinds=tuple(names)) for key, names in kinds.items()]
    return sorted(found, key=lambda key: [list(table).index(key.kinds[0]), -len(key.kinds)])
