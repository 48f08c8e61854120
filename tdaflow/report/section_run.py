"""Section on the run: data, settings, σ and ranges, volumes left out, and timings."""

import datetime
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from tdaflow.config import told_reference
from tdaflow.report.blocks import Section, TableBlock
from tdaflow.report.run_data import RunData
from tdaflow.store import DiagramStore
from tdaflow.store.integrity import check_cohort, check_insensitive, cohort_rows

# Most left-out volumes in the list.
_LISTED = 200


def run_section(run: RunData) -> Section:
    """Build the section."""
    state = run.state
    section = Section("run", "The run", [_summary(run)])
    section.items.append(TableBlock("Settings", ("setting", "value"), _settings(run), numeric=2))
    if run.volumes is not None:
        section.items.append(_volumes_table(run))
        section.items.append(_cohort_table(run))
        section.notes += _warnings(run)
    if state.get("ranges"):
        section.items.append(_ranges_table(run))
        section.notes.append(_ranges_note(state))
    section.items.append(_timings_table(state))
    section.items.append(_left_out(state))
    if run.volumes is None:
        section.notes.append("The volume store of this run has been moved or deleted, so volumes cannot be shown.")
    return section


def _cohort_table(run: RunData) -> TableBlock:
    rows = [(row.name, row.lowest, row.typical, row.highest) for row in cohort_rows(run.rows)]
    return TableBlock("Summary of the volumes", ("quantity", "lowest", "typical", "highest"), rows, numeric=1)


def _warnings(run: RunData) -> list[str]:
    """Return warnings about volumes and diagrams whose features may not be comparable."""
    found = [f"{problem.where}: {problem.what}; {problem.remedy}." for problem in check_cohort(run.rows)]
    if run.folder.diagrams.is_dir():
        found += [
            f"{problem.what}; {problem.remedy}." for problem in check_insensitive(DiagramStore(run.folder.diagrams))
        ]
    return [f"Warning: {text}" for text in found]


def facts(run: RunData) -> list[tuple[str, str]]:
    """Return the numbers at the head of the page."""
    state = run.state
    config = state["config"]
    outcomes = list(state.get("outcomes", {}).values())
    resolution = config["images"]["resolution"]
    rows, columns = (resolution, resolution) if isinstance(resolution, int) else resolution
    return [
        ("volumes", f"{outcomes.count('ok'):,} of {len(outcomes):,}"),
        ("classes", str(len(run.class_names)) if run.class_names else "no labels"),
        ("superpixels requested", f"{config['superpixels']['n_superpixels']:,}"),
        ("images", f"{len(state.get('ranges', {}))} of {rows} × {columns} pixels"),
        ("ε", f"{config['images']['epsilon']:g}"),
        ("state", str(state.get("state", "?"))),
    ]


def configuration(state: Mapping[str, Any]) -> str:
    """Return the configuration as indented JSON."""
    return json.dumps(state["config"], indent=2, ensure_ascii=False)


def versions(state: Mapping[str, Any]) -> str:
    """Return the versions in one line."""
    found = {"tdaflow": state.get("tdaflow", "?"), **state.get("versions", {})}
    return ", ".join(f"{name} {version}" for name, version in found.items())


def _summary(run: RunData) -> str:
    told = [f"{name} ({f.filtration().in_words})" for name, f in run.config.filtrations.items()]
    kinds = " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)
    return (
        f"Persistent homology of every volume of {run.name} was computed: {kinds}. Its bars (births and deaths of "
        "components, loops and cavities) were turned into persistence images, which all have the same size and are the "
        "input of classifiers."
    )


def _settings(run: RunData) -> list[tuple[str, str]]:
    state, config = run.state, run.state["config"]
    source = state.get("source") or {}
    superpixels, images = config["superpixels"], config["images"]
    began, ended = state.get("began"), state.get("ended")
    engine = state.get("engine", {})
    rows = [
        ("data set", run.name),
        ("licence of the data", str(source.get("licence") or "not stated")),
        ("preset", str(config.get("preset", "default"))),
        (
            "superpixels",
            f"{superpixels['n_superpixels']:,} requested, {superpixels['method']} ({superpixels['grid']}), smoothing "
            f"{superpixels['smoothing']}, space weight λ = {superpixels['space_weight']:g}",
        ),
        ("filtrations", "; ".join(_filtration(name, f) for name, f in config["filtrations"].items())),
        (
            "images",
            f"{images['plane']} plane, weight {images['weight']}, "
            f"{'densities at pixel centres' if images['sampling'] == 'centre' else 'integrated over pixels'}, "
            f"{'not normalised' if images['normalise'] is None else 'normalised by ' + images['normalise']}",
        ),
        *([("vectorisations", ", ".join(config["vectorisations"]))] if config.get("vectorisations") else []),
        ("scale, ranges and σ from", told_reference(config["reference"], state.get("learnt_from"))),
        *((f"intensity scale of {name}", scale.in_words) for name, scale in run.scales.items()),
        ("began", _when(began)),
        ("took", _seconds(ended - began) if began and ended else "not finished"),
        ("where", f"{engine.get('name', '?')}, workers: {engine.get('workers', '?')}"),
    ]
    if run.state.get("reason"):
        rows.append(("ended because", str(run.state["reason"])))
    rows += [("note on the data", str(note)) for note in source.get("notes", [])]
    return rows


def _filtration(name: str, filtration: Mapping[str, Any]) -> str:
    dimensions = ", ".join(f"H{d}" for d in filtration["homology_dimensions"])
    own = {**filtration.get("superpixels", {}), **filtration.get("options", {})}
    options = ", ".join(f"{k} {v}" for k, v in own.items())
    blocks = " × ".join(map(str, filtration.get("regions", {}).get("blocks", ())))
    where = "" if blocks in ("", "1 × 1 × 1") else f" in {blocks} blocks"
    return f"{name}: {dimensions}{where}{f' ({options})' if options else ''}"


def _volumes_table(run: RunData) -> TableBlock:
    table = run.volume_table
    splits = [s for s in ("train", "val", "test", *sorted(set(map(str, table.split)))) if (table.split == s).any()]
    splits = list(dict.fromkeys(splits))
    numbers = [*range(len(run.class_names)), *([-1] if (table.label < 0).any() else [])]
    rows = []
    for k in numbers:
        counts = [int(((table.label == k) & (table.split == s)).sum()) for s in splits]
        rows.append((run.class_names[k] if k >= 0 else "no label", *(f"{n:,}" for n in counts), f"{sum(counts):,}"))
    totals = [int((table.split == s).sum()) for s in splits]
    rows.append(("all", *(f"{n:,}" for n in totals), f"{sum(totals):,}"))
    return TableBlock("Volumes by class and split", ("class", *(s or "no split" for s in splits), "all"), rows)


def _ranges(told: dict[str, Any]) -> tuple[str, str, str]:
    """Return birth range, death range and σ of a channel as text; dashes if it has no bars."""
    if not told["n_bars"]:
        return "–", "–", "–"
    birth, death = (_range(told[f"{axis}_range"], told.get(f"observed_{axis}_range")) for axis in ("birth", "death"))
    return birth, death, f"{told['sigma']:.4g}"


def _ranges_table(run: RunData) -> TableBlock:
    persistence = run.state["config"]["images"]["plane"] == "birth-persistence"
    rows = []
    for key, told in run.state["ranges"].items():
        name, _, dimension = key.rpartition("/")
        rows.append(
            (
                f"{name} H{dimension}",
                run.unit(name),
                f"{told['n_bars']:,}",
                *_ranges(told),
                " × ".join(map(str, told["resolution"])),
            )
        )
    second = "persistence" if persistence else "death"
    return TableBlock(
        "Ranges and σ of every channel", ("channel", "unit", "bars", "birth", second, "σ", "pixels"), rows, numeric=2
    )


def _ranges_note(state: Mapping[str, Any]) -> str:
    images = state["config"]["images"]
    text = (
        "σ = √(−(Δx² + Δy²) / (2 ln ε)) with Δx and Δy the size of a pixel: a bar's Gaussian falls to "
        f"ε = {images['epsilon']:g} of its height one pixel further along both axes."
    )
    low, high = images["quantiles"]
    if (low, high) == (0, 1):
        text += " The ranges are the extremes over all volumes, as in Zhu et al. 2024, so one volume can stretch them."
    else:
        text += (
            f" The ranges hold the {low:g} to {high:g} quantiles of the bars of most volumes (biweight location and "
            "spread over the volumes), so that single bars or volumes cannot stretch them."
        )
    outside = state.get("n_outside", 0)
    if outside:
        what = {"tails": "the tails of their Gaussians count", "clip": "they are moved to the edge"}
        text += f" {outside:,} bars lie outside: {what.get(images['outside'], 'they are dropped')}."
    return text


def _timings_table(state: Mapping[str, Any]) -> TableBlock:
    rows = []
    for name, told in state.get("stages", {}).items():
        seconds, computed = float(told["seconds"]), int(told["computed"])
        rate = f"{computed / seconds:.1f}" if seconds and computed else "–"
        counts = (f"{int(told[k]):,}" for k in ("done", "reused", "quarantined", "failed"))
        rows.append((name, *counts, _seconds(seconds), rate))
    header = ("stage", "done", "reused", "quarantined", "failed", "time", "per second")
    return TableBlock("Timings", header, rows)


def _left_out(state: Mapping[str, Any]) -> TableBlock | str:
    rows = [
        (str(identity), kind, str(reason))
        for kind in ("quarantined", "failed")
        for identity, reason in state.get(kind, {}).items()
    ]
    if not rows:
        return "No volume was left out: none was quarantined, none failed."
    more = len(rows) - _LISTED
    if more > 0:
        rows = [*rows[:_LISTED], (f"and {more:,} more", "", "run `tdaflow status --json` for all")]
    return TableBlock("Volumes that were left out", ("volume", "outcome", "reason"), rows, numeric=3)


def _range(values: list[float], observed: list[float] | None) -> str:
    if observed and observed[0] == observed[1]:
        return f"all {observed[0]:.4g}".replace("-", "−")
    low, high = (f"{v:.4g}".replace("-", "−") for v in values)
    return f"{low} … {high}"


def _seconds(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _when(stamp: float | None) -> str:
    if stamp is None or not np.isfinite(stamp):
        return "?"
    return datetime.datetime.fromtimestamp(stamp, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
