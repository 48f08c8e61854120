"""Build the site: the pages where they lie, references made from the code, tutorials run; warnings are errors.

python .docs/build.py [OUT] [--no-tutorials]      # build/site by default; tutorials need TDAFLOW_DATA
"""

import argparse
import inspect
import re
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

import typer
from sphinx.cmd.build import main as sphinx

from tdaflow.cli.app import app
from tdaflow.config.reference import Key, reference

HERE = Path(__file__).parent
ROOT = HERE.parent
FOLDERS = ("workflows", "data", "cluster", "tdaflow", "tests/benchmarks")
ROOMS = ("superpixels", "homology", "diagrams", "images", "vectorisations", "distances", "preprocessing", "sources",
         "estimators", "evaluation")  # fmt: skip
"""Rooms whose `__all__` is public, beside that of tdaflow itself."""
CONTENTS = {
    "Start": ["workflows/tutorials/cohort", "data/README", "workflows/README"],
    "Results": ["workflows/pinet", "tests/benchmarks/README"],
    "Clusters": ["workflows/tutorials/cluster", "cluster/README", "cluster/reliability",
                 "cluster/scaling", "cluster/objects", "cluster/local",
                 "cluster/slurm", "cluster/sge", "cluster/pbs", "cluster/ssh", "cluster/kubernetes",
                 "cluster/existing", "cluster/tls"],
    "Reference": ["reference/configuration", "reference/verbs", "reference/python"],
    "Development": ["tdaflow/README", "workflows/tutorials/own-filtration", ".github/CONTRIBUTING", "CHANGELOG"],
}  # fmt: skip
"""Pages by chapter; a page that is in none is an error."""


def stage(source: Path) -> None:
    """Lay out pages, and the files that they lead to, as in the repository, so that links work as they stand."""
    for folder in (".docs", ".github", *FOLDERS):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".md", ".png", ".toml", ".yaml") and "_packaged" not in path.parts:
                _put(source / path.relative_to(ROOT), path.read_bytes())
    for name in ("CHANGELOG.md", "CITATION.cff"):
        _put(source / name, (ROOT / name).read_bytes())
    chapters = (
        "\n".join(["```{toctree}", f":caption: {caption}", ":hidden:", "", *pages, "```", ""])
        for caption, pages in CONTENTS.items()
    )
    front = (ROOT / "README.md").read_text(encoding="utf-8")
    made = {"index": "\n".join([front, *chapters])}
    made |= {"reference/configuration": configuration(), "reference/verbs": verbs(), "reference/python": python()}
    for page, text in made.items():
        _put(source / f"{page}.md", text.encode())


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def configuration() -> str:
    """Return the page of all keys of a configuration."""
    lines = ["# Configuration", ""]
    lines += ["Every key of a TOML file, as `--set KEY=VALUE` takes it too. `tdaflow config` prints the same, and"]
    lines += ["`tdaflow config --json-schema` a schema for editors.", ""]
    for section, keys in groupby(reference(), lambda key: key.section):
        lines += [f"## `{f'[{section}]' if section else 'top level'}`", ""]
        lines += ["| key | default | type | meaning |", "|---|---|---|---|", *map(_row, keys), ""]
    return "\n".join(lines)


def _row(key: Key) -> str:
    kinds = f" ({', '.join(key.kinds)})" if key.kinds else ""
    default = "" if key.default is None else f"`{key.default}`"
    meaning = key.meaning + (f" In {key.unit}." if key.unit else "")
    return f"| `{key.name}`{kinds} | {_cell(default)} | {_cell(key.type)} | {_cell(_plain(meaning))} |"


def verbs() -> str:
    """Return the page of all verbs: what ``--help`` says."""
    lines = ["# Verbs", "", "What `tdaflow VERB --help` says of every verb.", ""]
    for name, verb in _verbs("tdaflow", typer.main.get_command(app)):
        lines += [f"## `{name}`", "", _plain(verb.help), "", "| | meaning |", "|---|---|"]
        for parameter in verb.params:
            is_option = parameter.param_type_name == "option"
            typed = ", ".join(parameter.opts) if is_option else parameter.metavar or parameter.name.upper()
            lines.append(f"| `{_cell(typed)}` | {_cell(_plain(parameter.help))} |")
        lines.append("")
    return "\n".join(lines)


def _verbs(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    for verb, inner in getattr(command, "commands", {}).items():
        yield from _verbs(f"{name} {verb}", inner)
    if not hasattr(command, "commands"):
        yield name, command


def _plain(text: str | None) -> str:
    """Return help without the marks of its colours, which Markdown would take for links."""
    return re.sub(r"(?<!\\)\[/?[a-z ]+\]", "", text or "").replace("\\[", "[").replace("[", "\\[")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def python() -> str:
    """Return the page of every public function and class, by the room that lists it."""
    lines = ["# Python", "", "What `tdaflow` and the `__all__` of its rooms list.", ""]
    seen: list[Any] = []
    for module in ("tdaflow", *(f"tdaflow.{room}" for room in ROOMS)):
        room = import_module(module)
        lines += [f"## {module}", "", "```{eval-rst}"]
        for name in room.__all__:
            thing = getattr(room, name)
            if any(thing is other for other in seen):
                continue
            seen.append(thing)
            # Names for types have no page.
            if inspect.isfunction(thing) or (inspect.isclass(thing) and thing.__module__.startswith("tdaflow")):
                lines += [f".. auto{'class' if inspect.isclass(thing) else 'function'}:: {module}.{name}", ""]
        lines += ["```", ""]
    return "\n".join(lines)


def main() -> int:
    """Build; return Sphinx's exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "build" / "site")
    parser.add_argument("--no-tutorials", action="store_true", help="show the cells of the tutorials, do not run them")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "pages")
        stage(source)
        options = ["-D", "nb_execution_mode=off", "-D", "suppress_warnings=misc.highlighting_failure,myst-nb.lexer"]
        options = options if given.no_tutorials else []
        return sphinx(
            ["-W", "--keep-going", "-q", "-b", "html", "-c", str(HERE), *options, str(source), str(given.out)]
        )


if __name__ == "__main__":
    sys.exit(main())
