"""Names of the columns of a table, which R, pandas, SQL and spreadsheets leave as they are."""

import re
from collections import Counter
from collections.abc import Sequence

from tdaflow.homology.regions import WHOLE
from tdaflow.store.block_names import IMAGE, BlockName

_OTHER = re.compile(r"[^A-Za-z0-9]+")


def safe_name(text: str) -> str:
    """Letters, digits and underscores, a letter first: what R's ``make.names`` does not change."""
    name = _OTHER.sub("_", text).strip("_")
    return name if name[:1].isalpha() else f"f_{name}".rstrip("_")


class ColumnNames:
    """Collect the columns of one block after the other; all names come out distinct."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def add(self, block: BlockName, columns: Sequence[str]) -> None:
        """Name the columns of a block, such as alpha_H1_p03_b17, cubical_H0_z0y1x0_betti_04, alpha_H1_count.

        Parameters
        ----------
        block : BlockName
        columns : sequence of str
            What tells them apart; those that are alike or empty are numbered.
        """
        region = "" if block.region == WHOLE else block.region
        kind = "" if block.kind == IMAGE else block.kind
        stem = [safe_name(block.filtration), f"H{block.homology_dimension}", region, kind]
        counts, seen = Counter(columns), Counter[str]()
        for column in columns:
            number = ""
            if counts[column] > 1 or not column:
                number = f"{seen[column]:0{len(str(counts[column] - 1))}}"
                seen[column] += 1
            parts = [*stem, _OTHER.sub("_", column).strip("_"), number]
            self._names.append("_".join(part for part in parts if part))

    def all(self) -> list[str]:
        """The names so far; of those that would be alike, the later ones end in _2, _3, …"""
        taken: set[str] = set()
        found = []
        for name in self._names:
            distinct, n = name, 1
            while distinct in taken:
                n += 1
                distinct = f"{name}_{n}"
            taken.add(distinct)
            found.append(distinct)
        return found
