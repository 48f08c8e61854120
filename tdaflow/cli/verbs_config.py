"""The verb that explains configurations: ``config``."""

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from tdaflow.cli.parameters import Data, Sets
from tdaflow.cli.request import Request


def config(
    config: Annotated[
        str | None,
        typer.Argument(
            metavar="CONFIG.toml|DATA",
            help="A TOML file, a workflow's name, or data, as `run` takes them. [dim]\\[none: the reference][/dim]",
        ),
    ] = None,
    sets: Sets = None,
    data: Data = None,
    as_json_schema: Annotated[
        bool, typer.Option("--json-schema", help="Print a JSON Schema of configurations, for editors.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write here instead of printing.")
    ] = None,
) -> None:
    """Print every configuration key with type, default, meaning and unit; of CONFIG, the values it comes to.

    What is printed of CONFIG is a TOML file that `run` takes.

    Examples:
    tdaflow config
    tdaflow config quickstart --set images.resolution=30 --out own.toml
    """
    from tdaflow.cli.settings import read_settings
    from tdaflow.config.json_schema import json_schema
    from tdaflow.config.reference import reference_text
    from tdaflow.config.toml import to_toml
    from tdaflow.errors import ConfigError

    if config is None and (sets or data):
        raise ConfigError("--set and --data need a configuration: name one, such as `tdaflow config quickstart`")
    if as_json_schema and config is not None:
        raise ConfigError(f"--json-schema is that of every configuration: leave out {config}")
    if as_json_schema:
        text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    elif config is None:
        text = reference_text(max(40, min(100, shutil.get_terminal_size().columns)))
    else:
        text = to_toml(read_settings(Request(config, None, data, None, None, tuple(sets or ())))[0])
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{out} cannot be written ({error.strerror}): give another file with --out") from None
