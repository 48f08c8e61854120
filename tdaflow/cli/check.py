"""``tdaflow check``: list the problems of a run, a volume store, or data that are not ingested yet."""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from tdaflow.cli.exit_codes import DONE, QUARANTINED
from tdaflow.config.resolve import is_volume_store
from tdaflow.errors import InputError
from tdaflow.evaluation.baselines.acquisition import acquisition_problem
from tdaflow.pipeline.repair import repair as repair_run
from tdaflow.printable import counted
from tdaflow.progress import Console, busy
from tdaflow.sources import Dicom, Source, open_source
from tdaflow.sources.guess import Found, fitting_sources, what_to_do
from tdaflow.sources.volume import Volume
from tdaflow.store import RunFolder
from tdaflow.store.integrity import Problem, check_run, check_table, check_volumes, has_errors, table_facts
from tdaflow.store.integrity.problem import error
from tdaflow.store.volume_builder import row_of, table_of

# Lines of one kind of problem that are printed; JSON has them all.
_SHOWN = 20


def check_command(path: Path, *, deep: bool, as_json: bool, repair: bool = False) -> int:
    """Check what is at a path; return the exit code: 0 clean or warnings only, 4 problems.

    Raises
    ------
    InputError
        If there is neither a run, nor a store, nor data.
    """
    path = path.expanduser()
    if not path.exists():
        raise InputError(f"there is no file or folder {path}: check the path")
    with busy(f"{'reading every byte of' if deep else 'reading'} {path}"):
        repaired = _repaired(path) if repair else []
        kind, problems, facts = _checked(path, deep=deep)
    if as_json:
        counts = Counter(problem.severity for problem in problems)
        told = {"path": str(path), "kind": kind, "deep": deep, "errors": counts["error"], "warnings": counts["warning"]}
        told |= {"repaired": repaired} if repair else {}
        print(json.dumps({**told, "facts": facts, "problems": [p.as_dict() for p in problems]}, indent=1))
    else:
        for sentence in repaired:
            Console(soft_wrap=True).print(f"repair: {sentence}")
        _print(f"{path}: {kind}", facts, problems, deep=deep or kind == "data")
    return QUARANTINED if has_errors(problems) else DONE


def _checked(path: Path, *, deep: bool) -> tuple[str, Sequence[Problem], dict[str, Any]]:
    """Return what is at a path, its problems and facts."""
    if is_volume_store(path):
        problems, facts, _ = check_volumes(path, deep=deep)
        return "volume store", problems, facts
    if _is_run(path):
        problems, facts = check_run(RunFolder(path), deep=deep)
        told_by_box = acquisition_problem(path)
        return "run", [*problems, *([told_by_box] if told_by_box else [])], facts
    return "data", *_check_data(path)


def _repaired(path: Path) -> list[str]:
    if not _is_run(path):
        raise InputError(f"--repair mends the folder of a run, and {path} is none; leave it out")
    return repair_run(RunFolder(path))


def _is_run(path: Path) -> bool:
    folder = RunFolder(path)
    stores = (folder.volumes, folder.volumes_in_progress, folder.diagrams, folder.features)
    return folder.run_json.is_file() or any(store.is_dir() for store in stores)


def _check_data(path: Path) -> tuple[list[Problem], dict[str, Any]]:
    """Read data with every source that fits, as an ingest does, without writing."""
    found = fitting_sources(path)
    if not found:
        raise InputError(
            f"{path} is no run and no volume store, and holds no volumes that can be read: {what_to_do(path)}"
        )
    problems: list[Problem] = []
    facts: dict[str, Any] = {"sources": []}
    with tempfile.TemporaryDirectory() as scratch:
        for one in found:
            if one.kind == "dicom":
                # Ids of a check are not those of an ingest: a key is made for this time alone.
                source: Source = Dicom(one.path, id_key=Path(scratch) / "id.key")
            else:
                source = open_source(one.options)
            told, wrong = _read(source, one)
            facts["sources"].append(told)
            problems += wrong
    if len(found) == 1:
        facts = facts["sources"][0]
    return problems, facts


def _read(source: Source, found: Found) -> tuple[dict[str, Any], list[Problem]]:
    told: dict[str, Any] = {"kind": found.kind, "found": found.what}
    try:
        info = source.describe()
    except InputError as unusable:
        return told, [error("unusable", found.what, str(unusable), f"correct the data (kind {found.kind!r})")]
    rows: list[Mapping[str, Any]] = []
    rejected = []
    for item in source.volumes():
        rows.append(row_of(item))
        if not isinstance(item, Volume):
            rejected.append(error("rejected", item.id, item.reason, "an ingest quarantines it"))
        del item
    table = table_of(rows)
    problems = list(check_table(table, info.class_names, ingested=False))
    return {**told, **table_facts(table, info.class_names), "notes": list(info.notes)}, [*rejected, *problems]


def _print(title: str, facts: Mapping[str, Any], problems: Sequence[Problem], *, deep: bool) -> None:
    console = Console(soft_wrap=True)
    console.print(title)
    for one in facts.get("sources", [facts]):
        _print_facts(console, one)
    shown: Counter[tuple[str, str]] = Counter()
    for problem in sorted(problems, key=lambda p: p.severity):
        kind = (problem.severity, problem.kind)
        shown[kind] += 1
        if shown[kind] <= _SHOWN:
            line = f"{problem.severity}: {problem.where}: {problem.what}; {problem.remedy}"
            console.print(line)
    for (severity, name), count in shown.items():
        if count > _SHOWN:
            console.print(f"{severity}: … and {count - _SHOWN} more of the kind {name!r}; --json has them all")
    counts = Counter(problem.severity for problem in problems)
    found = f"{_number(counts['error'], 'error')}, {_number(counts['warning'], 'warning')}"
    console.print(f"{found}{'' if deep else '; --deep reads every byte'}")


def _number(n: int, what: str) -> str:
    return counted(n, what) if n else f"no {what}s"


def _print_facts(console: Console, facts: Mapping[str, Any]) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    rows = [("read as", f"{facts['kind']} ({facts['found']})")] if "kind" in facts else []
    if "state" in facts:
        rows.append(("state", facts["state"]))
    if "volumes" in facts:
        rows += [
            ("volumes", f"{facts['volumes']}, {facts['ok']} ok, {len(facts['quarantined'])} quarantined"),
            ("shapes", "equal" if facts["shapes"] <= 1 else f"{facts['shapes']} different"),
            ("labels", _labels(facts)),
            ("splits", ", ".join(f"{split} {n}" for split, n in facts["splits"].items()) or "none"),
            ("groups", _groups(facts)),
        ]
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)
    if facts.get("cohort"):
        console.print(cohort_table(facts["cohort"]))
    for note in facts.get("notes", []):
        console.print(f"note: {note}")


def cohort_table(rows: Sequence[Mapping[str, str]]) -> Table:
    """Format the statistics of a cohort as a table for a terminal."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("", "lowest", "typical", "highest"):
        table.add_column(name, justify="right" if name else "left")
    for row in rows:
        table.add_row(row["name"], row["lowest"], row["typical"], row["highest"])
    return table


def _labels(facts: Mapping[str, Any]) -> str:
    if not facts["class_names"]:
        return "none"
    totals = [sum(counts) for counts in zip(*facts["classes"].values(), strict=True)]
    listed = ", ".join(f"{name} {n}" for name, n in zip(facts["class_names"], totals, strict=True))
    return listed + (f", without {facts['unlabelled']}" if facts["unlabelled"] else "")


def _groups(facts: Mapping[str, Any]) -> str:
    if not facts["groups"]:
        return "none given, so a patient in two splits would not be seen"
    return f"{facts['groups']}" + (
        f", {counted(facts['without_group'], 'volume')} without" if facts["without_group"] else ""
    )
