"""Check for torch and MONAI, which only networks need, and choose a device."""

import importlib

from tdaflow.errors import InputError


def require_torch() -> None:
    """Raise InputError with the command that installs them unless torch and MONAI can be imported."""
    for package in ("torch", "monai"):
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise InputError(
                f'a network needs {package}, which is not installed: pip install "tdaflow[torch]"'
            ) from error


def chosen_device(wanted: str = "auto") -> str:
    """Return the name of a device: "auto" is "cuda" where there is one, else "cpu"; InputError if it is missing."""
    require_torch()
    import torch

    there = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    if wanted == "auto":
        return there[-1]
    if wanted not in there:
        raise InputError(f"there is no device {wanted!r} here: use auto or {' or '.join(there)}")
    return wanted
