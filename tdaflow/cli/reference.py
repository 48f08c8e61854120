"""``tdaflow reference``: what a site contributes to scales and ranges, and what several sites learn from it."""

from collections.abc import Sequence
from pathlib import Path

from tdaflow.cli.exit_codes import DONE
from tdaflow.cli.settings import say
from tdaflow.errors import ConfigError
from tdaflow.pipeline.sites import RISK, contribute, merge
from tdaflow.printable import counted


def reference_command(given: Sequence[Path], out: Path, *, merged: bool) -> int:
    """Write the contribution of a run, or merge those of several sites; return the exit code."""
    if merged:
        found = merge(given, out)
        for (name, share), site in zip(found.shares.items(), found.joint.sites, strict=True):
            say(f"{name}: {counted(site.n_volumes, 'volume')}, {share:.1%} of all")
        say(f"{out}: {found.next_step}")
    else:
        if len(given) != 1:
            raise ConfigError("give the folder of one run, or --merge and the files of the sites")
        made = contribute(given[0], out)
        say(
            f"{out}: counts of {counted(made.n_volumes, 'volume')}, no volume and "
            f"no id (fingerprint {made.fingerprint[:8]}); "
            f"merge it with those of other sites: tdaflow reference --merge {out} OTHER.json --out joint.json"
        )
        say("at a small site many counts are of one volume: send the file to who merges alone, joint.json holds none")
    say(f"risk: {RISK}")
    return DONE
