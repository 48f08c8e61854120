"""Use pydicom without its warnings and its log, which can quote names of patients."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

from tdaflow.sources.optional import require

_lock = threading.Lock()
_readers = 0
_silence: Any = None
_before: tuple[bool, Any] = (False, None)  # whether pydicom's log was off, and how strictly it validated


def load_pydicom() -> ModuleType:
    """Import pydicom; `InputError` with the command that installs it if it is missing."""
    return require("pydicom", "reading DICOM")


@contextmanager
def quiet_pydicom() -> Iterator[ModuleType]:
    """Yield pydicom with its warnings and its log switched off.

    Both quote values of the file, which may be names. ``warnings.catch_warnings`` does not work here: it restores the
    whole list of filters, which breaks when several threads read at once. Instead the first reader adds one filter for
    pydicom's own modules and the last one removes it; other warnings are unaffected. Validation of values, the source
    of most of these warnings, is switched off too, in case another thread removes the filter with a
    ``catch_warnings`` of its own.
    """
    pydicom = load_pydicom()
    _enter(pydicom)
    try:
        yield pydicom
    finally:
        _leave(pydicom)


def _enter(pydicom: ModuleType) -> None:
    global _readers, _silence, _before
    with _lock:
        # Added by every reader, since a test or an application may have replaced the list in between.
        warnings.filterwarnings("ignore", module=r"(pydicom|tdaflow\.sources\.dicom)(\.|$)")
        _silence = warnings.filters[0]
        logger, settings = logging.getLogger("pydicom"), pydicom.config.settings
        if _readers == 0:
            _before = logger.disabled, settings.reading_validation_mode
        logger.disabled, settings.reading_validation_mode = True, pydicom.config.IGNORE
        _readers += 1


def _leave(pydicom: ModuleType) -> None:
    global _readers
    with _lock:
        _readers -= 1
        if _readers == 0:
            with suppress(ValueError):
                warnings.filters.remove(_silence)  # type: ignore[attr-defined]
            logging.getLogger("pydicom").disabled, pydicom.config.settings.reading_validation_mode = _before
