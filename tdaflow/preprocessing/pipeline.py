"""Sequences of steps, built from the tables of a configuration."""

from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field, fields
from typing import Any, Never, Self

from tdaflow.errors import InputError, did_you_mean
from tdaflow.preprocessing.geometry import CropPad, Resample
from tdaflow.preprocessing.intensity import Clip, Rescale, Window, ZScore
from tdaflow.preprocessing.presets import AUTO, PREPROCESSING_PRESETS
from tdaflow.preprocessing.robust_zscore import RobustZScore
from tdaflow.preprocessing.step import Blocks, Spacing, Step, Voxels, check_voxels

STEPS: dict[str, type[Step]] = {
    "window": Window,
    "clip": Clip,
    "rescale": Rescale,
    "zscore": ZScore,
    "robust-zscore": RobustZScore,
    "resample": Resample,
    "crop-pad": CropPad,
}
"""Kinds of steps by the name that a table gives as ``step``."""


@dataclass(frozen=True)
class Unresolved(Step):
    """Placeholder for the steps of preset "auto"; every use raises InputError until the preset is resolved."""

    step: str = field(default=AUTO, init=False)

    @property
    def pointwise(self) -> bool:
        return False

    def apply(self, voxels: Voxels, spacing: Spacing) -> Never:
        self._refuse()

    def fixed(self, blocks: Blocks) -> Self:
        self._refuse()

    def table(self) -> dict[str, Any]:
        self._refuse()

    def _refuse(self) -> Never:
        raise InputError(
            "preset 'auto' must be resolved for a cohort first: take the preset that resolved_preset chooses from the "
            f"modalities of its volumes, or name one of {', '.join(map(repr, PREPROCESSING_PRESETS))}."
        )


def step_from(table: Step | Mapping[str, Any]) -> Step:
    """Build a step from a table such as ``{step = "window", low = -160, high = 240}``; a step stays as it is.

    Raises
    ------
    InputError
        For an unknown kind or option, and for what the step itself refuses.
    """
    if isinstance(table, Step):
        return table
    if not isinstance(table, Mapping) or "step" not in table:
        raise InputError(f"a step is {table!r}; give a table with step = one of {', '.join(map(repr, STEPS))}.")
    if table["step"] not in STEPS:
        raise InputError(f"step {table['step']!r} does not exist; {did_you_mean(table['step'], STEPS)}")
    kind = STEPS[table["step"]]
    known = [f.name for f in fields(kind) if f.init]
    # TOML has no word for None.
    options = {name: None if value == "none" else value for name, value in table.items() if name != "step"}
    for name in options:
        if name not in known:
            raise InputError(f"{table['step']}: option {name!r} does not exist; {did_you_mean(name, known)}")
    return kind(**options)


@dataclass(frozen=True)
class Preprocessing:
    """Sequence of preprocessing steps.

    Parameters
    ----------
    steps : list of tables
        Done in this order, such as ``[{step = "window", low = -160, high = 240}]``, see `step_from`.
    preset : str, optional
        "ct-abdomen", "ct-lung", "ct-bone", "mr", "mr-zscore", "none", or "auto" for what the modality of the cohort
        asks for; its steps come before `steps`. Without a run "auto" can be named, but neither applied nor written as
        tables before `tdaflow.preprocessing.resolved_preset` has put a name in its place.

    Raises
    ------
    InputError
        For an unknown preset or a step that cannot be built; the message says which.
    """

    steps: tuple[Any, ...] = ()
    preset: InitVar[str | None] = None

    def __post_init__(self, preset: str | None) -> None:
        if preset is not None and preset not in (AUTO, *PREPROCESSING_PRESETS):
            raise InputError(
                f"preset={preset!r} does not exist; {did_you_mean(preset, (*PREPROCESSING_PRESETS, AUTO))}"
            )
        if isinstance(self.steps, str | Mapping) or not isinstance(self.steps, Iterable):
            raise InputError(f"steps is {self.steps!r}; give a list of tables.")
        made: list[Step] = (
            [Unresolved()] if preset == AUTO else [step_from(t) for t in PREPROCESSING_PRESETS[preset or "none"]]
        )
        for number, table in enumerate(self.steps, start=1):
            try:
                made.append(step_from(table))
            except InputError as error:
                raise InputError(f"preprocessing step {number}: {error}") from None
        object.__setattr__(self, "steps", tuple(made))

    @property
    def pointwise(self) -> bool:
        """True if `apply` on blocks gives the blocks of `apply` on the whole volume."""
        return all(step.pointwise for step in self.steps)

    @property
    def keeps_grid(self) -> bool:
        """True if no step changes the grid, so that `fixed` can process a volume larger than memory."""
        return not any(isinstance(step, Resample | CropPad) for step in self.steps)

    def tables(self) -> list[dict[str, Any]]:
        """Return the steps as JSON-able tables that build an equal preprocessing."""
        return [step.table() for step in self.steps]

    def apply(self, voxels: Voxels, spacing: Spacing) -> tuple[Voxels, Spacing, dict[str, Any]]:
        """Preprocess a volume.

        Parameters
        ----------
        voxels : (Z, Y, X) array
            Finite voxels of any integer, float or bool dtype; not changed.
        spacing : (3,) float
            Voxel size (z, y, x) in mm.

        Returns
        -------
        voxels : (Z', Y', X') array
        spacing : (3,) float
        facts : dict
            JSON-able; ``facts["steps"]`` has a table for each step: its options, the statistics that it took from this
            volume (percentiles, mean, ...) and its change of the grid (shapes, zoom, ...).

        Raises
        ------
        InputError
            For a volume that is not 3D, empty, not numeric or not finite, or that a step cannot process.
        """
        done: list[dict[str, Any]] = []
        voxels = check_voxels(voxels)
        for step in self.steps:
            # frees the loop of late binding: each step sees the voxels that come to it
            fixed = step.fixed(lambda current=voxels: [current])
            done.append({**step.table(), **fixed.table(), **fixed.facts(voxels.shape, spacing)})
            voxels, spacing = fixed.apply(voxels, spacing)
        return voxels, spacing, {"steps": done}

    def fixed(self, blocks: Blocks) -> tuple["Preprocessing", dict[str, Any]]:
        """Return the pointwise preprocessing of one volume that need not fit into memory, and its facts.

        Parameters
        ----------
        blocks : callable that returns an iterable of arrays
            Called for each pass over the volume that a step's statistics need; none for steps with given bounds.

        Returns
        -------
        Preprocessing
            Its `apply` on each block gives the bits of `apply` on the whole volume.
        facts : dict
            As from `apply`.

        Raises
        ------
        InputError
            When a step changes the grid, or cannot process this volume.
        """
        made: list[Step] = []
        done: list[dict[str, Any]] = []
        for number, step in enumerate(self.steps, start=1):
            if isinstance(step, Resample | CropPad):
                raise InputError(
                    f"preprocessing step {number} ({step.step}) needs the whole volume in memory, which this one "
                    f"exceeds; do that step before the ingest, or give the workers more memory."
                )
            before = Preprocessing(tuple(made))
            made.append(step.fixed(lambda p=before: (p.apply(block, (1.0, 1.0, 1.0))[0] for block in blocks())))
            done.append({**step.table(), **made[-1].table()})
        return Preprocessing(tuple(made)), {"steps": done}
