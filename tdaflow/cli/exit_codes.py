"""Exit codes of the commands."""

DONE = 0
REFUSED = 2
"""Bad input or configuration; nothing was started."""

FAILED = 3
"""Ended early; what is finished is kept, and the same command resumes."""

QUARANTINED = 4
"""Finished, but volumes were quarantined, and not as few as are allowed; volumes were left out; `check` found errors.

Not 1, which Python and many libraries end with when they crash.
"""
