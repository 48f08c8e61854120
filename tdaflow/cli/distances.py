"""``tdaflow distances``: the distances between all diagrams of a run."""

import ast
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from tdaflow.cli.exit_codes import DONE
from tdaflow.cluster import connect, read_spec
from tdaflow.distances import METRICS, metric_from
from tdaflow.errors import InputError
from tdaflow.pipeline.distances import run_distances
from tdaflow.progress import observer
from tdaflow.store import RunFolder


def distances_command(
    run: Path,
    metric: str,
    options: Sequence[str],
    filtration: str | None,
    dimension: int | None,
    cluster: str | None,
    workers: int | None,
) -> int:
    """Write the matrices; return the exit code."""
    chosen = metric_with_options(metric, options)
    with observer() as watching, connect(read_spec(cluster or "threads", workers)) as engine:
        paths = run_distances(RunFolder(run), chosen, engine, watching, filtration=filtration, dimension=dimension)
    for path in paths:
        typer.echo(path)
    typer.echo(f"open with: xarray.open_zarr({str(paths[0])!r}).distance", err=True)
    return DONE


def metric_with_options(name: str, options: Sequence[str]) -> Any:
    """The metric of a name with options such as "order=2"; InputError for unknown ones."""
    metric = metric_from(name)
    known = [field.name for field in fields(metric)]
    given: dict[str, Any] = {}
    for option in options:
        key, equals, text = option.partition("=")
        if not equals or key not in known:
            has = f"its options are {', '.join(known)}" if known else "it has no options"
            raise InputError(f"--option {option} is none of the metric {name}: {has}, as in --option KEY=VALUE")
        try:
            given[key] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            given[key] = text
    return METRICS[name](**given)
