"""Exit codes of the commands."""

DONE = 0
QUARANTINED = 1
"""Finished, but volumes were quarantined, and not as few as are allowed."""

REFUSED = 2
"""Bad input or configuration; nothing was started."""

FAILED = 3
"""Ended early; what is finished is kept, and the same command resumes."""
