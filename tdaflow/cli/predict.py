"""``tdaflow predict``: the class of other volumes by the model of an evaluated run."""

import sys
from dataclasses import replace
from pathlib import Path

from tdaflow.api import features_folder
from tdaflow.atomic import write_whole
from tdaflow.cli.exit_codes import DONE, QUARANTINED
from tdaflow.cli.ingest_options import PatientOptions
from tdaflow.cli.request import Request
from tdaflow.cli.run import apply_command
from tdaflow.cli.settings import say
from tdaflow.evaluation import load_model, predict_run
from tdaflow.printable import counted

_SHOWN = 5


def predict_command(run: Path, data: Path, request: Request, out: Path | None, patients: PatientOptions) -> int:
    """Make the features of the volumes, classify them and write the table; return the exit code."""
    load_model(run)  # raises before anything is computed
    folder = request.out or features_folder(run, data)
    apply_command(run, data, replace(request, out=folder), patients=patients)
    table = predict_run(run, folder)
    text = table.to_csv(index=False, lineterminator="\n")
    if out is None:
        sys.stdout.write(text)
    else:
        write_whole(out, text)
        say(f"{len(table)} predictions in {out}")
    unlike = table[table["warning"] != ""]
    for identity, warning in list(zip(unlike["id"], unlike["warning"], strict=True))[:_SHOWN]:
        say(f"{identity}: {warning}")
    if len(unlike) > _SHOWN:
        say(f"… and {len(unlike) - _SHOWN} more, in the column warning")
    unused = int((table["quarantined"] != "").sum())
    if unused:
        say(
            f"{unused} of {counted(len(table), 'volume')} {'has' if unused == 1 else 'have'} "
            "no prediction; the column quarantined says why"
        )
    return QUARANTINED if unused else DONE
