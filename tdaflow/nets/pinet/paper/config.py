"""Settings of an experiment after Som et al. 2019: the table ``[pinet]`` of a TOML file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tdaflow.config.load import apply_overrides
from tdaflow.config.toml import parse_toml
from tdaflow.errors import ConfigError, first_invalid
from tdaflow.nets.pinet.paper.targets import Grid
from tdaflow.nets.pinet.train.schedule import PINetSchedule, schedule_named

SIGNAL_KINDS = ("basic-motions", "usc-had")
CLASSIFIERS = {"signal": ("mlp", "cnn"), "image": ("alexnet", "nin")}
IMAGE_KINDS = ("medmnist-slices", "cifar10", "cifar100", "svhn")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataOptions(_Table):
    """Choice of the data: labelled signals or images.

    Attributes
    ----------
    kind : str
        One of `SIGNAL_KINDS` or `IMAGE_KINDS`.
    path : Path or None
        Folder of the files; ``basic-motions`` has none, ``medmnist-slices`` downloads without one.
    name : str
        Data set of ``medmnist-slices``.
    limit : int or None
        Most samples of each split.
    frame : int or None
        Time steps of a frame of a signal; None for the whole recording, or 10 s of USC-HAD.
    step : int or None
        Time steps between the starts of training frames; None for `frame`, so that they do not overlap.
    """

    kind: Literal["basic-motions", "usc-had", "medmnist-slices", "cifar10", "cifar100", "svhn"]
    path: Path | None = None
    name: str = "organmnist3d"
    limit: int | None = Field(default=None, ge=10)
    frame: int | None = Field(default=None, ge=8)
    step: int | None = Field(default=None, ge=1)


class TrainingTable(_Table):
    """Training of the network, see `tdaflow.nets.pinet.train.schedule`.

    Attributes
    ----------
    preset : str
        Name of a schedule.
    epochs : int or None
        Most epochs; None for those of the preset.
    learning_rate : float or None
        Of the first phase, the others keep their ratio to it; None for those of the preset.
    widths : tuple of 4 int
        Filters of the convolutions; those of the paper by default.
    seed : int
    """

    preset: str = "paper"
    epochs: int | None = Field(default=None, ge=3)
    learning_rate: float | None = Field(default=None, gt=0)
    widths: tuple[int, int, int, int] = (128, 256, 512, 1024)
    seed: int = Field(default=0, ge=0)

    @property
    def schedule(self) -> PINetSchedule:
        """Epochs and learning rates; InputError for an unknown preset."""
        found = schedule_named(self.preset, epochs=self.epochs)
        return found if self.learning_rate is None else found.starting_at(self.learning_rate)


class ClassificationTable(_Table):
    """Classifiers with and without persistence images (section 5).

    Attributes
    ----------
    epochs : int
        Of each classifier; 0 for no classification.
    n_seeds : int
        Trainings of each classifier.
    networks : tuple of str
        "mlp" and "cnn" for signals, "alexnet" and "nin" (ten times as slow) for images; empty for both.
    """

    epochs: int = Field(default=0, ge=0)
    n_seeds: int = Field(default=5, ge=1)
    networks: tuple[Literal["mlp", "cnn", "alexnet", "nin"], ...] = ()


class PaperConfig(_Table):
    """Settings of an experiment.

    Attributes
    ----------
    network : "signal" or "image"
        Signal PI-Net or Image PI-Net (section 4.2).
    grid : "contiguous" or "pers-image"
        Pixels of the ground truth, see `tdaflow.nets.pinet.TargetOptions`; "pers-image" is the authors' own.
    data : DataOptions
    training : TrainingTable
    classification : ClassificationTable
    """

    network: Literal["signal", "image"]
    grid: Grid = "contiguous"
    data: DataOptions
    training: TrainingTable = TrainingTable()
    classification: ClassificationTable = ClassificationTable()

    @model_validator(mode="after")
    def _fitting(self) -> "PaperConfig":
        kinds = SIGNAL_KINDS if self.network == "signal" else IMAGE_KINDS
        if self.data.kind not in kinds:
            raise ValueError(f"the {self.network} network takes data of kind {' or '.join(kinds)}")
        networks = CLASSIFIERS[self.network]
        if not set(self.classification.networks) <= set(networks):
            raise ValueError(f"data of the {self.network} network are classified by {' or '.join(networks)}")
        return self


def is_paper_config(path: Path) -> bool:
    """True if a TOML file has the table ``[pinet]``; False for what cannot be read as TOML."""
    try:
        return "pinet" in parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def load_paper_config(path: Path, overrides: Sequence[str] = (), *, data: Path | None = None) -> PaperConfig:
    """Read the settings of an experiment.

    Parameters
    ----------
    path : Path
        A TOML file with the table ``[pinet]``.
    overrides : sequence of str
        ``pinet.section.key=value``.
    data : Path, optional
        Folder of the data, for ``pinet.data.path``.

    Raises
    ------
    ConfigError
        If a key is unknown or a value not allowed.
    """
    try:
        given = parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is not a readable TOML file: {error}") from None
    given = apply_overrides(given, overrides)
    if unknown := given.keys() - {"pinet"}:
        raise ConfigError(f"{path} describes a PI-Net experiment, so it has no table [{min(unknown)}]: remove it")
    table = given["pinet"]
    if data is not None:
        table = {**table, "data": {**table.get("data", {}), "path": str(data)}}
    try:
        return PaperConfig.model_validate(table)
    except ValidationError as error:
        wrong = first_invalid(error)
        key = f"pinet.{wrong.key}" if wrong.key else "pinet"
        raise ConfigError(f"{path}, {key}: {wrong.what}; correct it there") from None
