"""Import libraries that only some formats need."""

import importlib
from types import ModuleType

from tdaflow.errors import InputError


def require(module: str, what: str) -> ModuleType:
    """Import a library of the extra ``medical``.

    Parameters
    ----------
    module : str
        Name to import.
    what : str
        Purpose, for the message.

    Raises
    ------
    InputError
        If it is not installed, with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise InputError(f'{what} needs {package}, which is not installed: pip install "tdaflow[medical]"') from error
