"""Plan of the tables: data sets, and the runs and baselines of each of them."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tdaflow.config import RunConfig, find_config, load_config
from tdaflow.config.toml import parse_toml
from tdaflow.errors import ConfigError, first_invalid

_NAME = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class PlannedRun(_Options):
    """A run on every data set; ``{data_set}`` in `config` and `overrides` stands for its name.

    Attributes
    ----------
    title : str
        Label of the row.
    config : str
        A workflow, or a TOML file.
    overrides : tuple of str
        Assignments ``section.key=value`` (``set`` in TOML).
    classifiers : tuple of str or None
        Classifiers to choose from; None for all.
    choose_on, channels : str
        See `tdaflow.evaluation.Protocol`.
    baselines : tuple of str
        Evaluated on the volumes of this run.
    networks : tuple of str
        Deep baselines, trained on request; others stand as "not trained".
    """

    title: str
    config: str
    overrides: Annotated[tuple[str, ...], Field(alias="set")] = ()
    classifiers: tuple[str, ...] | None = None
    choose_on: Literal["auto", "validation", "cross-validation"] = "auto"
    channels: Literal["auto", "subsets", "all"] = "auto"
    baselines: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    def config_of(self, data_set: str, data: Path | None = None, overrides: Sequence[str] = ()) -> RunConfig:
        """Read the configuration for a data set; `data` and `overrides` as `tdaflow.config.load_config` takes them."""
        name = self.config.format(data_set=data_set)
        path = find_config(name)
        if path is None:
            raise ConfigError(f"the plan's run {self.title!r} names {name}, which is no TOML file and no workflow")
        own = [text.format(data_set=data_set) for text in self.overrides]
        return load_config(path, [*own, *overrides], data=data)


class TablesPlan(_Options):
    """A plan, read from TOML.

    Attributes
    ----------
    data_sets : tuple of str
        As the published tables name them; the columns, in this order.
    runs : dict of str to PlannedRun
        By name of their folder. The first is compared with everything else.
    """

    data_sets: Annotated[tuple[_NAME, ...], Field(min_length=1)]
    runs: Annotated[dict[_NAME, PlannedRun], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> "TablesPlan":
        for what, names in (("data set", self.data_sets), ("title", [run.title for run in self.runs.values()])):
            twice = [name for name in names if list(names).count(name) > 1]
            if twice:
                raise ValueError(f"the {what} {twice[0]!r} is listed twice")
        return self


def read_plan(name: str | Path) -> TablesPlan:
    """Read a plan.

    Parameters
    ----------
    name : str or Path
        A TOML file, or the name of a plan among the packaged workflows.

    Raises
    ------
    ConfigError
        If there is no such file, it cannot be read, or it holds something else.
    """
    path = find_config(str(name))
    if path is None:
        raise ConfigError(f"there is no file {name} and no workflow of that name: give a TOML file with a plan")
    try:
        return TablesPlan.model_validate(parse_toml(Path(path).read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the plan {path} cannot be read ({error}): give a TOML file") from None
    except ValidationError as error:
        wrong = first_invalid(error)
        raise ConfigError(
            f"the plan {path} is wrong ({wrong.key + ': ' if wrong.key else ''}{wrong.what}): give "
            "data_sets and [runs.NAME] with title, config, set, classifiers, choose_on, channels, baselines, networks"
        ) from None
