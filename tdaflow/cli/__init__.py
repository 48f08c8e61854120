"""The command line: verbs, progress, exit codes. Everything a verb does can be called from Python.

Exit codes: 0 done; 2 bad input or configuration, nothing started; 3 failed, resumable; 4 finished, but volumes were
quarantined (unless allowed).
"""

from tdaflow.cli.app import main

__all__ = ["main"]
