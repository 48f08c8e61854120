"""Files of results: written whole or not at all; an error of the file system becomes one sentence."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.atomic import written_whole
from tdaflow.errors import RunError


def csv_text(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows that share their keys as CSV."""
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> list[Path]:
    """Write rows as Parquet if pyarrow is installed; return the written paths."""
    if not find_spec("pyarrow"):
        return []
    import pyarrow as pa
    import pyarrow.parquet as pq

    with written_whole(path) as temporary:
        pq.write_table(pa.Table.from_pylist(list(rows)), temporary)
    return [path]


def without_nan(value: Any) -> Any:
    """Return the same JSON-able value with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {name: without_nan(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn an `OSError` of the block into a `RunError` of one sentence."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"cannot write into {folder} ({error.strerror}): make it writable, or give another folder with --out"
        ) from error
