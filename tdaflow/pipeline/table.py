"""Features of a run as a table: one row a volume, named columns, for R, pandas and spreadsheets."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tdaflow.atomic import written_whole
from tdaflow.config import RunConfig
from tdaflow.diagrams import NO_BARS
from tdaflow.errors import ConfigError, InputError
from tdaflow.homology.regions import regional_name
from tdaflow.store import DiagramStore, overlapping
from tdaflow.store.block_names import BlockName
from tdaflow.store.column_names import ColumnNames
from tdaflow.store.feature_dataset import feature_matrix
from tdaflow.vectorisations import summary_names, summary_numbers

if TYPE_CHECKING:
    import pandas as pd

    from tdaflow.pipeline.opened import Run

SUFFIXES = (".csv", ".parquet")
# Bytes of numbers that are in memory at a time, and volumes whose diagrams are.
CHUNK_BYTES = 16 << 20
CHUNK_VOLUMES = 4096
_TEXT = ["id", "class_name", "split", "group"]
_ROI = ["subject", "roi"]  # where volumes are regions of interest
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table_chunks(run: "Run", *, summary: bool = False, wide: bool = False) -> "Iterator[pd.DataFrame]":
    """Yield the table of a run some volumes at a time, so that memory does not grow with the run; see `Run.table`."""
    numbers = _summaries(run) if summary else _features(run)
    frames = (
        _frame(run.features.isel(volume=slice(start, stop)), columns, values)
        for start, stop, columns, values in numbers
    )
    yield from _by_subject(run, frames) if wide else frames


def write_table(
    run: "Run", path: Path, *, summary: bool = False, wide: bool = False, overwrite: bool = False
) -> tuple[int, int]:
    """Write the table of a run as CSV or Parquet; return the numbers of rows and columns.

    In CSV, text that a spreadsheet would take for a formula (it begins with =, +, -, @, tab or return) gets an
    apostrophe in front, and what is not known is an empty cell.

    Raises
    ------
    ConfigError
        For another suffix, a file that is there (without `overwrite`) or cannot be written, or Parquet without pyarrow.
    InputError
        If the run has no features, no diagrams to summarise, or with `wide` no regions of interest.
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path} has no suffix of a table: write .csv or .parquet")
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} is there already: replace it with --overwrite, or give another file")
    n_rows = n_columns = 0
    try:
        with written_whole(path) as temporary, _writer(temporary, path.suffix) as write:
            for frame in table_chunks(run, summary=summary, wide=wide):
                write(frame)
                n_rows, n_columns = n_rows + len(frame), frame.shape[1]
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror or error}): give another file") from None
    return n_rows, n_columns


def _frame(part: Any, columns: Sequence[str], values: np.ndarray) -> "pd.DataFrame":
    import pandas as pd

    labels = pd.array(part["label"].values, dtype="Int64")
    labels[part["label"].values < 0] = pd.NA
    about = {name: part[name].values.astype(object) for name in (*_TEXT, *_ROI) if name in part.coords}
    rois = {name: about.pop(name) for name in _ROI if name in about}
    table = pd.DataFrame({"id": about.pop("id"), **rois, "label": labels, **about})
    return pd.concat([table, pd.DataFrame(values, columns=list(columns))], axis=1)


def _by_subject(run: "Run", frames: "Iterator[pd.DataFrame]") -> "Iterator[pd.DataFrame]":
    """Put the regions of a subject, which follow one another, side by side."""
    import pandas as pd

    rois = list(run.state["source"].get("rois", ()))
    if not rois:
        raise InputError(f"{run.folder.path} has no regions of interest to put side by side: set data.mask_labels")
    held: pd.DataFrame | None = None
    for frame in frames:
        frame = frame if held is None else pd.concat([held, frame], ignore_index=True)
        is_last = frame["subject"] == frame["subject"].iloc[-1]  # the next frame may go on with it
        held = frame[is_last]
        if not is_last.all():
            yield _side_by_side(frame[~is_last], rois)
    if held is not None:
        yield _side_by_side(held, rois)


def _side_by_side(frame: "pd.DataFrame", rois: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    about = frame.drop_duplicates("subject").set_index("subject")[["label", *_TEXT[1:]]]
    features = frame.set_index("subject").drop(columns=["id", "label", *_TEXT[1:]])
    parts = [
        features[features["roi"] == roi].drop(columns="roi").reindex(about.index).add_prefix(f"{roi}_") for roi in rois
    ]
    return pd.concat([about, *parts], axis=1).rename_axis("id").reset_index()


_Chunk = tuple[int, int, Sequence[str], np.ndarray]


def _features(run: "Run") -> Iterator[_Chunk]:
    features = run.features
    n = features.sizes["volume"]
    arrays = [v for v in features.data_vars.values() if v.dims[0] == "volume"]
    step = max(1, CHUNK_BYTES // sum(v.dtype.itemsize * int(np.prod(v.shape[1:])) for v in arrays))
    for start in range(0, n, step):
        matrix = feature_matrix(features.isel(volume=slice(start, start + step)).load())
        yield start, start + step, [str(name) for name in matrix["feature"].values], matrix.values


def _summaries(run: "Run") -> Iterator[_Chunk]:
    if not run.folder.diagrams.is_dir():
        raise InputError(f"{run.folder.path} keeps no diagrams, which --summary is computed from: leave it out")
    blocks, columns = summary_columns(run.config)
    channels = [(regional_name(block.filtration, block.region), block.homology_dimension) for block in blocks]
    store = DiagramStore(run.folder.diagrams)
    position = {
        str(identity): int(row) for identity, row in zip(run.volume_table.id, run.volume_table.row, strict=True)
    }
    rows = [position[identity] for identity in run.features["id"].values.tolist()]
    step = max(1, min(CHUNK_VOLUMES, CHUNK_BYTES // (8 * len(columns))))
    batches = store.batches()
    for start in range(0, len(rows), step):
        here = rows[start : start + step]
        values = [
            np.concatenate([summary_numbers(diagram.get(channel, NO_BARS)) for channel in channels])
            for diagram in store.read_rows(here, overlapping(batches, here[0], here[-1] + 1))
        ]
        yield start, start + step, columns, np.stack(values)


def summary_columns(config: RunConfig) -> tuple[list[BlockName], list[str]]:
    """The channels that a table of summaries has, in order, and the names of its columns, as many for each."""
    blocks, names = [], ColumnNames()
    for name, dimension in config.channels:
        for region in config.filtrations[name].regions.names:
            blocks.append(BlockName(name, dimension, region))
            names.add(blocks[-1], summary_names())
    return blocks, names.all()


@contextmanager
def _writer(path: Path, suffix: str) -> "Iterator[Callable[[pd.DataFrame], None]]":
    """Yield a function that appends to the file."""
    if suffix == ".csv":
        with open(path, "w", encoding="utf-8", newline="") as file:

            def write(frame: "pd.DataFrame") -> None:
                text = [name for name in (*_TEXT, *_ROI) if name in frame]
                frame[text] = frame[text].map(lambda cell: f"'{cell}" if cell.startswith(_FORMULA) else cell)
                frame.to_csv(file, index=False, header=file.tell() == 0, lineterminator="\n")

            yield write
        return
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ConfigError('Parquet needs pyarrow: `pip install "tdaflow[parquet]"`, or write .csv') from None
    writers: list[Any] = []

    def append(frame: "pd.DataFrame") -> None:
        table = pa.Table.from_pandas(frame, preserve_index=False, schema=writers[0].schema if writers else None)
        if not writers:
            writers.append(pq.ParquetWriter(path, table.schema))
        writers[0].write_table(table)

    try:
        yield append
    finally:
        for writer in writers:
            writer.close()
