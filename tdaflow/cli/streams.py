"""Standard output and standard error that may be lost: a closed terminal, a full disk under a log, ``| head``.

What a run prints is worth less than the run, so a failed write never ends it and never changes its exit code.
"""

import errno
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tdaflow.cli.exit_codes import DONE, FAILED


class _Forgiving(io.FileIO):
    """A file whose failed writes are forgotten but for the first error, which is kept as `lost`."""

    lost: OSError | None = None

    def write(self, data: object, /) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            self.lost = self.lost or error
            return len(memoryview(data).cast("B"))  # type: ignore[arg-type]


@contextmanager
def forgiving_streams() -> Iterator[None]:
    """Replace ``sys.stdout`` and ``sys.stderr`` by streams that go on when what they write to does not.

    Characters that the terminal's encoding lacks are written as escapes. Where standard output carries the result
    (``tdaflow config > FILE``) and could not be written, the exit code 0 becomes 3, except where its reader has enough.
    """
    out = _forgiving(sys.stdout)
    _forgiving(sys.stderr)
    try:
        yield
    except SystemExit as end:
        sys.stdout.flush()
        if out is None or out.lost is None or out.lost.errno == errno.EPIPE or end.code not in (None, DONE):
            raise
        print(f"tdaflow: what was printed is incomplete: {out.lost.strerror}", file=sys.stderr)
        sys.exit(FAILED)


def _forgiving(stream: TextIO) -> _Forgiving | None:
    """Put a forgiving file under a standard stream; None if it is not one of the system's."""
    try:
        raw = _Forgiving(stream.fileno(), "w", closefd=False)
    except (OSError, ValueError, AttributeError):
        return None
    name = "stdout" if stream is sys.stdout else "stderr"
    text = io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=stream.encoding, errors="backslashreplace",
        line_buffering=name == "stderr" or stream.isatty(),
    )  # fmt: skip
    setattr(sys, name, text)
    return raw
