"""Names of feature blocks, made of filtration, homology dimension, region and kind."""

import re
from typing import NamedTuple

from tdaflow.homology.regions import WHOLE

_NAME = re.compile(r"(?P<filtration>.+) H(?P<dimension>\d+)(?: @(?P<region>\S+))?(?: (?P<kind>\S+))?")

IMAGE = "image"
"""Kind of the persistence images (and one-column images); names leave it out."""


class BlockName(NamedTuple):
    """The parts of a name such as "sublevel H1", "sublevel H1 @z0y0x1" or "sublevel H1 @z0y0x1 betti"."""

    filtration: str
    homology_dimension: int
    region: str = WHOLE
    kind: str = IMAGE

    def __str__(self) -> str:
        region = "" if self.region == WHOLE else f" @{self.region}"
        return f"{self.filtration} H{self.homology_dimension}{region}{'' if self.kind == IMAGE else f' {self.kind}'}"

    @classmethod
    def parsed(cls, text: str) -> "BlockName | None":
        """Return the parts of a name; None if it is not the name of a block."""
        found = _NAME.fullmatch(text)
        if found is None:
            return None
        return cls(found["filtration"], int(found["dimension"]), found["region"] or WHOLE, found["kind"] or IMAGE)
