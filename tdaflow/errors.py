"""The errors a user can meet.

Every message is one sentence that names the thing, the place, the limit and the remedy.
"""


class TdaflowError(Exception):
    """Base of all errors that tdaflow raises on purpose."""


class InputError(TdaflowError, ValueError):
    """Data that cannot be used as given."""


class ConfigError(TdaflowError, ValueError):
    """A configuration that cannot be run; nothing was started."""


class RunError(TdaflowError, RuntimeError):
    """A run that could not finish; what it finished is kept and it can be resumed."""
