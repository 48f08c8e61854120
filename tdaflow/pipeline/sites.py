"""A cohort that may not be brought together: what a site contributes to scales and ranges, and what all learn from it.

    contribute("runs/a", "site-a.json")              # at each site; the file is sent, the volumes stay
    merge(["site-a.json", "site-b.json"], "joint.json")  # anywhere; then every site: reference = "joint.json"

Scales come first: where diagrams depend on an intensity scale that a cohort learns, the sites run once more on the
joint scales and contribute again, and the second merge holds the ranges too.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tdaflow.atomic import write_whole
from tdaflow.config import RunConfig, is_joint
from tdaflow.config.model import DIAGRAM_ALGORITHM, IMAGE_ALGORITHM, SCALE_ALGORITHM
from tdaflow.diagrams import ChannelRanges, RangeRecord
from tdaflow.errors import ConfigError
from tdaflow.extents import on_edges
from tdaflow.homology import kernels
from tdaflow.pipeline.apply import run_volumes
from tdaflow.pipeline.recipe import cohort_scales, edges_and_extents, learnt_rows
from tdaflow.pipeline.stages.ranges import found_ranges, range_key, range_tasks, reduce_ranges
from tdaflow.printable import counted
from tdaflow.remote import place
from tdaflow.store import DiagramStore, RunFolder, options_digest
from tdaflow.store.reference import SECTIONS, flat
from tdaflow.store.sites import (
    CONTRIBUTION,
    FEWEST_VOLUMES,
    JOINT,
    Contribution,
    Counts,
    Joint,
    Scale,
    joined,
    read_site_file,
)
from tdaflow.superpixels import CohortScale

RISK = (
    "who has two releases of a reference, or two contributions of a site, that differ by few volumes can find by "
    "subtraction what these volumes contributed: release once, and again only when many volumes have changed"
)
"""What remains of a risk to patients."""


@dataclass(frozen=True)
class Merged:
    """Reference of several sites.

    Attributes
    ----------
    joint : Joint
    shares : dict of str to float
        Share of all volumes that each file contributes.
    """

    joint: Joint
    shares: dict[str, float]

    @property
    def next_step(self) -> str:
        """What the sites do with it."""
        if self.joint.ranges:
            return "every site now runs with --set reference=FILE, and all have the same scales, ranges and σ"
        return (
            "it holds scales and no ranges yet, for the sites' diagrams are on scales of their own: every site now "
            "runs with --set reference=FILE and writes its contribution again; merge these into the final reference"
        )


def contribute(run: Path, out: Path) -> Contribution:
    """Write what the volumes of a run contribute to the scales and ranges of several sites.

    Parameters
    ----------
    run : Path
        Folder of a finished run of this site, with ``reference`` "all" or "train", or on the joint scales.
    out : Path
        The file, JSON.

    Returns
    -------
    Contribution

    Raises
    ------
    ConfigError
        If the run is not finished, has fewer than 10 volumes to learn from, or learns what has no counts: extremes
        (``images.quantiles`` of 0 or 1), ``images.normalise = "dataset-max"``, or ATOL.
    """
    _check_name(out)
    folder = RunFolder(place(run))
    state = folder.read() if folder.run_json.is_file() else None
    if state is None or state["state"] != "done":
        raise ConfigError(f"{run} holds no finished run: run `tdaflow run ... --out {run}` to its end first")
    config = RunConfig.model_validate(state["config"])
    _check_countable(config, str(run))
    rows = run_volumes(folder).table().of_rows()
    learnt = rows.at(learnt_rows(config, rows))
    if len(learnt) < FEWEST_VOLUMES:
        raise ConfigError(
            f"{run} learns from {counted(len(learnt), 'volume')}, fewer than the "
            f"{FEWEST_VOLUMES} that a site must have so that "
            "its counts tell nothing of single ones: nothing is written"
        )
    tasks = range_tasks(config, rows, DiagramStore(folder.diagrams))
    record = RangeRecord.merge_all(reduce_ranges(task) for task in tasks)
    scales = state["scales"]
    edges, extents = (Counts.of(on_edges(x, x)) if scales else None for x in edges_and_extents(learnt))
    made = Contribution.model_validate(
        {
            "format": CONTRIBUTION,
            "algorithm": _algorithm(),
            "learnt_from": config.learns_from,
            "config": {name: state["config"][name] for name in SECTIONS},
            "preprocessing": list(state["source"].get("preprocessing", [])),
            "scales": scales,
            "fingerprint": options_digest(sorted(learnt.as_read().values())),
            "n_volumes": len(learnt),
            "edges": edges,
            "extents": extents,
            "channels": {
                range_key(channel): {
                    "n_bars": found.n_bars,
                    "bounds": [[Counts.of(end) for end in axis.T] for axis in found.bounds.swapaxes(0, 1)],
                }
                for channel, found in record.channels.items()
            },
        }
    )
    write_whole(Path(out), json.dumps(made.model_dump(), ensure_ascii=False) + "\n")
    return made


def merge(files: Sequence[Path], out: Path) -> Merged:
    """Learn scales and ranges from what several sites contribute, each once.

    Parameters
    ----------
    files : sequence of Path
        As `contribute` wrote them.
    out : Path
        The file of the reference, JSON; it holds no counts.

    Returns
    -------
    Merged

    Raises
    ------
    ConfigError
        If a file is damaged, two are of the same volumes, or the sites' settings differ; names the first that does.
    """
    _check_name(out)
    if not files:
        raise ConfigError("there is nothing to merge: give the files that the sites have written")
    sites = {str(path): read_site_file(Path(path), Contribution) for path in files}
    if len(sites) < len(files):
        raise ConfigError("a file is given twice: give the contribution of each site once")
    (name, first), *others = sites.items()
    known = {first.fingerprint: name}
    for other, site in others:
        if (same := known.setdefault(site.fingerprint, other)) != other:
            raise ConfigError(f"{same} and {other} are of the same volumes: give the contribution of each site once")
        _check_same(name, first, other, site)
    config = RunConfig.model_validate(first.config)
    parts = list(sites.values())
    scales: dict[str, CohortScale] = {}
    if first.edges is not None:
        edges, extents = (joined([getattr(site, name) for site in parts]) for name in ("edges", "extents"))
        scales = cohort_scales(config, edges, extents)
    told = {name: Scale(**scale.as_dict()) for name, scale in scales.items()}
    on_joint = all(_for_clouds(site.scales) == _for_clouds(told) for site in parts)
    joint = Joint.model_validate(
        {
            **first.model_dump(include={"algorithm", "learnt_from", "config", "preprocessing"}),
            "format": JOINT,
            "scales": told,
            "sites": [site.model_dump(include={"fingerprint", "n_volumes"}) for site in parts],
            "ranges": found_ranges(config, _record(config, parts), {}) if on_joint else {},
        }
    )
    write_whole(Path(out), json.dumps(joint.model_dump(exclude_none=True), indent=1, ensure_ascii=False) + "\n")
    n = sum(site.n_volumes for site in parts)
    return Merged(joint, {name: site.n_volumes / n for name, site in sites.items()})


def _check_name(out: Path) -> None:
    if not is_joint(str(out)):
        raise ConfigError(f"{out} is no name of a reference: give one that ends in .json")


def _check_countable(config: RunConfig, run: str) -> None:
    low, high = config.images.quantiles
    if low == 0 or high == 1:
        raise ConfigError(
            f"{run} has images.quantiles = [{low:g}, {high:g}]: extremes are single volumes' and do not "
            "leave a site; run with others, such as [0.01, 0.99]"
        )
    if config.images.normalise == "dataset-max":
        raise ConfigError(
            f'{run} has images.normalise = "dataset-max", which is learnt from images on the joint ranges; leave it out'
        )
    if "atol" in config.vectorisations:
        raise ConfigError(f"{run} has the vectorisation atol, which is learnt from single bars; leave it out")
    if config.frozen is not None and not config.frozen.sites:
        raise ConfigError(
            f"{run} is on the scales and ranges of the run {config.reference} and learnt nothing; run with "
            "reference=all or train"
        )


def _check_same(name: str, first: Contribution, other: str, site: Contribution) -> None:
    ours, theirs = (
        dict(flat({"config": s.config, **s.model_dump(include={"algorithm", "learnt_from", "preprocessing"})}))
        for s in (first, site)
    )
    differ = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    if not differ and (first.scales.keys(), first.channels.keys()) != (site.scales.keys(), site.channels.keys()):
        differ = ["channels"]
    if differ:
        keys = ", ".join(key.removeprefix("config.") for key in differ[:5])
        hint = "with one version of tdaflow" if "algorithm" in differ else "with one configuration"
        raise ConfigError(f"{other} was made otherwise than {name} ({keys} differ): run all sites {hint}")


def _for_clouds(scales: dict[str, Scale]) -> dict[str, object]:
    return {name: CohortScale.from_dict(scale.model_dump()).for_clouds for name, scale in scales.items()}


def _record(config: RunConfig, sites: Sequence[Contribution]) -> RangeRecord:
    """The record of all volumes, as far as ranges depend on it: bounds that belong to one volume stand apart."""
    found = {}
    for channel in config.channels:
        parts = [site.channels[range_key(channel)] for site in sites]
        bounds = [[joined([part.bounds[axis][end] for part in parts]) for end in range(2)] for axis in range(3)]
        found[channel] = ChannelRanges(np.array(bounds).transpose(2, 0, 1), sum(part.n_bars for part in parts))
    return RangeRecord(found, config.images.quantiles)


def _algorithm() -> list[int]:
    return [
        SCALE_ALGORITHM, DIAGRAM_ALGORITHM, IMAGE_ALGORITHM,
        kernels.ALPHA.algorithm_version, kernels.CUBICAL.algorithm_version,
    ]  # fmt: skip
