"""Files of a cohort that may not be brought together: what one site contributes, and the reference of all of them.

A contribution holds counts on fixed edges of one number a volume: no volume, no id, no label, no path. The reference of
all sites holds what was learnt from the counts, and no counts. Both are JSON, checked against the models below.

Numbers are known to the width of an edge, .02 %. At a small site many counts are 1, so a contribution tells the numbers
of single volumes, though neither whose they are nor which belong together.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tdaflow.errors import ConfigError, first_invalid

CONTRIBUTION = "tdaflow contribution of a site 1"
JOINT = "tdaflow reference of several sites 1"
FEWEST_VOLUMES = 10
"""Volumes that a site must have; one of fewer would tell of single volumes."""
MAX_BYTES = 64 << 20

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0, le=10**12)]
_Pair = Annotated[list[_Finite], Field(min_length=2, max_length=2)]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Counts(_Strict):
    """How many volumes have each of some numbers, which ascend."""

    values: Annotated[list[_Finite], Field(max_length=10**6)]
    counts: Annotated[list[Annotated[int, Field(ge=1, le=10**7)]], Field(max_length=10**6)]

    @model_validator(mode="after")
    def _check(self) -> "Counts":
        if len(self.values) != len(self.counts) or any(b <= a for a, b in pairwise(self.values)):
            raise ValueError("values must ascend, and have one count each")
        if sum(self.counts) > 10**7:
            raise ValueError("there are more than ten million volumes")
        return self

    @classmethod
    def of(cls, numbers: np.ndarray) -> "Counts":
        """Count numbers that are on fixed edges, one a volume."""
        values, counts = np.unique(numbers + 0.0, return_counts=True)  # −0 is 0
        return cls(values=values.tolist(), counts=counts.tolist())

    @property
    def n(self) -> int:
        """Number of volumes."""
        return sum(self.counts)


def joined(parts: Sequence[Counts]) -> np.ndarray:
    """The numbers of all volumes that some sites have counted, ascending, float64."""
    values, counts = (
        np.concatenate([np.array(getattr(part, name), dtype=kind) for part in parts])
        for name, kind in (("values", np.float64), ("counts", np.int64))
    )
    return np.sort(np.repeat(values, counts))


_Ends = Annotated[list[Counts], Field(min_length=2, max_length=2)]


class ChannelCounts(_Strict):
    """Bounds of the volumes that have bars in a channel, as counts of each by itself: which belong together is lost.

    Attributes
    ----------
    n_bars : int
    bounds : list
        Of births, deaths and persistences, the low and the high ends.
    """

    n_bars: _Count
    bounds: Annotated[list[_Ends], Field(min_length=3, max_length=3)]

    @model_validator(mode="after")
    def _check(self) -> "ChannelCounts":
        if len({counts.n for ends in self.bounds for counts in ends}) > 1:
            raise ValueError("the bounds are of different numbers of volumes")
        return self


class Scale(_Strict):
    """Intensity scale of a filtration, as run.json holds it."""

    mode: Literal["cohort", "volume"]
    number: _Finite
    edge: _Finite
    extent: _Finite
    middle: _Pair
    n_volumes: _Count


class Range(_Strict):
    """Ranges and σ of a channel, as run.json holds them."""

    sigma: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    birth_range: _Pair
    death_range: _Pair
    observed_birth_range: _Pair
    observed_death_range: _Pair
    n_bars: _Count
    resolution: Annotated[list[Annotated[int, Field(ge=1, le=10**5)]], Field(min_length=2, max_length=2)]
    values: _Pair | None = None


class _Recipe(_Strict):
    """What sites must have in common.

    Attributes
    ----------
    algorithm : list of int
        Versions of what makes scales, diagrams and ranges.
    learnt_from : "all" or "train"
    config : dict
        The sections of the configuration that features depend on.
    preprocessing : list of dict
    scales : dict
        Of a contribution: the scales that its diagrams were made on.
    """

    algorithm: Annotated[list[int], Field(max_length=10)]
    learnt_from: Literal["all", "train"]
    config: dict[str, Any]
    preprocessing: list[dict[str, Any]]
    scales: dict[_Name, Scale]


class Contribution(_Recipe):
    """What a site contributes.

    Attributes
    ----------
    fingerprint : str
        Digest of the voxels of its volumes, by which it is known again.
    n_volumes : int
    edges, extents : Counts or None
        Longest edge in mm, and extent of the grey values, of each volume; None where no scale is learnt.
    channels : dict
        By the channel's name in run.json.
    """

    format: Literal["tdaflow contribution of a site 1"]
    fingerprint: _Fingerprint
    n_volumes: Annotated[int, Field(ge=FEWEST_VOLUMES, le=10**7)]
    edges: Counts | None
    extents: Counts | None
    channels: dict[_Name, ChannelCounts]

    @model_validator(mode="after")
    def _check(self) -> "Contribution":
        every = [c for c in (self.edges, self.extents) if c is not None]
        if any(counts.n != self.n_volumes for counts in every):
            raise ValueError("its counts are not of as many volumes as it says")
        if any(channel.bounds[0][0].n > self.n_volumes for channel in self.channels.values()):
            raise ValueError("a channel counts more volumes than there are")
        if bool(self.scales) != (len(every) == 2):
            raise ValueError("edges and extents belong to scales, and scales to them")
        return self


class Site(_Strict):
    """A site of a joint reference: its fingerprint and number of volumes."""

    fingerprint: _Fingerprint
    n_volumes: Annotated[int, Field(ge=FEWEST_VOLUMES, le=10**7)]


class Joint(_Recipe):
    """What several sites learnt together.

    Attributes
    ----------
    sites : list of Site
    ranges : dict
        By the channel's name in run.json; empty while the diagrams of a site are on other scales than the joint ones.
    """

    format: Literal["tdaflow reference of several sites 1"]
    sites: Annotated[list[Site], Field(min_length=1, max_length=10**4)]
    ranges: dict[_Name, Range]


_File = TypeVar("_File", Contribution, Joint)


def read_site_file(path: Path, kind: type[_File]) -> _File:
    """Read a file of a site or of several.

    Parameters
    ----------
    path : Path
    kind : Contribution or Joint

    Raises
    ------
    ConfigError
        If it cannot be read, is larger than `MAX_BYTES`, or is not what it should be.
    """
    what = "the contribution of a site" if kind is Contribution else "the reference of several sites"
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ConfigError(
                f"{path} has {size / 2**20:.0f} MiB, more than the {MAX_BYTES >> 20} that {what} may have"
            )
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror or error}): give {what}") from None
    except ValidationError as error:
        found = first_invalid(error)
        where = f"{found.key}: " if found.key else ""
        raise ConfigError(f"{path} is not {what} ({where}{found.what}): make it with `tdaflow reference`") from None
