"""Arguments and options that several verbs share."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand


class PathCommand(TyperCommand):
    """A verb whose arguments, and options that are paths, must be no addresses such as ``s3://bucket/run``."""

    def invoke(self, ctx: Any) -> Any:
        """Refuse addresses, then do what the verb does."""
        from tdaflow.sources.paths import refuse_address

        parameters: list[Any] = self.params
        for parameter in parameters:
            is_argument = parameter.param_type_name == "argument"
            given = ctx.params.get(parameter.name or "")
            if isinstance(given, str | Path) and (is_argument or parameter.type.name == "path"):
                refuse_address(given, parameter.metavar or parameter.name if is_argument else parameter.opts[0])
        return super().invoke(ctx)


ConfigOrData = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG.toml|DATA",
        help="A TOML file, the name of a workflow that comes with tdaflow, or data: a folder of NIfTI, DICOM or "
        "OME-Zarr images, a manifest, a stack of arrays, or a volume store.",
    ),
]
IdKey = Annotated[
    Path | None,
    typer.Option("--id-key", metavar="FILE", help="DICOM: the secret that ids are made with; made if missing."),
]
AllowUneven = Annotated[
    bool, typer.Option("--allow-uneven", help="DICOM: resample series with uneven spacing or a tilted gantry.")
]
PrivateMap = Annotated[
    Path | None,
    typer.Option(
        "--write-private-map", metavar="FILE", help="DICOM: write which id is which file, for your eyes only."
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder of the run. [dim]\\[runs/CONFIG][/dim]")
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Where the source's files are.", show_default=False)
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override, e.g. --set images.epsilon=0.9; may be repeated."),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="WHERE",
        help="sync, threads, processes, tcp://host:port, or a TOML file. [dim]\\[threads][/dim]",
    ),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Tasks at the same time. [dim]\\[one a core][/dim]")
]
