"""The application: verbs in groups; every error becomes one sentence and an exit code."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tdaflow import __version__
from tdaflow.cli.exit_codes import DONE, FAILED, REFUSED
from tdaflow.cli.parameters import with_addresses
from tdaflow.cli.verbs_config import config
from tdaflow.cli.verbs_evaluate import baselines, evaluate, reliability, reproduce, split, sweep
from tdaflow.cli.verbs_look import check, compare, distances, export, inspect, report
from tdaflow.cli.verbs_pinet import app as pinet
from tdaflow.cli.verbs_run import apply, ingest, merge, plan, predict, reference, run, status, try_, warmup
from tdaflow.errors import ConfigError, InputError, RunError, TdaflowError
from tdaflow.printable import printable_lines
from tdaflow.remote import is_address

_INTERRUPTED = 130

# Former names of verbs and options.
_RENAMED = {"tables": "reproduce", "--again": "--allow-second-test", "--fuse": "--late-fusion"}


class _Verbs(TyperGroup):
    """Group of verbs that refuses the former name of a verb and gives the new one."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return name, verb and remaining arguments."""
        if args and args[0] in _RENAMED:
            raise ConfigError(f"`tdaflow {args[0]}` is called `tdaflow {_RENAMED[args[0]]}` now; type that")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="tdaflow",
    cls=_Verbs,
    help="Persistence images from 3D medical volumes, on a laptop or a Dask cluster.\n\n"
    "Exit codes: 0 done · 2 bad input or configuration, nothing started · 3 failed, run again to resume · "
    "4 finished, but volumes were quarantined.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tdaflow {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


_panels: dict[str, tuple[Callable[..., None], ...]] = {
    "Run": (try_, run, merge, apply, predict, plan, ingest, reference, status, config, warmup),
    "Look": (check, inspect, report, compare, distances, export),
    "Evaluate": (evaluate, split, baselines, sweep, reliability, reproduce),
}
for _panel, _verbs in _panels.items():
    for _verb in _verbs:
        app.command(_verb.__name__.rstrip("_"), rich_help_panel=_panel)(with_addresses(_verb))
for _registered in pinet.registered_commands:
    if _registered.callback is not None:
        _registered.callback = with_addresses(_registered.callback)
app.add_typer(pinet, rich_help_panel="Networks")


def main() -> None:
    """Run the command line; every expected error is one sentence on stderr and an exit code."""
    _ended_as_by_ctrl_c(_interrupt)
    try:
        # Typer returns the code of a typer.Exit, and turns a KeyboardInterrupt into one.
        code = app(standalone_mode=False)
    except (ConfigError, InputError) as error:
        _fail(error, REFUSED)
    except (RunError, TdaflowError) as error:
        _fail(error, FAILED)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
        # What is left is to say so; whoever asks again wants it at once.
        _ended_as_by_ctrl_c(_leave)
    except Exception as error:
        renamed = getattr(error, "option_name", None)
        if renamed in _RENAMED:
            _fail(f"the option {renamed} is called {_RENAMED[renamed]} now; give that", REFUSED)
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "format_message"):
            _fail(error.format_message(), REFUSED)
        if isinstance(error, OSError) and is_address(error.filename):
            _fail(
                f"{error.filename} cannot be read or written now ({error.strerror}); try again when it answers", FAILED
            )
        # A bug of tdaflow: its trace is needed.
        traceback.print_exc()
        _fail(f"unexpected {type(error).__name__}; please report it with the lines above", FAILED)
    if code == _INTERRUPTED:
        _fail("interrupted; finished batches are kept, run the same command again to resume", FAILED)
    sys.exit(code or DONE)


def _fail(what: Any, code: int) -> None:
    typer.secho(f"tdaflow: {printable_lines(str(what))}", err=True, fg="red" if sys.stderr.isatty() else None)
    sys.exit(code)


def _ended_as_by_ctrl_c(handler: Callable[[int, FrameType | None], None]) -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        wanted = getattr(signal, name, None)
        # What is ignored stays so: that is what nohup asks for.
        if wanted is not None and signal.getsignal(wanted) is not signal.SIG_IGN:
            signal.signal(wanted, handler)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _leave(_: int, __: FrameType | None) -> None:
    os._exit(FAILED)
