"""A run to look inside: its configuration, scales, σ, diagrams and features."""

import difflib
import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic

from tdaflow.config import RunConfig
from tdaflow.config.sections import FiltrationConfig
from tdaflow.diagrams import NO_BARS, Bars, Channel, PersistenceDiagram
from tdaflow.errors import InputError
from tdaflow.homology.regions import WHOLE, regional_name
from tdaflow.pipeline.no_run import no_run
from tdaflow.pipeline.recipe import diagram_recipe, resolved_superpixels
from tdaflow.pipeline.stages.ranges import range_key
from tdaflow.pipeline.tasks import volume_facts
from tdaflow.pipeline.volume import VoxelReader, read_volumes, volume_diagrams
from tdaflow.remote import place
from tdaflow.store import DiagramStore, RunFolder, VolumeStore, VolumeTable
from tdaflow.store.feature_dataset import load_features
from tdaflow.superpixels import CohortScale, SuperpixelCloud

if TYPE_CHECKING:
    import pandas as pd


class Run:
    """A run folder, read on request; nothing is written.

    Parameters
    ----------
    path : str or Path
        What ``tdaflow run --out`` was given.

    Raises
    ------
    InputError
        If there is no run.json in it.
    """

    def __init__(self, path: str | Path) -> None:
        self.folder = RunFolder(place(path))
        state = self.folder.read()
        if state is None:
            raise no_run(path)
        self.state: dict[str, Any] = state

    @cached_property
    def config(self) -> RunConfig:
        """The configuration, validated again."""
        try:
            return RunConfig.model_validate(self.state["config"])
        except (pydantic.ValidationError, InputError) as error:
            raise InputError(
                f"the configuration in {self.folder.run_json} is not one of this tdaflow ({type(error).__name__}); "
                "run again with this version"
            ) from None

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; their numbers where the source has no names."""
        named = tuple(str(name) for name in (self.state.get("source") or {}).get("class_names") or ())
        highest = int(self.volume_table.label.max(initial=-1)) if self.volumes is not None else -1
        return named + tuple(str(k) for k in range(len(named), highest + 1))

    @cached_property
    def volumes(self) -> VolumeStore | None:
        """The volume store, the run's own or the one it was told to read; None if it is not there."""
        elsewhere = self.state["config"]["data"].get("store")
        path = place(elsewhere) if elsewhere else self.folder.volumes
        return VolumeStore(path) if path.exists() else None

    @cached_property
    def volume_table(self) -> VolumeTable:
        """One row for every input."""
        if self.volumes is None:
            raise InputError(f"{self.folder.path} has no volume store: run again to make it")
        return self.volumes.table()

    @cached_property
    def rows(self) -> VolumeTable:
        """One row for every volume with voxels."""
        return self.volume_table.of_rows()

    @property
    def has_images(self) -> bool:
        """Whether the run has come to its end."""
        return (self.folder.features / "zarr.json").is_file()

    @cached_property
    def features(self) -> Any:
        """The features as an xarray Dataset, see `load_features`; InputError if the run has not come to its end."""
        return load_features(self.folder.features)

    @property
    def scales(self) -> dict[str, CohortScale]:
        """The intensity scale of every filtration of superpixels that learnt one, by the filtration's name."""
        told = self.state.get("scales", {})
        return {name: CohortScale.from_dict(scale) for name, scale in told.items()}

    @property
    def sigma(self) -> dict[tuple[str, int], float]:
        """Standard deviation of the Gaussian by (filtration, homology dimension), in the filtration's unit.

        Empty until the ranges are known.
        """
        told = self.state.get("ranges", {})
        return {c: float(told[range_key(c)]["sigma"]) for c in self.config.channels if range_key(c) in told}

    def diagram(
        self, volume: str, filtration: str = "alpha", *, region: str = WHOLE, locations: bool = False
    ) -> PersistenceDiagram:
        """The stored diagram of a volume.

        Parameters
        ----------
        volume : str
            Id of the volume.
        filtration : str
            Name in the configuration, such as "alpha".
        region : str
            A block such as "z0y1x0" where the filtration has regions.
        locations : bool
            If True, its ``locations`` say where each bar is born and dies: voxels (z, y, x) of the stored volume, or
            points of its `cloud`. They are computed from the volume unless the run stored them (``run.locations``).

        Returns
        -------
        PersistenceDiagram
            Its homology dimensions are those that the run computed, bars as they are in the images: cleaned, essential
            ones capped or dropped.

        Raises
        ------
        InputError
            If the run has no such volume, filtration or region, or no diagram of it; if its volumes are not there any
            more, or give other bars than the stored ones, and locations are asked for.
        """
        wanted = self._filtration(filtration)
        if region not in wanted.regions.names:
            raise InputError(f"{filtration} has no region {region!r}; it has {', '.join(wanted.regions.names)}")
        (found,) = DiagramStore(self.folder.diagrams).read_rows([self.row_of(volume)])
        name = regional_name(filtration, region)
        bars = {k: found.get((name, k), NO_BARS) for k in sorted(wanted.homology_dimensions)}
        if locations and not all(b.locations is not None for b in bars.values() if len(b.pairs)):
            anew = self._with_locations(volume, filtration)
            if any(anew[name, k] != b for k, b in bars.items()):
                raise InputError(
                    f"{filtration} of {volume!r} computed anew has other bars than {self.folder.diagrams} holds, so "
                    "where they are is not known: run again with --restart-from diagrams"
                )
            bars = {k: anew[name, k] for k in bars}
        return PersistenceDiagram(bars, metadata={"filtration": wanted.filtration().name, "volume": volume})

    def cloud(self, volume: str, filtration: str = "alpha") -> SuperpixelCloud:
        """The superpixels of a volume that a filtration of points was computed on, computed again.

        Raises
        ------
        InputError
            If the run has no such volume or filtration, or the filtration is one of voxels.
        """
        if self._filtration(filtration).filtration().takes != "points":
            raise InputError(f"{filtration} is computed on voxels, not on a cloud of superpixels")
        scales = self.state.get("scales", {})
        return self.reader(volume).cloud(resolved_superpixels(self.config, filtration, scales))

    def reader(self, volume: str) -> VoxelReader:
        """A volume of the store, and what is computed from its voxels; InputError if the run has no such volume."""
        row = self.row_of(volume)
        assert self.volumes is not None
        (found,) = read_volumes(self.volumes.path, [row], [volume_facts(self.rows, row)], self.config.run.max_voxels)
        return found

    def _filtration(self, name: str) -> FiltrationConfig:
        if name not in self.config.filtrations:
            known = ", ".join(self.config.filtrations)
            raise InputError(f"the run has no filtration {name!r}; it has {known}")
        return self.config.filtrations[name]

    def _with_locations(self, volume: str, filtration: str) -> dict[Channel, Bars]:
        """The bars of one filtration, computed anew."""
        recipe = diagram_recipe(self.config, self.state.get("scales", {}))
        steps = tuple(step for step in recipe.steps if step.name == filtration)
        return volume_diagrams(self.reader(volume), replace(recipe, steps=steps, locations=True))[0]

    def table(self, *, summary: bool = False, wide: bool = False) -> "pd.DataFrame":
        """The features as a table, one row a volume.

        Parameters
        ----------
        summary : bool
            Some tens of numbers a channel in place of its pixels: number of bars, persistence entropy, total and
            maximum persistence, Betti maximum, and statistics of births, deaths, midpoints and persistences.
        wide : bool
            One row a subject, with all its regions of interest: columns begin with the name of the region, such as
            ``tumor_alpha_H2_entropy``, and are NaN for a region without features. Only where volumes are regions.

        Returns
        -------
        pandas.DataFrame
            ``id``, ``label`` (missing for unlabelled), ``class_name``, ``split`` and ``group``, then the features, in
            columns such as ``alpha_H2_p07_b12`` (see `tdaflow.feature_matrix`) or ``alpha_H2_entropy``; after ``id``
            also ``subject`` and ``roi`` where volumes are regions of interest, and with `wide` ``id`` is the subject.
            All volumes are in memory; `tdaflow export RUN --table` writes a table of any length.

        Raises
        ------
        InputError
            If the run has not come to its end, or with `wide` has no regions of interest.
        """
        import pandas as pd

        from tdaflow.pipeline.table import table_chunks

        return pd.concat(list(table_chunks(self, summary=summary, wide=wide)), ignore_index=True)

    def unit(self, filtration: str) -> str:
        """Unit of the values of a filtration."""
        return self.config.filtrations[filtration].filtration().unit

    def row_of(self, identity: str) -> int:
        """Row of a volume in the volume store.

        Raises
        ------
        InputError
            If there is no such volume (with the nearest ids), or it was quarantined or failed.
        """
        identity = str(identity)
        table = self.volume_table
        ids = [str(i) for i in table.id]
        if identity not in ids:
            near = near_matches(identity, ids) or ids[:3]
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "the run has none at all"
            raise InputError(f"there is no volume {identity!r} in {self.folder.path}: {hint}")
        index = ids.index(identity)
        quarantined, failed = (self.state.get(outcome, {}) for outcome in ("quarantined", "failed"))
        if reason := quarantined.get(identity) or str(table.reason[index]):
            raise InputError(f"volume {identity!r} was quarantined, so there is nothing to show: {reason}")
        if reason := failed.get(identity):
            raise InputError(
                f"volume {identity!r} failed, so there is nothing to show: {reason}; run again to try it once more"
            )
        return int(table.row[index])


def near_matches(identity: str, ids: list[str]) -> list[str]:
    """Up to three ids like the one given: first those that differ in leading zeros or case only."""

    def plain(text: str) -> str:
        return re.sub(r"0+(?=\d)", "", text).casefold()

    alike = [i for i in ids if plain(i) == plain(identity)]
    return list(dict.fromkeys([*alike, *difflib.get_close_matches(identity, ids, n=3, cutoff=0.5)]))[:3]
